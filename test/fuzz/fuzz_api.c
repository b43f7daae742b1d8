/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API of nvmetcp-target over an agent on folders: an odd first byte says that the rest are
 * bytes for the server's socket as they are, an even one that it is "METHOD TARGET", an end of line
 * and a body, framed as HTTP wants it. Nothing that is sent is answered by 500, and errors are of
 * the form that the API promises.
 */
#include "test/fuzz/fuzz.h"
#include "test/unit/target/api/apifix.h"

#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_MAX ((size_t)4 * 1024 * 1024)

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	FUZZ_CHECK(fd >= 0 && strlen(served.socket) < sizeof(addr.sun_path));
	memcpy(addr.sun_path, served.socket, strlen(served.socket) + 1);
	FUZZ_CHECK(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

/* Send all, say that it is all, and read until the server closes. */
static void exchange(const void *bytes, size_t n, struct strbuf *answer)
{
	_cleanup_close_ int fd = dial();
	char part[16384];
	ssize_t got;

	/* A server that has had enough need not read on. */
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);

		if (sent <= 0) {
			break;
		}
		at += (size_t)sent;
	}
	(void)shutdown(fd, SHUT_WR);
	while ((got = recv(fd, part, sizeof(part), 0)) > 0) {
		sb_addn(answer, part, (size_t)got);
	}
	FUZZ_CHECK(!answer->failed);
}

static void frame(const uint8_t *data, size_t size, struct strbuf *out)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t line = end ? (size_t)(end - data) : size;
	size_t body = size - line - (end ? 1 : 0);

	sb_addn(out, data, line);
	sb_addf(out,
		" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		body);
	sb_addn(out, data + size - body, body);
}

/* An error has its code and a message that is a text. */
static void check_error(const char *body, size_t len)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	const char *message = NULL;
	const char *code = NULL;
	struct js_at root;
	struct js_at error;

	FUZZ_CHECK(js_parse("answer", body, len, ANSWER_MAX, &doc, NULL) == 0);
	root = js_root(doc);
	FUZZ_CHECK(js_get_obj(&root, "error", &error, NULL) == 0);
	FUZZ_CHECK(js_get_str(&error, "code", 64, &code, NULL) == 0);
	FUZZ_CHECK(js_get_str(&error, "message", ERR_MSG_MAX, &message, NULL) == 0);
	FUZZ_CHECK(*code && *message);
	FUZZ_CHECK(!streq(code, "INTERNAL") && !streq(code, "UNKNOWN"));
}

static void check_answer(const struct strbuf *answer)
{
	const char *text = sb_str(answer);
	const char *body = strstr(text, "\r\n\r\n");
	int status = 0;

	if (answer->len == 0) {
		return; /* not even a request line came */
	}
	FUZZ_CHECK(strncmp(text, "HTTP/1.1 ", 9) == 0 || strncmp(text, "HTTP/1.0 ", 9) == 0);
	for (int i = 9; i < 12; i++) {
		FUZZ_CHECK(text[i] >= '0' && text[i] <= '9');
		status = status * 10 + (text[i] - '0');
	}
	FUZZ_CHECK(status != 500 && status != 501);
	FUZZ_CHECK(body);
	/* What libmicrohttpd refuses by itself it says in HTML. */
	if (status >= 400 && strncmp(body + 4, "{\"error\"", 8) == 0 && !strstr(body, "HTTP/1.")) {
		check_error(body + 4, strlen(body + 4));
	}
}

static void start(void)
{
	static bool started;

	if (!started) {
		started = true;
		FUZZ_CHECK(api_setup(NULL) == 0);
	}
}

/* All that was made, as each input begins with nothing. */
static void clear(enum object_kind kind)
{
	const struct list_request request = {.kind = kind, .limit = API_PAGE_MAX};
	_cleanup_list_answer_ struct list_answer list = {0};
	struct err err = {0};

	FUZZ_CHECK(agent_list(world.agent, &request, &list, &err) == 0);
	for (size_t i = 0; i < list.n; i++) {
		const struct object *object = list.list[i].object;
		struct deadline dl = soon();

		if (kind == OBJECT_VOLUME) {
			FUZZ_CHECK(agent_revoke(world.agent, object->id, NULL, &dl, &err) == 0);
		}
		FUZZ_CHECK(agent_delete(world.agent, object_name_of(object), &dl, &err) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf request = sb_init((size_t)1 << 20);
	_cleanup_strbuf_ struct strbuf answer = sb_init(ANSWER_MAX);

	start();
	if (size == 0) {
		return 0;
	}
	emu.len = 0;
	if (data[0] % 2 == 0) {
		frame(data + 1, size - 1, &request);
	} else {
		sb_addn(&request, data + 1, size - 1);
	}
	exchange(request.data ? request.data : "", request.len, &answer);
	check_answer(&answer);
	clear(OBJECT_SNAPSHOT);
	clear(OBJECT_VOLUME);
	return 0;
}
