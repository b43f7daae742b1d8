/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux backend against a server that says what the test wrote down: what is sent, what each
 * answer means, and that no answer out of shape is ever taken for a final one.
 */
#include "common/http/client.h"
#include "controller/backend/linux/linux.h"
#include "controller/backend/objname.h"
#include "test/unit/controller/backend/linux/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEX "f2868e1aa7cab669517cd9f5ab1b7957"
#define VOLUME "prod-v-" HEX
#define SNAPSHOT "prod-s-" HEX
#define HOST "nqn.2026-01.dev.csi.nvmetcp:node.prod.n1"
/* As it goes over the wire. */
#define HOST_PATH "/v1/volumes/" VOLUME "/hosts/nqn.2026-01.dev.csi.nvmetcp%3Anode.prod.n1"
#define INFO                                                                                       \
	"{\"version\":\"1\",\"granularity\":4096,\"minVolumeSize\":1048576,\"maxVolumeSize\":"     \
	"70368744177664,\"portals\":[],\"limits\":{\"hostsPerVolume\":64}}"
#define BODY(id, more)                                                                             \
	"{\"id\":\"" id "\",\"pool\":\"fast\",\"instance\":\"prod\",\"size\":8388608,"             \
	"\"createdAt\":1763712000123,\"written\":false,\"allocated\":0,\"nqn\":\"nqn.x\","         \
	"\"nsid\":1,\"shared\":false" more "}"
#define GOOD_TAIL ",\"hosts\":[\"" HOST "\"],\"metadata\":{\"csiName\":\"pvc-1\",\"k\":\"v\"}"
#define GOOD BODY(VOLUME, GOOD_TAIL)
#define EXPORT(more)                                                                               \
	"{\"nqn\":\"nqn.2026-01.dev.csi.nvmetcp:prod:1\",\"nsid\":1,\"size\":8388608,\"shared\":"  \
	"false,\"written\":true" more "}"
#define IDENT ",\"nguid\":\"" HEX "\",\"uuid\":\"f2868e1a-a7ca-b669-517c-d9f5ab1b7957\""
#define PORTALS ",\"portals\":[\"192.0.2.1:4420\",\"[2001:db8::1]:4420\"]"
#define ERROR(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"because\"}}"

struct world {
	struct script script;
	struct backend *be;
	struct op op;
	struct err err;
};

static struct be_config config_of(const struct world *w)
{
	return (struct be_config){.name = "lab",
		.instance = "prod",
		.url = w->script.url,
		.ca_file = "",
		.token_file = "",
		.pool = ""};
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct be_config config;

	if (!w || script_start(&w->script) < 0) {
		return -1;
	}
	config = config_of(w);
	w->op.arena = arena_new((size_t)16 * 1024 * 1024);
	w->op.deadline = deadline_in(30000);
	*state = w;
	return backend_linux.open(&config, &w->be, &w->err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	be_close(w->be);
	script_stop(&w->script);
	arena_free(w->op.arena);
	free(w);
	return 0;
}

static void say(struct world *w, const char *request, int status, const char *body)
{
	script_add(&w->script,
		(struct script_line){.request = request, .status = status, .body = body});
}

static void say_once(struct world *w, const char *request, int status, const char *body)
{
	script_add(&w->script,
		(struct script_line){
			.request = request, .status = status, .body = body, .times = 1});
}

/* A new script in a world whose backend knows that it talks to an agent. */
static void fresh(struct world *w)
{
	w->err = (struct err){0};
	script_clear(&w->script);
	say(w, "GET /v1/info", 200, INFO);
}

/* How often a request that begins like this was seen. */
static unsigned seen(struct world *w, const char *request)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->script.n_seen; i++) {
		n += strncmp(w->script.seen[i], request, strlen(request)) == 0 ? 1 : 0;
	}
	return n;
}

static const char *last_seen(struct world *w)
{
	assert_true(w->script.n_seen > 0);
	return w->script.seen[w->script.n_seen - 1];
}

