/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saying what the input holds.
 */
#include "test/fuzz/answers.h"

/** Waits that end before the time is over. */
#define WAITS_MAX 20

static const int statuses[] = {
	200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 423, 500, 502, 503, 504, 507};
/** Bytes from here on: not sent, no whole answer. */
#define BYTE_NOT_SENT 0xF0
#define BYTE_UNKNOWN 0xF8

static struct answers *now;
static unsigned waits;

void answers_set(struct answers *answers)
{
	now = answers;
	waits = 0;
}

static int no_answer(enum http_outcome outcome, struct http_response *ret, struct err *err)
{
	ret->outcome = outcome;
	return err_set(err, ERR_UNAVAILABLE, "%s",
		outcome == HTTP_NOT_SENT ? "not sent" : "outcome unknown, the request was sent");
}

static int answer(const struct http_request *request, struct http_response *ret, struct err *err)
{
	const uint8_t *end;
	size_t len;

	*ret = (struct http_response){0};
	if (now->left == 0) {
		return no_answer(HTTP_UNKNOWN, ret, err);
	}
	uint8_t kind = *now->at++;

	now->left--;
	if (kind >= BYTE_NOT_SENT) {
		return no_answer(kind >= BYTE_UNKNOWN ? HTTP_UNKNOWN : HTTP_NOT_SENT, ret, err);
	}
	end = memchr(now->at, 0, now->left);
	len = end ? (size_t)(end - now->at) : now->left;
	_cleanup_free_ char *given = fuzz_text(now->at, len);
	char *other = now->body(request, given);

	now->at += len + (end ? 1 : 0);
	now->left -= len + (end ? 1 : 0);
	ret->outcome = HTTP_ANSWERED;
	ret->status = statuses[kind % ARRAY_SIZE(statuses)];
	ret->body = other ? other : TAKE_PTR(given);
	ret->len = strlen(ret->body);
	return 0;
}

int __wrap_http_get(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	(void)client;
	(void)dl;
	now->unknown = false;
	return answer(request, ret, err);
}

int __wrap_http_ask(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	return __wrap_http_get(client, request, dl, ret, err);
}

int __wrap_http_send(const struct step *in, struct http_client *client,
	const struct http_request *request, const struct deadline *dl, struct http_response *ret,
	struct err *err)
{
	int rc;

	(void)client;
	(void)dl;
	FUZZ_CHECK(in);
	rc = answer(request, ret, err);
	now->unknown = ret->outcome == HTTP_UNKNOWN || ret->status >= 500;
	return rc;
}

int __wrap_deadline_poll(const struct deadline *dl, int fd, short events, int64_t max_ms,
	const char *what, struct err *err)
{
	(void)dl;
	(void)fd;
	(void)events;
	(void)max_ms;
	return ++waits <= WAITS_MAX ? 0 : err_set(err, ERR_DEADLINE_EXCEEDED, "%s: deadline", what);
}
