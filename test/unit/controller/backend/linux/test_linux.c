/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux backend against a server that says what the test wrote down: what is sent, and what a
 * good answer becomes.
 */
#include "test/unit/controller/backend/linux/world.h"

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

/* One that is not there fails nothing. */
static void pools_are_told(void **state)
{
	struct world *w = *state;
	struct be_pools pools;

	fresh(w);
	say_once(w, "GET /v1/pools", 200,
		"{\"pools\":[{\"name\":\"fast\",\"state\":\"ready\",\"available\":5,\"size\":9000,"
		"\"free\":70},{\"name\":\"slow\",\"state\":\"absent\",\"reason\":\"not mounted\"}]}");
	assert_int_equal(w->be->ops->pools(w->be, &w->op, &pools, &w->err), 0);
	assert_int_equal(pools.n, 2);
	assert_string_equal(pools.list[0].name, "fast");
	assert_true(pools.list[0].there);
	assert_int_equal(pools.list[0].size, 9000);
	assert_int_equal(pools.list[0].free, 70);
	assert_false(pools.list[1].there);
	assert_string_equal(pools.list[1].reason, "not mounted");
	say(w, "GET /v1/pools", 503, ERROR("UNAVAILABLE"));
	want_code(w, w->be->ops->pools(w->be, &w->op, &pools, &w->err), ERR_UNAVAILABLE);
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

static void put_token(const char *path, const char *token)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fail_msg("%s cannot be written", path);
		return;
	}
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
	struct be_limits limits;

	(void)snprintf(path, sizeof(path), "%s/token", w->script.dir);
	put_token(path, "first");
	config.token_file = path;
	be_close(w->be);
	w->be = NULL;
	assert_int_equal(backend_linux.open(&config, &w->be, &w->err), 0);
	/* The first that a CreateVolume asks for. */
	say_once(w, "GET /v1/info", 401, ERROR("UNAUTHENTICATED"));
	want_code(w, w->be->ops->limits(w->be, &w->op, &limits, &w->err), ERR_UNAUTHENTICATED);
	say_once(w, "GET /v1/info", 404, ERROR("NOT_FOUND"));
	want_code(w, w->be->ops->limits(w->be, &w->op, &limits, &w->err), ERR_UNAVAILABLE);
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	assert_int_equal(get(w, &volume), 0);
	assert_non_null(strcasestr(last_seen(w), "Authorization: Bearer first\r\n"));
	fresh(w);
	say(w, "GET /v1/volumes/" VOLUME, 401, ERROR("UNAUTHENTICATED"));
	want_code(w, get(w, &volume), ERR_UNAUTHENTICATED);
	assert_null(strstr(w->err.msg, "first"));
	/* What a user reads at the claim: where the fault is and what to correct. */
	assert_non_null(strstr(w->err.msg, "it does not know our token (401)"));
	assert_non_null(strstr(w->err.msg, "the Secret of the backend"));
	assert_non_null(strstr(w->err.msg, "read again by itself"));
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

struct asking {
	struct world *w;
	int rc;
	struct err err;
};

static void *ask(void *arg)
{
	struct asking *a = arg;
	struct op op = {.arena = arena_new((size_t)1024 * 1024), .deadline = deadline_in(30000)};
	struct be_volume volume;

	a->rc = a->w->be->ops->volume_get(a->w->be, &op, VOLUME, &volume, &a->err);
	arena_free(op.arena);
	return NULL;
}

/* Two calls are under way with the old token: the second must not take its 401 for the new one's.
 */
static void two_calls_meet_a_new_token(void **state)
{
	struct world *w = *state;
	struct be_config config = config_of(w);
	struct script_line no = {.request = "GET /v1/volumes/" VOLUME,
		.status = 401,
		.body = ERROR("UNAUTHENTICATED"),
		.times = 2,
		.crowded = true};
	struct asking asking[2] = {{.w = w}, {.w = w}};
	pthread_t threads[2];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/token", w->script.dir);
	put_token(path, "first");
	config.token_file = path;
	be_close(w->be);
	w->be = NULL;
	assert_int_equal(backend_linux.open(&config, &w->be, &w->err), 0);
	put_token(path, "second");
	fresh(w);
	/* The first 401 when the other call is sent, the next when the repeated one is. */
	script_add(&w->script, no);
	say(w, "GET /v1/volumes/" VOLUME, 200, GOOD);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (asking[i].rc < 0) {
			fail_msg("call %u: %s", i, asking[i].err.msg);
		}
	}
	assert_int_equal(seen(w, "GET"), 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_non_null(strcasestr(
			w->script.seen[i], i < 2 ? "Bearer first\r\n" : "Bearer second\r\n"));
	}
	(void)unlink(path);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(configuration_is_checked),
		WORLD_TEST(a_volume_is_read),
		WORLD_TEST(messages_are_passed_on_safely),
		WORLD_TEST(absent_needs_an_agent),
		WORLD_TEST(nothing_of_others_is_touched),
		WORLD_TEST(create_asks_for_what_is_wanted),
		WORLD_TEST(create_finds_what_is_there),
		WORLD_TEST(create_meets_another_controller),
		WORLD_TEST(pools_are_chosen),
		WORLD_TEST(pools_are_told),
		WORLD_TEST(a_grant_is_read),
		WORLD_TEST(a_page_is_read),
		WORLD_TEST(a_token_may_change),
		WORLD_TEST(two_calls_meet_a_new_token),
		WORLD_TEST(nobody_there_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