/* Calls that change something, within a step. */
enum which { CREATE, DELETE, EXPAND, GRANT, REVOKE, CUT, UNCUT, CHANGES };
union result {
	struct be_volume volume;
	struct be_snapshot snapshot;
	struct attach_info info;
};
struct change {
	struct world *w;
	enum which which;
	struct be_volume_args args;
	const char *host;
	int64_t size;
	union result *ret;
	enum be_result result;
};

static int within(const struct step *in, void *arg, struct err *err)
{
	struct change *c = arg;
	struct backend *be = c->w->be;
	const struct backend_ops *ops = be->ops;
	const struct op *op = &c->w->op;
	const struct be_snapshot_args cut = {.object = SNAPSHOT, .name = "s", .volume = VOLUME};
	const struct be_expand_args larger = {.object = VOLUME, .size = c->size};
	const struct be_grant_args host = {.object = VOLUME, .host_nqn = c->host};

	switch (c->which) {
	case CREATE:
		c->result = ops->volume_create(in, be, op, &c->args, &c->ret->volume, err);
		break;
	case DELETE:
		c->result = ops->volume_delete(in, be, op, VOLUME, err);
		break;
	case EXPAND:
		c->result = ops->volume_expand(in, be, op, &larger, &c->ret->volume, err);
		break;
	case GRANT:
		c->result = ops->grant(in, be, op, &host, &c->ret->info, err);
		break;
	case REVOKE:
		c->result = ops->revoke(in, be, op, &host, err);
		break;
	case CUT:
		c->result = ops->snapshot_create(in, be, op, &cut, &c->ret->snapshot, err);
		break;
	default:
		c->result = ops->snapshot_delete(in, be, op, SNAPSHOT, err);
	}
	return c->result == BE_FAILED ? -1 : 0;
}

static struct be_volume_args new_volume(void)
{
	return (struct be_volume_args){.object = VOLUME,
		.name = "pvc-1",
		.pool = "fast",
		.size = 8 * MIB,
		.source = {.kind = BE_BLANK, .object = ""}};
}

static enum be_result change_by(
	struct world *w, enum which which, const struct be_volume_args *args, union result *ret)
{
	struct change c = {.w = w,
		.which = which,
		.args = args ? *args : new_volume(),
		.host = HOST,
		.size = 8 * MIB,
		.ret = ret};
	struct steps steps = {.operation = "Test"};

	w->err = (struct err){0};
	if (step_run(&steps, "change", within, &c, &w->err) < 0) {
		assert_int_equal(c.result, BE_FAILED);
	}
	return c.result;
}

static enum be_result change(struct world *w, enum which which)
{
	union result ret;

	return change_by(w, which, NULL, &ret);
}

static int get(struct world *w, struct be_volume *ret)
{
	w->err = (struct err){0};
	return w->be->ops->volume_get(w->be, &w->op, VOLUME, ret, &w->err);
}

static void want_code(struct world *w, int result, enum err_code code)
{
	if (result != -1 || w->err.code != code) {
		fail_msg("%d, not %s but %s: %s", result, err_code_name(code),
			err_code_name(w->err.code), w->err.msg);
	}
}

static void configuration_is_checked(void **state)
{
	struct world *w = *state;
	char name[300];
	struct be_config config;
	struct backend *be = NULL;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < 7; i++) {
		const char *const keys[] = {
			"url", "url", "instance", "pool", "tokenFile", "name", "tokenFile"};

		config = config_of(w);
		config.url = i == 0 ? "" : i == 1 ? "ftp://x" : config.url;
		config.instance = i == 2 ? "Not-This" : config.instance;
		config.pool = i == 3 ? name : config.pool;
		config.token_file = i == 4   ? "/nonexistent/token"
				    : i == 6 ? name
					     : config.token_file;
		config.name = i == 5 ? name : config.name;
		w->err = (struct err){0};
		want_code(w, backend_linux.open(&config, &be, &w->err), ERR_INVALID_ARGUMENT);
		if (strncmp(w->err.msg, keys[i], strlen(keys[i])) != 0) {
			fail_msg("%u: \"%s\" does not begin with %s", i, w->err.msg, keys[i]);
		}
	}
}

