/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: a status for each code, and the body that carries code and message of an error. The
 * little JSON there is written by hand, as this layer stands beside common/json.
 */
#include "common/http/respond.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"

/** Longest error body: a message may grow by its escapes. */
#define ERROR_BODY_MAX (ERR_MSG_MAX * 6 + 128)

int http_status_of_code(enum err_code code)
{
	switch (code) {
	case ERR_OK:
		return 200;
	case ERR_INVALID_ARGUMENT:
	case ERR_OUT_OF_RANGE:
		return 400;
	case ERR_UNAUTHENTICATED:
		return 401;
	case ERR_PERMISSION_DENIED:
		return 403;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_ALREADY_EXISTS:
	case ERR_ABORTED:
		return 409;
	case ERR_FAILED_PRECONDITION:
		return 423;
	case ERR_UNIMPLEMENTED:
		return 501;
	case ERR_UNAVAILABLE:
	case ERR_CANCELLED:
		return 503;
	case ERR_DEADLINE_EXCEEDED:
		return 504;
	case ERR_RESOURCE_EXHAUSTED:
		return 507;
	default:
		return 500;
	}
}

int http_respond(struct http_server_response *res, int status, const char *content_type,
	char *take_body, size_t len)
{
	free(res->body);
	res->status = status;
	res->content_type = content_type;
	res->body = take_body;
	res->len = take_body ? len : 0;
	return 0;
}

int http_respond_text(const struct http_server_request *req, struct http_server_response *res,
	int status, const char *content_type, struct strbuf *sb)
{
	size_t len = sb->len;
	char *body = NULL;

	if (sb_take(sb, "answer", &body, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, status, content_type, body, len);
}

int http_respond_json(struct http_server_response *res, int status, char *take_text)
{
	return http_respond(
		res, status, "application/json", take_text, take_text ? strlen(take_text) : 0);
}

/* The inside of a JSON string. */
static void add_escaped(struct strbuf *sb, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\') {
			sb_addc(sb, '\\');
			sb_addc(sb, *p);
		} else if ((unsigned char)*p < ' ') {
			sb_addf(sb, "\\u%04x", (unsigned)(unsigned char)*p);
		} else {
			sb_addc(sb, *p);
		}
	}
}

void respond_error(struct http_server_response *res, int status, const struct err *what)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(ERROR_BODY_MAX);
	char shown[ERR_MSG_MAX];
	const char *msg = what->msg;
	char *body = NULL;

	if (!utf8_valid(msg, strlen(msg))) {
		msg = printable(msg, shown, sizeof(shown));
	}
	sb_addf(&sb, "{\"error\":{\"code\":\"%s\",\"message\":\"", err_code_name(what->code));
	add_escaped(&sb, msg);
	sb_add(&sb, "\"}}");
	if (sb_take(&sb, "error", &body, NULL) < 0) {
		body = NULL; /* no memory: the status alone must do */
	}
	(void)http_respond_json(res, status, body);
}
