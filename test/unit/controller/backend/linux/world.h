/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the linux backend share: an open backend on a scripted server, answers as an
 * agent gives them, and short calls.
 */
#pragma once

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

static UNUSED struct be_config config_of(const struct world *w)
{
	return (struct be_config){.name = "lab",
		.instance = "prod",
		.url = w->script.url,
		.ca_file = "",
		.token_file = "",
		.pool = ""};
}

static UNUSED int setup(void **state)
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

static UNUSED int teardown(void **state)
{
	struct world *w = *state;

	be_close(w->be);
	script_stop(&w->script);
	arena_free(w->op.arena);
	free(w);
	return 0;
}

static UNUSED void say(struct world *w, const char *request, int status, const char *body)
{
	script_add(&w->script,
		(struct script_line){.request = request, .status = status, .body = body});
}

static UNUSED void say_once(struct world *w, const char *request, int status, const char *body)
{
	script_add(&w->script,
		(struct script_line){
			.request = request, .status = status, .body = body, .times = 1});
}

/* A new script in a world whose backend knows that it talks to an agent. */
static UNUSED void fresh(struct world *w)
{
	w->err = (struct err){0};
	script_clear(&w->script);
	say(w, "GET /v1/info", 200, INFO);
}

/* How often a request that begins like this was seen. */
static UNUSED unsigned seen(struct world *w, const char *request)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->script.n_seen; i++) {
		n += strncmp(w->script.seen[i], request, strlen(request)) == 0 ? 1 : 0;
	}
	return n;
}

static UNUSED const char *last_seen(struct world *w)
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

static UNUSED int within(const struct step *in, void *arg, struct err *err)
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

static UNUSED struct be_volume_args new_volume(void)
{
	return (struct be_volume_args){.object = VOLUME,
		.name = "pvc-1",
		.pool = "fast",
		.size = 8 * MIB,
		.source = {.kind = BE_BLANK, .object = ""}};
}

static UNUSED enum be_result change_by(
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

static UNUSED enum be_result change(struct world *w, enum which which)
{
	union result ret;

	return change_by(w, which, NULL, &ret);
}

static UNUSED int get(struct world *w, struct be_volume *ret)
{
	w->err = (struct err){0};
	return w->be->ops->volume_get(w->be, &w->op, VOLUME, ret, &w->err);
}

static UNUSED void want_code(struct world *w, int result, enum err_code code)
{
	if (result != -1 || w->err.code != code) {
		fail_msg("%d, not %s but %s: %s", result, err_code_name(code),
			err_code_name(w->err.code), w->err.msg);
	}
}

static UNUSED void say_export(struct world *w, const char *body)
{
	say(w, "PUT " HOST_PATH, 200, body);
}

#define ITEM(digit, tail) BODY("prod-v-" digit "2868e1aa7cab669517cd9f5ab1b7957", GOOD_TAIL tail)
#define PAGE(items, next) "{\"volumes\":[" items "]" next "}"
#define NEXT(digit) ",\"next\":\"prod-v-" digit "2868e1aa7cab669517cd9f5ab1b7957\""

static UNUSED int list(struct world *w, const char *token, struct be_volumes *ret)
{
	const struct be_page page = {.max = 2, .token = token};

	w->err = (struct err){0};
	return w->be->ops->volume_list(w->be, &w->op, &page, ret, &w->err);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