static void a_volume_is_read(void **state)
{
	struct world *w = *state;
	struct be_volume volume;

	say(w, "GET /v1/volumes/" VOLUME, 200,
		BODY(VOLUME,
			GOOD_TAIL ",\"source\":{\"snapshot\":\"" SNAPSHOT "\"},\"newer\":[1]"));
	assert_int_equal(get(w, &volume), 0);
	assert_string_equal(volume.object, VOLUME);
	assert_string_equal(volume.name, "pvc-1");
	assert_string_equal(volume.pool, "fast");
	assert_int_equal(volume.size, 8 * MIB);
	assert_int_equal(volume.created_ms, 1763712000123);
	assert_true(volume.source_known && volume.ready && !volume.written);
	assert_int_equal(volume.source.kind, BE_FROM_SNAPSHOT);
	assert_string_equal(volume.source.object, SNAPSHOT);
	assert_int_equal(volume.metadata.n, 1);
	assert_string_equal(kv_get(volume.metadata, "k"), "v");
	assert_int_equal(volume.n_hosts, 1);
	assert_string_equal(volume.hosts[0], HOST);
}

/* Answers that no agent gives to a question after a volume. */
static const char *const not_volumes[] = {"", "{", "null", "[]", "{}", "42", "\"x\"",
	"<html>it works</html>", "\xff\xfe", "{\"volumes\":[]}",
	BODY("prod-v-00000000000000000000000000000000", GOOD_TAIL), BODY("", GOOD_TAIL),
	BODY(VOLUME, ""), BODY(VOLUME, ",\"hosts\":[],\"metadata\":{\"k\":1}"),
	BODY(VOLUME, ",\"hosts\":[],\"metadata\":[]"),
	BODY(VOLUME, ",\"hosts\":{},\"metadata\":{}"),
	BODY(VOLUME, ",\"hosts\":[\"x\"],\"metadata\":{}"),
	BODY(VOLUME, ",\"hosts\":[\"nqn.a,b\"],\"metadata\":{}"),
	BODY(VOLUME, ",\"hosts\":[null],\"metadata\":{}"),
	BODY(VOLUME, GOOD_TAIL ",\"source\":{\"volume\":7}"),
	BODY(VOLUME, GOOD_TAIL ",\"source\":{}"), BODY(VOLUME, GOOD_TAIL ",\"size\":1"), /* twice */
	"{\"id\":\"" VOLUME
	"\",\"pool\":\"fast\",\"size\":-1,\"createdAt\":0,\"written\":false" GOOD_TAIL "}",
	"{\"id\":\"" VOLUME
	"\",\"pool\":\"fast\",\"size\":1e99,\"createdAt\":0,\"written\":false" GOOD_TAIL "}",
	"{\"id\":\"" VOLUME
	"\",\"pool\":\"fast\",\"size\":8388608,\"createdAt\":0,\"written\":0" GOOD_TAIL "}"};

static void no_garbage_is_believed(void **state)
{
	struct world *w = *state;
	struct be_volume volume;

	for (size_t i = 0; i < ARRAY_SIZE(not_volumes); i++) {
		fresh(w);
		say(w, "GET /v1/volumes/" VOLUME, 200, not_volumes[i]);
		want_code(w, get(w, &volume), ERR_UNAVAILABLE);
		/* The same where it would matter more: the object is there, or was just made. */
		want_code(w, change(w, CREATE), ERR_UNAVAILABLE);
		fresh(w);
		say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
		say(w, "PUT /v1/volumes/" VOLUME, 201, not_volumes[i]);
		want_code(w, change(w, CREATE), ERR_UNAVAILABLE);
		say(w, "POST /v1/volumes/" VOLUME "/resize", 200, not_volumes[i]);
		want_code(w, change(w, EXPAND), ERR_UNAVAILABLE);
	}
}

