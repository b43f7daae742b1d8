/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of JSON-RPC, and the table of SPDK's errors. The texts are those of
 * lib/nvmf/nvmf_rpc.c, module/bdev/lvol/vbdev_lvol_rpc.c and of strerror() in glibc's C locale,
 * releases 22.09 to 26.09.
 */
#include "controller/backend/spdk/rpc.h"

#include "common/base/parse.h"

#include <errno.h>

/** Longest message taken from the other side, with its NUL. */
#define REMOTE_MSG_MAX 400
#define RPC_PARSE (-32700)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS (-32602)
#define RPC_INTERNAL (-32603)
/** Any number. */
#define ANY INT64_MIN

static const struct {
	const char *family; /* how the method begins */
	int64_t code;
	const char *text; /* what the message holds */
	enum spdk_said said;
} rows[] = {
	{"", RPC_METHOD_NOT_FOUND, "", SPDK_SAID_UNKNOWN_METHOD},
	/* Also right after a start, while other threads come up. */
	{"", -1, "framework", SPDK_SAID_STARTING},
	{"bdev_", RPC_INTERNAL, "spdk_json_decode_object failed", SPDK_SAID_UNKNOWN_PARAMETER},
	{"", ANY, "No space left on device", SPDK_SAID_NO_ROOM},
	{"", -ENOSPC, "", SPDK_SAID_NO_ROOM},
	{"", ANY, "File exists", SPDK_SAID_EXISTS},
	{"", -EEXIST, "", SPDK_SAID_EXISTS},
	{"", ANY, "Device or resource busy", SPDK_SAID_BUSY},
	{"", ANY, "Resource temporarily unavailable", SPDK_SAID_BUSY},
	{"", -EBUSY, "", SPDK_SAID_BUSY},
	{"", -EAGAIN, "", SPDK_SAID_BUSY},
	{"nvmf_", ANY, "another state change", SPDK_SAID_BUSY},
	{"nvmf_", ANY, "already being destroyed", SPDK_SAID_BUSY},
	{"nvmf_", ANY, "Timeout reached during host removal", SPDK_SAID_BUSY},
	{"", ANY, "No such device", SPDK_SAID_ABSENT},
	{"", -ENODEV, "", SPDK_SAID_ABSENT},
	/* "Subsystem with NQN '...' not found", from 26.09 on. */
	{"nvmf_", RPC_INVALID_PARAMS, "not found", SPDK_SAID_ABSENT},
	{"bdev_", ANY, "Operation not permitted", SPDK_SAID_REFUSED},
};

enum spdk_said spdk_said_of(const char *method, int64_t code, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strncmp(method, rows[i].family, strlen(rows[i].family)) == 0 &&
			(rows[i].code == ANY || rows[i].code == code) &&
			strstr(text, rows[i].text)) {
			return rows[i].said;
		}
	}
	return SPDK_SAID_UNCLEAR;
}

enum err_code spdk_said_code(enum spdk_said said)
{
	return said == SPDK_SAID_NO_ROOM ? ERR_RESOURCE_EXHAUSTED
	       : said == SPDK_SAID_BUSY	 ? ERR_ABORTED
					 : ERR_UNAVAILABLE;
}

/* What an operator can do about it. */
static const char *hint(enum spdk_said said)
{
	switch (said) {
	case SPDK_SAID_STARTING:
		return "; the target waits for framework_start_init";
	case SPDK_SAID_UNKNOWN_METHOD:
		return "; is it a release from 22.09 on, and does its --rpcs-allowed name this method?";
	case SPDK_SAID_UNKNOWN_PARAMETER:
		return "; is it another release by now? Its version is asked again";
	default:
		return "";
	}
}

int spdk_request_print(const char *method, struct js *take_params, int64_t id, char **ret_text,
	size_t *ret_len, struct err *err)
{
	_cleanup_js_ struct js *request = js_object();

	js_set_str(request, "jsonrpc", "2.0");
	js_set_int(request, "id", id);
	js_set_str(request, "method", method);
	if (take_params) {
		js_set(request, "params", take_params);
	}
	if (js_print(request, "request", SPDK_REQUEST_MAX, ret_text, ret_len, err) < 0) {
		if (err) {
			err->code = ERR_UNAVAILABLE; /* not sent, and no fault of the caller's */
		}
		return err_wrap(err, "%s: not sent", method);
	}
	return 0;
}

/* The error member; false when the answer has none that is one. */
static bool read_error(const struct js_at *root, int64_t *ret_code, const char **ret_text)
{
	struct js_at error;

	return js_get_obj(root, "error", &error, NULL) == 0 &&
	       js_get_int(&error, "code", INT32_MIN, INT32_MAX, ret_code, NULL) == 0 &&
	       js_get_str(&error, "message", SPDK_REQUEST_MAX, ret_text, NULL) == 0;
}

static int garbage(const struct spdk_answer *answer, struct err *err)
{
	if (err) {
		err->code = ERR_UNAVAILABLE;
	}
	return err_wrap(err, "%s: the answer is none of SPDK's JSON-RPC, so the outcome is unknown",
		answer->method);
}

/* Is it the answer to this very request? */
static int check_frame(const struct spdk_answer *answer, const struct js_at *root, struct err *err)
{
	const char *version = NULL;
	int64_t id = 0;

	if (js_want_obj(root, err) < 0 || js_get_str(root, "jsonrpc", 8, &version, err) < 0 ||
		js_get_int(root, "id", INT64_MIN, INT64_MAX, &id, err) < 0) {
		return -1;
	}
	if (!streq(version, "2.0")) {
		return js_fail(root, "jsonrpc", err, "must be 2.0");
	}
	if (id != answer->id) {
		return js_fail(root, "id", err, "must be that of the request");
	}
	if (js_has(root, "result") == js_has(root, "error")) {
		return js_fail(root, "result", err, "must be there, or else error");
	}
	return 0;
}

int spdk_answer_read(const struct spdk_answer *answer, struct js_doc **ret_doc,
	enum spdk_said *ret_said, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	char shown[REMOTE_MSG_MAX];
	const char *text = NULL;
	struct js_at root;
	int64_t code = 0;
	int rc;

	*ret_said = SPDK_SAID_NOTHING;
	rc = answer->items
		     ? js_split(answer->items, answer->text, answer->len, answer->max, &doc, err)
		     : js_parse("answer", answer->text, answer->len, answer->max, &doc, err);
	if (rc < 0) {
		return garbage(answer, err);
	}
	root = js_root(doc);
	/* What it could not even parse has no id. */
	if (!js_has(&root, "result") && read_error(&root, &code, &text) && code == RPC_PARSE) {
		return err_set(err, ERR_UNAVAILABLE, "%s: the target could not read the request",
			answer->method);
	}
	if (check_frame(answer, &root, err) < 0) {
		return garbage(answer, err);
	}
	if (js_has(&root, "result")) {
		*ret_doc = TAKE_PTR(doc);
		return 0;
	}
	if (!read_error(&root, &code, &text)) {
		(void)js_fail(&root, "error", err, "must have a code and a message");
		return garbage(answer, err);
	}
	*ret_said = spdk_said_of(answer->method, code, text);
	return err_set(err, spdk_said_code(*ret_said), "%s: the target says %s (%lld)%s",
		answer->method, printable(text, shown, sizeof(shown)), (long long)code,
		hint(*ret_said));
}
