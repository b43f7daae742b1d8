/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each answer means to the linux backend: no answer out of shape, and none that breaks off, is
 * ever taken for a final one (P6).
 */
#include "test/unit/controller/backend/linux/world.h"

#define SIZED(size, written)                                                                       \
	("{\"id\":\"" VOLUME "\",\"pool\":\"fast\",\"size\":" size                                 \
	 ",\"createdAt\":0,\"written\":" written GOOD_TAIL "}")

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
	SIZED("-1", "false"), SIZED("1e99", "false"), SIZED("8388608", "0")};

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
		"HTTP/1.1 204 X\r\n", ("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" GOOD),
		("HTTP/1.1 404 X\r\nContent-Length: 200\r\n\r\n" ERROR("NOT_FOUND")),
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
	struct be_volume volume;

	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		for (unsigned which = 0; which < CHANGES; which++) {
			fresh(w);
			say(w, "GET /v1/volumes/" VOLUME, 404, ERROR("NOT_FOUND"));
			say(w, "GET /v1/snapshots/" SNAPSHOT, 404, ERROR("NOT_FOUND"));
			/* Answers in between: who gives none at all is not asked at once again. */
			want_code(w, get(w, &volume), ERR_NOT_FOUND);
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
	/* An agent says 204 to a deletion, and nothing but 200 to a question. */
	{200, "{}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{200, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{201, "{}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{202, "{}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
	{204, "", ERR_UNAVAILABLE, ERR_OK},
	{206, "{}", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(no_garbage_is_believed),
		WORLD_TEST(half_answers_are_unknown),
		WORLD_TEST(every_status_has_a_meaning),
		WORLD_TEST(no_bad_grant_is_believed),
		WORLD_TEST(no_bad_page_is_believed),
		WORLD_TEST(an_answer_has_a_limit),
		WORLD_TEST(a_full_arena_is_not_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
