/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the agent's API, and what its answer means. The rule for errors: a final code is
 * believed only when the agent itself says it, with the status that belongs to it; everything else
 * leaves the outcome open (P6).
 */
#include "common/base/parse.h"
#include "controller/backend/linux/linux_priv.h"

/** Longest message taken from the other side, with its NUL. */
#define REMOTE_MSG_MAX 640

/* Which codes go with which status; see components/responses of openapi.yaml. */
static const struct {
	int status;
	enum err_code code;
} said[] = {
	{400, ERR_INVALID_ARGUMENT},
	{400, ERR_OUT_OF_RANGE},
	{404, ERR_NOT_FOUND},
	{409, ERR_ALREADY_EXISTS},
	{409, ERR_ABORTED},
	{413, ERR_INVALID_ARGUMENT},
	{423, ERR_FAILED_PRECONDITION},
	{503, ERR_UNAVAILABLE},
	{504, ERR_DEADLINE_EXCEEDED},
	{507, ERR_RESOURCE_EXHAUSTED},
};

int linux_garbage(const struct linux_backend *lb, struct err *err)
{
	(void)be_not_final(err);
	return err_wrap(err,
		"backend %s: its answer is not one of nvmetcp-target, so the outcome is unknown",
		lb->name);
}

/* The agent's code and message, when the body has them. */
static bool read_error(const struct http_response *res, const char **ret_code, const char **ret_msg,
	struct js_doc **ret_doc)
{
	struct js_at root;
	struct js_at error;

	if (js_parse("answer", res->body, res->len, LINUX_ANSWER_MAX, ret_doc, NULL) < 0) {
		return false;
	}
	root = js_root(*ret_doc);
	return js_want_obj(&root, NULL) == 0 && js_get_obj(&root, "error", &error, NULL) == 0 &&
	       js_get_str(&error, "code", 64, ret_code, NULL) == 0 &&
	       js_get_str(&error, "message", LINUX_ANSWER_MAX, ret_msg, NULL) == 0;
}

/* An answer that is no success. */
static int refused(const struct linux_backend *lb, const struct http_response *res, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	const char *code = "";
	const char *msg = "";
	char shown[REMOTE_MSG_MAX];
	bool own = read_error(res, &code, &msg, &doc);

	(void)printable(msg, shown, sizeof(shown));
	if (res->status == 401) {
		return err_set(err, ERR_UNAUTHENTICATED,
			"backend %s: it does not know our token (401): what tokenFile holds (in Kubernetes "
			"the Secret of the backend) is not the token of nvmetcp-target; correct it, and "
			"it is read again by itself",
			lb->name);
	}
	if (res->status == 403) {
		return err_set(err, ERR_PERMISSION_DENIED,
			"backend %s: our token has not the right for this (403)%s%s", lb->name,
			*shown ? ": " : "", shown);
	}
	for (size_t i = 0; own && i < ARRAY_SIZE(said); i++) {
		if (said[i].status == res->status && streq(err_code_name(said[i].code), code)) {
			return err_set(err, said[i].code, "backend %s: %s", lb->name, shown);
		}
	}
	if (own) {
		char shown_code[64];

		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: it answers status %d, code %s: %s", lb->name, res->status,
			printable(code, shown_code, sizeof(shown_code)), shown);
	}
	return err_set(err, ERR_UNAVAILABLE,
		"backend %s: it answers status %d without an error of nvmetcp-target; check its url and "
		"what stands in between",
		lb->name, res->status);
}

static void drop_token(struct secret **token)
{
	secret_unref(*token);
}

/* The document of a successful answer. */
static int read_success(const struct linux_backend *lb, const struct http_response *res,
	struct js_doc **ret_doc, struct err *err)
{
	struct js_doc *doc = NULL;
	struct js_at root;

	if (ret_doc ? res->status != 200 && res->status != 201 : res->status != 204) {
		(void)err_set(err, ERR_UNAVAILABLE, "status %d, which must be %s", res->status,
			ret_doc ? "200 or 201, with the object" : "204");
		return linux_garbage(lb, err);
	}
	if (!ret_doc) {
		return 0;
	}
	if (js_parse("answer", res->body, res->len, LINUX_ANSWER_MAX, &doc, err) < 0) {
		return linux_garbage(lb, err);
	}
	root = js_root(doc);
	if (js_want_obj(&root, err) < 0) {
		js_doc_free(doc);
		return linux_garbage(lb, err);
	}
	*ret_doc = doc;
	return 0;
}

static int no_answer(const struct linux_backend *lb, struct err *err)
{
	return err_wrap(err, "backend %s", lb->name);
}

static int get_once(struct linux_backend *lb, const struct op *op, const char *path,
	struct http_response *res, struct err *err)
{
	const struct http_request request = {.method = "GET", .path = path};

	return http_get(lb->client, &request, &op->deadline, res, err);
}

/* GET without asking whether a 404 comes from an agent. */
static int get_plain(struct linux_backend *lb, const struct op *op, const char *path,
	struct js_doc **ret_doc, struct err *err)
{
	_cleanup_http_response_ struct http_response res = {0};
	_cleanup_(drop_token) struct secret *sent = http_token_now(lb->token);