/* Whole answers that break off, or are no HTTP. */
static void half_answers_are_unknown(void **state)
{
	static const char *const raw[] = {NULL, "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 204 X\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" GOOD,
		"HTTP/1.1 404 X\r\nContent-Length: 200\r\n\r\n" ERROR("NOT_FOUND"),
		"SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/1.1 999999 X\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n{",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n{"};
	static const char *const methods[CHANGES] = {[CREATE] = "PUT /v1/volumes/" VOLUME,
		[DELETE] = "DELETE /v1/volumes/" VOLUME,
		[EXPAND] = "POST /v1/volumes/" VOLUME "/resize",
		[GRANT] = "PUT " HOST_PATH,
		[REVOKE] = "DELETE " HOST_PATH,
		[CUT] = "PUT /v1/snapshots/" SNAPSHOT,
		[UNCUT] = "DELETE /v1/snapshots/" SNAPSHOT};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		for (unsigned which = 0; which < CHANGES; which++) {
			fresh(w);
			say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
			say(w, "GET /v1/snapshots/" SNAPSHOT, 404, ERROR("NOT_FOUND"));
			say(w, methods[which], 0, raw[i]);
			assert_int_equal(change(w, (enum which)which), BE_FAILED);
			if (err_is_final(w->err.code)) {
				fail_msg("answer %zu to %s: %s", i, methods[which], w->err.msg);
			}
			if (seen(w, methods[which]) == 0) {
				fail_msg("answer %zu: %s was not sent", i, methods[which]);
			}
		}
	}
}

struct meaning {
	int status;
	const char *body;
	enum err_code get;
	enum err_code change; /* ERR_OK: done */
};

static const struct meaning meanings[] = {
	{400, ERROR("INVALID_ARGUMENT"), ERR_INVALID_ARGUMENT, ERR_INVALID_ARGUMENT},
	{400, ERROR("OUT_OF_RANGE"), ERR_OUT_OF_RANGE, ERR_OUT_OF_RANGE},
	{400, "bad request", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{400, ERROR("NOT_FOUND"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{401, ERROR("UNAUTHENTICATED"), ERR_UNAUTHENTICATED, ERR_UNAUTHENTICATED},
	{401, "", ERR_UNAUTHENTICATED, ERR_UNAUTHENTICATED},
	{403, "<html>", ERR_PERMISSION_DENIED, ERR_PERMISSION_DENIED},
	{404, ERROR("NOT_FOUND"), ERR_NOT_FOUND, ERR_OK},
	{404, ERROR("UNIMPLEMENTED"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{404, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{404, "{\"error\":\"not found\"}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{404, "{\"error\":{\"code\":\"NOT_FOUND\"}}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{405, ERROR("UNIMPLEMENTED"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{409, ERROR("ABORTED"), ERR_ABORTED, ERR_ABORTED},
	{409, ERROR("ALREADY_EXISTS"), ERR_ALREADY_EXISTS, ERR_ALREADY_EXISTS},
	{409, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{410, ERROR("NOT_FOUND"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{423, ERROR("FAILED_PRECONDITION"), ERR_FAILED_PRECONDITION, ERR_FAILED_PRECONDITION},
	{423, "locked", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{429, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{301, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{202, "{}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{500, ERROR("INTERNAL"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{500, ERROR("NOT_FOUND"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{502, "<html>", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{503, ERROR("UNAVAILABLE"), ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{504, ERROR("DEADLINE_EXCEEDED"), ERR_DEADLINE_EXCEEDED, ERR_DEADLINE_EXCEEDED},
	{507, ERROR("RESOURCE_EXHAUSTED"), ERR_RESOURCE_EXHAUSTED, ERR_RESOURCE_EXHAUSTED},
	{507, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
};

static void every_status_has_a_meaning(void **state)
{
	struct world *w = *state;
	struct be_volume volume;

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		const struct meaning *m = &meanings[i];

		fresh(w);
		say(w, "GET /v1/volumes/" VOLUME, m->status, m->body);
		want_code(w, get(w, &volume), m->get);
		say(w, "DELETE /v1/volumes/" VOLUME, m->status, m->body);
		if (m->change == ERR_OK) {
			assert_int_equal(change(w, DELETE), BE_DONE);
		} else {
			want_code(w, change(w, DELETE), m->change);
		}
	}
}

static void messages_are_passed_on_safely(void **state)
{
	struct world *w = *state;
	struct be_volume volume;

	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 503,
		"{\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"pool fast: not\\nmounted\"}}");
	want_code(w, get(w, &volume), ERR_UNAVAILABLE);
	assert_string_equal(w->err.msg, "backend lab: pool fast: not?mounted");
}

/* A wrong prefix of the URL, or somebody else's server: "not there" says nothing. */
static void absent_needs_an_agent(void **state)
{
	struct world *w = *state;
	struct be_volume volume;

	say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say(w, "DELETE /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say_once(w, "GET /v1/info", 404, ERROR("NOT_FOUND"));
	want_code(w, get(w, &volume), ERR_UNAVAILABLE);
	say_once(w, "GET /v1/info", 200, "{}");
	want_code(w, change(w, DELETE), ERR_UNAVAILABLE);
	say(w, "GET /v1/info", 200, INFO);
	want_code(w, get(w, &volume), ERR_NOT_FOUND);
	assert_int_equal(change(w, DELETE), BE_DONE);
	assert_int_equal(seen(w, "GET /v1/info"), 3);
}

static void nothing_of_others_is_touched(void **state)
{
	struct world *w = *state;
	struct be_volume_args args = new_volume();
	struct be_volume volume;
	union result ret;

	w->err = (struct err){0};
	want_code(w, w->be->ops->volume_get(w->be, &w->op, "test-v-" HEX, &volume, &w->err),
		ERR_NOT_FOUND);
	args.object = "test-v-" HEX;
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_INVALID_ARGUMENT);
	args.object = SNAPSHOT;
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_INVALID_ARGUMENT);
	assert_int_equal(w->script.n_seen, 0);
}

static void create_asks_for_what_is_wanted(void **state)
{
	static const struct kv kept[] = {{"k", "v \"quoted\""}};
	struct world *w = *state;
	struct be_volume_args args = new_volume();
	union result ret;

	fresh(w);
	args.metadata = (struct kv_list){.items = kept, .n = 1};
	args.source = (struct be_source){.kind = BE_FROM_SNAPSHOT, .object = SNAPSHOT};
	say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say(w, "GET /v1/snapshots/" SNAPSHOT, 200,
		"{\"id\":\"" SNAPSHOT "\",\"volume\":\"" VOLUME
		"\",\"pool\":\"fast\",\"size\":8388608,"
		"\"createdAt\":1,\"metadata\":{}}");
	say(w, "PUT /v1/volumes/" VOLUME, 201,
		BODY(VOLUME, GOOD_TAIL ",\"source\":{\"snapshot\":\"" SNAPSHOT "\"}"));
	assert_int_equal(change_by(w, CREATE, &args, &ret), BE_DONE);
	assert_string_equal(strstr(last_seen(w), "\r\n\r\n") + 4,
		"{\"instance\":\"prod\",\"metadata\":{\"csiName\":\"pvc-1\",\"k\":\"v \\\"quoted\\\"\"},"
		"\"pool\":\"fast\",\"size\":8388608,\"source\":{\"snapshot\":\"" SNAPSHOT "\"}}");
	args.size = 4 * MIB;
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_OUT_OF_RANGE);
	args.size = 8 * MIB;
	args.pool = "slow";
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_INVALID_ARGUMENT);
	assert_int_equal(seen(w, "PUT"), 1);
}

static void create_finds_what_is_there(void **state)
{
	struct world *w = *state;
	struct be_volume_args args = new_volume();
	union result ret;

	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	assert_int_equal(change_by(w, CREATE, &args, &ret), BE_DONE);
	args.name = "pvc-2";
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_ALREADY_EXISTS);
	args = new_volume();
	args.size = 16 * MIB;
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_ALREADY_EXISTS);
	assert_int_equal(seen(w, "PUT"), 0);
}

static void create_meets_another_controller(void **state)
{
	struct world *w = *state;

	fresh(w);
	say_once(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	say(w, "PUT /v1/volumes/" VOLUME, 409, ERROR("ALREADY_EXISTS"));
	assert_int_equal(change(w, CREATE), BE_DONE); /* it fits: only what it keeps differs */
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say(w, "PUT /v1/volumes/" VOLUME, 409, ERROR("ALREADY_EXISTS"));
	want_code(w, change(w, CREATE), ERR_UNAVAILABLE); /* gone again meanwhile */
	fresh(w);
	say_once(w, "GET /v1/snapshots/" SNAPSHOT, 404, ERROR("NOT_FOUND"));
	say(w, "PUT /v1/snapshots/" SNAPSHOT, 409, ERROR("ALREADY_EXISTS"));
	say(w, "GET /v1/snapshots/" SNAPSHOT, 200,
		"{\"id\":\"" SNAPSHOT "\",\"volume\":\"prod-v-00000000000000000000000000000000\","
		"\"pool\":\"fast\",\"size\":8388608,\"createdAt\":1,\"metadata\":{}}");
	want_code(w, change(w, CUT), ERR_ALREADY_EXISTS);
}

static void pools_are_chosen(void **state)
{
	struct world *w = *state;
	struct be_volume_args args = new_volume();
	struct be_capacity room;
	union result ret;

	args.pool = "";
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say(w, "PUT /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
	say_once(w, "GET /v1/pools", 200,
		"{\"pools\":[{\"name\":\"fast\",\"state\":\"ready\",\"available\":5000000000}]}");
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_INVALID_ARGUMENT); /* no such pool */
	assert_non_null(strstr(last_seen(w), "\"pool\":\"fast\""));
	say(w, "GET /v1/pools", 200,
		"{\"pools\":[{\"name\":\"fast\",\"state\":\"ready\",\"available\":5000000001},"
		"{\"name\":\"slow\",\"state\":\"absent\",\"reason\":\"not mounted\"}]}");
	want_code(w, change_by(w, CREATE, &args, &ret), ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(w->err.msg, "fast, slow"));
	assert_int_equal(w->be->ops->capacity(w->be, &w->op, "fast", &room, &w->err), 0);
	assert_int_equal(room.available, 5000000001);
	assert_int_equal(room.max_size, 5000000001 / 4096 * 4096);
	assert_int_equal(room.min_size, MIB);
	want_code(w, w->be->ops->capacity(w->be, &w->op, "slow", &room, &w->err), ERR_UNAVAILABLE);
	assert_non_null(strstr(w->err.msg, "not mounted"));
	want_code(w, w->be->ops->capacity(w->be, &w->op, "none", &room, &w->err),
		ERR_INVALID_ARGUMENT);
	want_code(w, w->be->ops->capacity(w->be, &w->op, "", &room, &w->err), ERR_INVALID_ARGUMENT);
}

static void say_export(struct world *w, const char *body)
{
	say(w, "PUT " HOST_PATH, 200, body);
}

static void a_grant_is_read(void **state)
{
	struct world *w = *state;
	union result ret;

	fresh(w);
	say_export(w, EXPORT(IDENT PORTALS));
	assert_int_equal(change_by(w, GRANT, NULL, &ret), BE_DONE);
	assert_string_equal(ret.info.nqn, "nqn.2026-01.dev.csi.nvmetcp:prod:1");
	assert_int_equal(ret.info.ident.nsid, 1);
	assert_int_equal(ret.info.ident.uuid[0], 0xf2);
	assert_memory_equal(ret.info.ident.uuid, ret.info.ident.nguid, 16);
	assert_int_equal(ret.info.portals.n, 2);
	assert_true(ret.info.portals.list[1].v6);
	assert_int_equal(ret.info.min_size, 8 * MIB);
	assert_true(ret.info.written && !ret.info.shared);
	assert_string_equal(ret.info.auth, "none");
}

static void no_bad_grant_is_believed(void **state)
{
	static const char *const bad[] = {"{}", EXPORT(""), EXPORT(IDENT), EXPORT(PORTALS),
		EXPORT(IDENT ",\"portals\":[]"), EXPORT(IDENT ",\"portals\":[\"host:4420\"]"),
		EXPORT(IDENT ",\"portals\":[\"192.0.2.1\"]"), EXPORT(IDENT ",\"portals\":[1]"),
		EXPORT(IDENT ",\"portals\":[\"192.0.2.1:4420,192.0.2.2:4420\"]"),
		EXPORT(PORTALS ",\"nguid\":\"00000000000000000000000000000000\",\"uuid\":"
			       "\"00000000-0000-0000-0000-000000000000\""),
		EXPORT(PORTALS
			",\"nguid\":\"zz\",\"uuid\":\"f2868e1a-a7ca-b669-517c-d9f5ab1b7957\""),
		"{\"nqn\":\"nqn.a,b\",\"nsid\":1,\"size\":1,\"shared\":false,\"written\":true" IDENT PORTALS
		"}",
		"{\"nqn\":\"nqn.2026-01.x:1\",\"nsid\":0,\"size\":1,\"shared\":false,\"written\":true" IDENT PORTALS
		"}",
		"{\"nqn\":\"nqn.2026-01.x:1\",\"nsid\":4294967295,\"size\":1,\"shared\":false,"
		"\"written\":true" IDENT PORTALS "}"};
	struct world *w = *state;
	union result ret;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fresh(w);
		say_export(w, bad[i]);
		want_code(w, change_by(w, GRANT, NULL, &ret), ERR_UNAVAILABLE);
	}
}

#define ITEM(digit, tail) BODY("prod-v-" digit "2868e1aa7cab669517cd9f5ab1b7957", GOOD_TAIL tail)
#define PAGE(items, next) "{\"volumes\":[" items "]" next "}"
#define NEXT(digit) ",\"next\":\"prod-v-" digit "2868e1aa7cab669517cd9f5ab1b7957\""

static int list(struct world *w, const char *token, struct be_volumes *ret)
{
	const struct be_page page = {.max = 2, .token = token};

	w->err = (struct err){0};
	return w->be->ops->volume_list(w->be, &w->op, &page, ret, &w->err);
}

static void a_page_is_read(void **state)
{
	struct world *w = *state;
	struct be_volumes got;

	fresh(w);
	say(w, "GET /v1/volumes", 200,
		PAGE(ITEM("1", "") "," ITEM("2", "") "," BODY("prod-x", GOOD_TAIL),
			",\"next\":\"prod-x\""));
	assert_int_equal(list(w, "", &got), 0);
	assert_int_equal(got.n, 2); /* what has no name of ours is left out */
	assert_string_equal(got.next, "prod-x");
	assert_non_null(strstr(last_seen(w), "GET /v1/volumes?limit=2&instance=prod HTTP"));
	assert_int_equal(list(w, "prod-v-0", &got), 0);
	assert_non_null(strstr(last_seen(w), "&token=prod-v-0 HTTP"));
	say(w, "GET /v1/snapshots", 200, "{\"snapshots\":[]}");
	want_code(w, list(w, "a&b", &got), ERR_INVALID_ARGUMENT);
}

static void no_bad_page_is_believed(void **state)
{
	static const char *const bad[] = {"{}", "{\"volumes\":{}}", PAGE("1", ""), PAGE("{}", ""),
		PAGE(ITEM("2", "") "," ITEM("1", ""), ""),
		PAGE(ITEM("1", "") "," ITEM("1", ""), ""),
		PAGE(ITEM("1", "") "," ITEM("2", ""), NEXT("1")), PAGE("", ",\"next\":\"0\""),
		PAGE("", ",\"next\":7"), PAGE(ITEM("1", ""), ",\"next\":\"A b\""),
		PAGE(ITEM("0", ""), ""), PAGE(ITEM("1", "") "," BODY("prod-v-2", ""), "")};
	struct world *w = *state;
	struct be_volumes got;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fresh(w);
		say(w, "GET /v1/volumes", 200, bad[i]);
		want_code(w, list(w, "prod-v-02868e1aa7cab669517cd9f5ab1b7957", &got),
			ERR_UNAVAILABLE);
	}
	fresh(w);
	say(w, "GET /v1/volumes", 404, ERROR("NOT_FOUND"));
	want_code(w, list(w, "", &got), ERR_UNAVAILABLE); /* a list is never "not there" */
}

static void an_answer_has_a_limit(void **state)
{
	struct world *w = *state;
	size_t n = (size_t)9 * 1024 * 1024;
	char *huge = malloc(n + 1);
	struct be_volume volume;

	assert_non_null(huge);
	memset(huge, ' ', n);
	huge[n] = '\0';
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 200, huge);
	want_code(w, get(w, &volume), ERR_UNAVAILABLE);
	script_clear(&w->script);
	free(huge);
}

static void put_token(const char *path, const char *token)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fprintf(f, "%s\n", token);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static void a_token_may_change(void **state)
{
	struct world *w = *state;
	struct be_config config = config_of(w);
	char path[128];
	struct be_volume volume;

	(void)snprintf(path, sizeof(path), "%s/token", w->script.dir);
	put_token(path, "first");
	config.token_file = path;
	be_close(w->be);
	w->be = NULL;
	assert_int_equal(backend_linux.open(&config, &w->be, &w->err), 0);
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	assert_int_equal(get(w, &volume), 0);
	assert_non_null(strcasestr(last_seen(w), "Authorization: Bearer first\r\n"));
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 401, ERROR("UNAUTHENTICATED"));
	want_code(w, get(w, &volume), ERR_UNAUTHENTICATED);
	assert_null(strstr(w->err.msg, "first"));
	assert_int_equal(seen(w, "GET"), 1); /* the file has not changed: asked once */
	put_token(path, "second");
	fresh(w);
	say_once(w, "GET /v1/volumes/" VOLUME, 401, ERROR("UNAUTHENTICATED"));
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	assert_int_equal(get(w, &volume), 0);
	assert_non_null(strcasestr(last_seen(w), "Authorization: Bearer second\r\n"));
	put_token(path, "third");
	fresh(w);
	say_once(w, "DELETE /v1/volumes/" VOLUME, 401, ERROR("UNAUTHENTICATED"));
	say(w, "DELETE /v1/volumes/" VOLUME, 204, "");
	assert_int_equal(change(w, DELETE), BE_DONE);
	(void)unlink(path);
}

static void a_full_arena_is_not_final(void **state)
{
	struct world *w = *state;
	union result ret;

	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	for (size_t room = 0; room < 1200; room += 16) {
		struct arena *full = w->op.arena;
		enum be_result result;

		w->op.arena = arena_new(room);
		result = change_by(w, CREATE, NULL, &ret);
		arena_free(w->op.arena);
		w->op.arena = full;
		if (result == BE_FAILED && err_is_final(w->err.code)) {
			fail_msg("%zu bytes: %s", room, w->err.msg);
		}
	}
}

static void nobody_there_is_unavailable(void **state)
{
	struct world *w = *state;
	struct be_config config = config_of(w);
	struct be_volume volume;

	be_close(w->be);
	w->be = NULL;
	config.url = "unix:///nonexistent/agent.sock";
	assert_int_equal(backend_linux.open(&config, &w->be, &w->err), 0);
	want_code(w, get(w, &volume), ERR_UNAVAILABLE);
	want_code(w, change(w, CREATE), ERR_UNAVAILABLE);
	want_code(w, change(w, DELETE), ERR_UNAVAILABLE);
	want_code(w, change(w, REVOKE), ERR_UNAVAILABLE);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(configuration_is_checked),
		WORLD_TEST(a_volume_is_read),
		WORLD_TEST(no_garbage_is_believed),
		WORLD_TEST(half_answers_are_unknown),
		WORLD_TEST(every_status_has_a_meaning),
		WORLD_TEST(messages_are_passed_on_safely),
		WORLD_TEST(absent_needs_an_agent),
		WORLD_TEST(nothing_of_others_is_touched),
		WORLD_TEST(create_asks_for_what_is_wanted),
		WORLD_TEST(create_finds_what_is_there),
		WORLD_TEST(create_meets_another_controller),
		WORLD_TEST(pools_are_chosen),
		WORLD_TEST(a_grant_is_read),
		WORLD_TEST(no_bad_grant_is_believed),
		WORLD_TEST(a_page_is_read),
		WORLD_TEST(no_bad_page_is_believed),
		WORLD_TEST(an_answer_has_a_limit),
		WORLD_TEST(a_token_may_change),
		WORLD_TEST(a_full_arena_is_not_final),
		WORLD_TEST(nobody_there_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
