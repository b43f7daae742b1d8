/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static backend: hands on what it is told, word for word checked, and refuses the rest
 * clearly.
 */
#include "controller/backend/static/static.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NQN "nqn.2014-08.org.example:box:volume-7"

struct bench {
	struct backend *be;
	struct op op;
	struct err err;
	struct attach_info info;
};

static int open_with(struct be_config config, struct bench *ret)
{
	config.name = "static";
	config.instance = "prod";
	ret->err = (struct err){0};
	return backend_static.open(&config, &ret->be, &ret->err);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	assert_int_equal(
		open_with(
			(struct be_config){.url = "", .ca_file = "", .token_file = "", .pool = ""},
			bench),
		0);
	bench->op = (struct op){.arena = arena_new(4096), .deadline = deadline_in(60000)};
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	be_close(bench->be);
	arena_free(bench->op.arena);
	free(bench);
	return 0;
}

static void expect(const struct bench *bench, int result, enum err_code code, const char *text)
{
	assert_int_equal(result, -1);
	if (bench->err.code != code || !strstr(bench->err.msg, text)) {
		fail_msg("%s, not %s with \"%s\": %s", err_code_name(bench->err.code),
			err_code_name(code), text, bench->err.msg);
	}
}

static void has_no_management(void **state UNUSED)
{
	struct bench bench;

	expect(&bench, open_with((struct be_config){.url = "https://box"}, &bench),
		ERR_INVALID_ARGUMENT, "url: ");
	expect(&bench, open_with((struct be_config){.token_file = "/t"}, &bench),
		ERR_INVALID_ARGUMENT, "tokenFile: ");
	expect(&bench, open_with((struct be_config){.pool = "p"}, &bench), ERR_INVALID_ARGUMENT,
		"pool: ");
}

static enum be_result grant(struct bench *bench, const struct kv *attributes, size_t n)
{
	const struct be_grant_args args = {.object = "any name",
		.host_nqn = "nqn.2026-01.dev.csi.nvmetcp:node.prod.n1",
		.attributes = {.items = attributes, .n = n}};

	bench->err = (struct err){0};
	return bench->be->ops->grant(NULL, bench->be, &bench->op, &args, &bench->info, &bench->err);
}

static void hands_on_what_it_is_told(void **state)
{
	static const struct kv attributes[] = {{"nqn", NQN},
		{"portals", "10.0.0.5:4420,[fd00::5]:4420"},
		{"nguid", "0123456789abcdef0123456789abcdef"}, {"ctrlLossTmo", "600"},
		{"storage.kubernetes.io/csiProvisionerIdentity", "x"}};
	struct bench *bench = *state;
	struct attach_text text;

	assert_int_equal(grant(bench, attributes, ARRAY_SIZE(attributes)), BE_DONE);
	assert_string_equal(bench->info.nqn, NQN);
	assert_int_equal(bench->info.portals.n, 2);
	assert_int_equal(bench->info.ident.nguid[0], 0x01);
	assert_false(bench->info.shared);
	assert_false(bench->info.written);
	/* The node can read it. */
	assert_int_equal(attach_print(&bench->info, &text, &bench->err), 0);
	assert_int_equal(
		attach_parse((struct kv_list){text.items, text.n}, &bench->info, &bench->err), 0);
}

static void names_what_is_wrong(void **state)
{
	static const struct kv good[] = {{"nqn", NQN}, {"portals", "10.0.0.5:4420"},
		{"uuid", "67fab13c-7b10-40f3-ba43-bf4206933ee1"}};
	static const struct kv wrong[] = {{"nqn", "iqn.2014-08.org.example:x"},
		{"portals", "10.0.0.5"}, {"uuid", "67fab13c"}, {"nsid", "0"}, {"minSize", "1Gi"},
		{"shared", "yes"}, {"written", "true"}, {"tls", "psk"}};
	struct bench *bench = *state;
	struct kv items[ARRAY_SIZE(good) + 1];
	char field[64];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		memcpy(items, good, sizeof(good));
		items[i] = (struct kv){"other", ""};
		assert_int_equal(grant(bench, items, ARRAY_SIZE(good)), BE_FAILED);
		expect(bench, -1, ERR_INVALID_ARGUMENT, good[i].key);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(items, good, sizeof(good));
		items[ARRAY_SIZE(good)] = wrong[i]; /* the last one counts */
		assert_int_equal(grant(bench, items, ARRAY_SIZE(items)), BE_FAILED);
		(void)snprintf(field, sizeof(field), "volume_context.%s", wrong[i].key);
		expect(bench, -1, ERR_INVALID_ARGUMENT, field);
	}
}

static void makes_and_deletes_nothing(void **state)
{
	struct bench *bench = *state;
	const struct be_volume_args args = {.object = "v", .name = "v", .pool = ""};
	const struct be_expand_args grown = {.object = "v", .size = 42};
	struct be_volume volume;
	struct be_volumes all;

	assert_int_equal(bench->be->ops->volume_create(
				 NULL, bench->be, &bench->op, &args, &volume, &bench->err),
		BE_FAILED);
	expect(bench, -1, ERR_INVALID_ARGUMENT, "PersistentVolume");
	assert_int_equal(
		bench->be->ops->volume_delete(NULL, bench->be, &bench->op, "v", &bench->err),
		BE_FAILED);
	expect(bench, -1, ERR_FAILED_PRECONDITION, "Retain");
	assert_int_equal(bench->be->ops->volume_list(bench->be, &bench->op,
				 &(struct be_page){.token = ""}, &all, &bench->err),
		0);
	assert_int_equal(all.n, 0);
	assert_int_equal(
		bench->be->ops->volume_get(bench->be, &bench->op, "v", &volume, &bench->err), 0);
	assert_true(volume.ready);
	assert_int_equal(bench->be->ops->volume_expand(
				 NULL, bench->be, &bench->op, &grown, &volume, &bench->err),
		BE_DONE);
	assert_int_equal(volume.size, 42);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_no_management),
		TEST(hands_on_what_it_is_told),
		TEST(names_what_is_wrong),
		TEST(makes_and_deletes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