	*ret_doc = NULL;
	if (!path) {
		return be_no_memory(err);
	}
	if (get_once(lb, op, path, &res, err) < 0) {
		return no_answer(lb, err);
	}
	if (res.status == 401 && http_token_changed(lb->token, lb->client, sent)) {
		http_response_done(&res);
		if (get_once(lb, op, path, &res, err) < 0) {
			return no_answer(lb, err);
		}
	}
	if (res.status != 200) {
		return refused(lb, &res, err);
	}
	return read_success(lb, &res, ret_doc, err);
}

int linux_limits(
	struct linux_backend *lb, const struct op *op, struct be_limits *ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct be_limits limits = {0};
	struct js_at root;
	struct js_at named;
	int64_t hosts = 0;
	bool known;

	(void)pthread_mutex_lock(&lb->lock);
	known = lb->limits_until_ms > clock_ms();
	*ret = lb->limits;
	(void)pthread_mutex_unlock(&lb->lock);
	if (known) {
		return 0;
	}
	if (get_plain(lb, op, "/v1/info", &doc, err) < 0) {
		/* Not even this path: then this is no agent, and it knows of no object. That it
		 * does not let us in is clear enough. */
		return err && (err->code == ERR_UNAUTHENTICATED ||
				      err->code == ERR_PERMISSION_DENIED)
			       ? -1
			       : be_not_final(err);
	}
	root = js_root(doc);
	if (js_get_int(&root, "granularity", 1, 1 << 30, &limits.granularity, err) < 0 ||
		js_get_int(&root, "minVolumeSize", 1, INT64_MAX, &limits.min_size, err) < 0 ||
		js_get_int(&root, "maxVolumeSize", limits.min_size, INT64_MAX, &limits.max_size,
			err) < 0 ||
		js_get_obj(&root, "limits", &named, err) < 0 ||
		js_opt_int(&named, "hostsPerVolume", 1, INT32_MAX, &hosts, err) < 0) {
		return linux_garbage(lb, err);
	}
	limits.max_hosts = (unsigned)hosts;
	(void)pthread_mutex_lock(&lb->lock);
	lb->limits = limits;
	lb->limits_until_ms = clock_ms() + LINUX_INFO_MS;
	lb->confirmed = true;
	(void)pthread_mutex_unlock(&lb->lock);
	*ret = limits;
	return 0;
}

/*
 * "Not there" from a server that is no agent, or behind a wrong prefix of the URL, would make a
 * delete look done. So it is believed only when the same URL has /v1/info.
 */
static int confirm_absent(struct linux_backend *lb, const struct op *op, struct err *err)
{
	struct err why = {0};
	struct be_limits limits;
	bool confirmed;

	if (!err || err->code != ERR_NOT_FOUND) {
		return -1;
	}
	(void)pthread_mutex_lock(&lb->lock);
	confirmed = lb->confirmed;
	(void)pthread_mutex_unlock(&lb->lock);
	if (!confirmed && linux_limits(lb, op, &limits, &why) < 0) {
		*err = why;
	}
	return -1;
}

int linux_get(struct linux_backend *lb, const struct op *op, const char *path,
	struct js_doc **ret_doc, struct err *err)
{
	struct err why = {0};

	if (get_plain(lb, op, path, ret_doc, &why) == 0) {
		return 0;
	}
	(void)confirm_absent(lb, op, &why);
	return err_set(err, why.code, "%s", why.msg);
}

static int send_once(const struct step *in, struct linux_backend *lb, const struct op *op,
	const struct http_request *request, struct http_response *res, struct err *err)
{
	return http_send(in, lb->client, request, &op->deadline, res, err);
}

static int send_plain(const struct step *in, struct linux_backend *lb, const struct op *op,
	const struct http_request *request, struct js_doc **ret_doc, struct err *err)
{
	_cleanup_http_response_ struct http_response res = {0};
	_cleanup_(drop_token) struct secret *sent = http_token_now(lb->token);

	if (send_once(in, lb, op, request, &res, err) < 0) {
		return no_answer(lb, err);
	}
	if (res.status == 401 && http_token_changed(lb->token, lb->client, sent)) {
		http_response_done(&res);
		if (send_once(in, lb, op, request, &res, err) < 0) {
			return no_answer(lb, err);
		}
	}
	if (res.status < 200 || res.status > 299) {
		return refused(lb, &res, err);
	}
	return read_success(lb, &res, ret_doc, err);
}

int linux_send(const struct step *in, struct linux_backend *lb, const struct op *op,
	const struct linux_change *change, struct js_doc **ret_doc, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	/* Every change of this API may be repeated, POST …/resize, too. */
	struct http_request request = {
		.method = change->method, .path = change->path, .repeatable = true};
	struct err why = {0};

	if (ret_doc) {
		*ret_doc = NULL;
	}
	if (!change->path) {
		return be_no_memory(err);
	}
	if (change->body && js_print(change->body, "request", LINUX_REQUEST_MAX, &text,
				    &request.len, &why) < 0) {
		(void)be_not_final(&why);
		return err_set(err, why.code, "backend %s: %s", lb->name, why.msg);
	}
	request.body = text;
	if (send_plain(in, lb, op, &request, ret_doc, &why) == 0) {
		return 0;
	}
	(void)confirm_absent(lb, op, &why);
	return err_set(err, why.code, "%s", why.msg);
}

char *linux_path(const struct op *op, const char *collection, const char *object, const char *rest)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(HTTP_PATH_MAX);

	sb_addf(&sb, "/v1/%s/", collection);
	http_path_escape(&sb, object);
	sb_add(&sb, rest);
	return sb.failed ? NULL : arena_strdup(op->arena, sb_str(&sb));
}
