/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StorageClass parameters: every row of the table, and everything that is not in it.
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "common/nvmf/connect.h"
#include "controller/core/params.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = arena_new(64 * 1024);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void refused(struct arena *arena, const char *key, const char *value)
{
	struct kv kv = {key, value};
	struct volume_params params;
	struct err err = {0};

	if (params_parse((struct kv_list){&kv, 1}, arena, &params, &err) == 0) {
		fail_msg("%s=%s was taken", key, value);
	}
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, "parameters")) {
		fail_msg("no field in: %s", err.msg);
	}
}

/* Each limit arrives in its own place. */
static void rates(void **state)
{
	for (size_t i = 0; i < BE_RATES; i++) {
		struct kv kv = {be_rate_kinds[i].name, "1000"};
		struct volume_params params;
		struct err err = {0};

		if (params_parse((struct kv_list){&kv, 1}, *state, &params, &err) < 0) {
			fail_msg("%s", err.msg);
		}
		for (size_t k = 0; k < BE_RATES; k++) {
			assert_int_equal(params.rates.of[k], k == i ? 1000 : 0);
		}
		assert_int_equal(params.context.n, 0);
		refused(*state, kv.key, "0");
		refused(*state, kv.key, "-1");
		refused(*state, kv.key, "99000001");
		refused(*state, kv.key, "1k");
		refused(*state, kv.key, "");
	}
}

static void all_known(void **state)
{
	struct kv kv[] = {
		{"profile", "patient"},
		{"backend", "a"},
		{"pool", "p"},
		{"csi.storage.k8s.io/fstype", "xfs"},
		{"mkfsOptions", "-i size=512"},
		{"reclaim", "weekly"},
		{"tos", "8"},
		{"csi.storage.k8s.io/pv/name", "pv"},
		{"csi.storage.k8s.io/pvc/name", "c"},
		{"csi.storage.k8s.io/pvc/namespace", "ns"},
	};
	struct volume_params params;
	struct err err = {0};

	if (params_parse((struct kv_list){kv, ARRAY_SIZE(kv)}, *state, &params, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(params.backend, "a");
	assert_string_equal(params.pool, "p");
	assert_string_equal(params.fs_type, "xfs");
	/* For the node, sorted, without what is not its business. */
	assert_int_equal(params.context.n, 4);
	assert_string_equal(params.context.items[0].key, "mkfsOptions");
	assert_string_equal(params.context.items[1].key, "profile");
	assert_string_equal(params.context.items[2].key, "reclaim");
	assert_string_equal(params.context.items[3].key, "tos");
}

static void none_at_all(void **state)
{
	struct volume_params params;
	struct err err = {0};

	assert_int_equal(params_parse((struct kv_list){0}, *state, &params, &err), 0);
	assert_string_equal(params.backend, "");
	assert_string_equal(params.pool, "");
	assert_string_equal(params.fs_type, "");
	assert_int_equal(params.context.n, 0);
}

static void bad_ones(void **state)
{
	static char big[PARAM_VALUE_MAX + 2];

	memset(big, 'x', sizeof(big) - 1);
	refused(*state, "nrIoQueue", "1");
	refused(*state, "Backend", "a");
	refused(*state, "", "a");
	refused(*state, "csi.storage.k8s.io/unheard-of", "a");
	refused(*state, "backend", "");
	refused(*state, "pool", "");
	refused(*state, "pool", big);
	refused(*state, "pool", "a\nb");
	refused(*state, "mkfsOptions", "a\x01");
	refused(*state, "mkfsOptions", big);
	refused(*state, "csi.storage.k8s.io/fstype", "ntfs");
	refused(*state, "reclaim", "yearly");
	refused(*state, "reclaim", "");
	refused(*state, "profile", "fastest");
	refused(*state, "nrIoQueues", "none");
	refused(*state, "tos", "256");
	refused(*state, "keepAliveTmo", "-1");
	refused(*state, "hdrDigest", "1");
}

static void names_the_parameter(void **state)
{
	struct kv kv = {"nrIoQueus", "4"};
	struct volume_params params;
	struct err err = {0};

	assert_int_equal(params_parse((struct kv_list){&kv, 1}, *state, &params, &err), -1);
	/* The field, and what is allowed in its place. */
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "parameters.nrIoQueus: no such parameter"));
	assert_non_null(strstr(err.msg, "correct the StorageClass"));
	assert_non_null(strstr(err.msg, "known are backend, pool, csi.storage.k8s.io/fstype, "));
	for (size_t i = 0; connect_parameter(i); i++) {
		assert_non_null(strstr(err.msg, connect_parameter(i)));
	}
	assert_null(strstr(err.msg, "csi.storage.k8s.io/pvc/"));
	assert_in_range(strlen(err.msg), 1, 500);
}

static void names_the_value(void **state)
{
	struct kv kv = {"queueSize", "7"};
	struct volume_params params;
	struct err err = {0};

	assert_int_equal(params_parse((struct kv_list){&kv, 1}, *state, &params, &err), -1);
	assert_string_equal(
		err.msg, "parameters.queueSize '7': must be a whole number from 16 to 1024");
}

static void context_with_filesystem(void **state)
{
	struct kv kv[] = {{"tos", "8"}, {"ioPolicy", "numa"}};
	struct volume_params params;
	struct kv_list context;
	struct err err = {0};

	assert_int_equal(params_parse((struct kv_list){kv, 2}, *state, &params, &err), 0);
	assert_int_equal(params_context(&params, "xfs", *state, &context, &err), 0);
	assert_int_equal(context.n, 3);
	assert_string_equal(context.items[0].key, PARAM_FS_KEY);
	assert_string_equal(context.items[0].value, "xfs");
	assert_string_equal(context.items[1].key, "ioPolicy");
	assert_int_equal(params_context(&params, "", *state, &context, &err), 0);
	assert_int_equal(context.n, 2);
	assert_true(params_is_context("fsType"));
	assert_true(params_is_context("tos"));
	assert_false(params_is_context("pool"));
	assert_false(params_is_context("csiName"));
	assert_false(params_is_context("storage.kubernetes.io/csiProvisionerIdentity"));
}

static void full_arena(void **state UNUSED)
{
	struct arena *small = arena_new(8);
	struct kv kv = {"tos", "8"};
	struct volume_params params = {.context = {&kv, 1}};
	struct kv_list context;
	struct err err = {0};

	assert_non_null(small);
	assert_int_equal(params_context(&params, "xfs", small, &context, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(params_parse((struct kv_list){&kv, 1}, small, &params, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	arena_free(small);
}

static void snapshot_classes(void **state UNUSED)
{
	struct kv fine[] = {{"csi.storage.k8s.io/volumesnapshot/name", "s"},
		{"csi.storage.k8s.io/volumesnapshotcontent/name", "c"}};
	struct kv bad = {"pool", "p"};
	struct err err = {0};

	assert_int_equal(params_snapshot_check((struct kv_list){fine, 2}, &err), 0);
	assert_int_equal(params_snapshot_check((struct kv_list){&bad, 1}, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "parameters.pool"));
}

/* Return: 0 when a class with this parameter alone is taken. */
static int parse_one(struct arena *arena, const char *key, const char *value)
{
	struct kv kv = {key, value};
	struct volume_params params;

	return params_parse((struct kv_list){&kv, 1}, arena, &params, NULL);
}

/* "1 to 1024" of a line of the page: the ends are taken, one more or less is not. */
static void check_range(struct arena *arena, const char *key, const char *range)
{
	char text[32];
	int64_t ends[2];
	const char *to = strstr(range, " to ");

	assert_non_null(to);
	(void)snprintf(text, sizeof(text), "%.*s", (int)(to - range), range);
	assert_int_equal(parse_i64(key, text, INT32_MIN, INT32_MAX, &ends[0], NULL), 0);
	assert_int_equal(parse_i64(key, to + 4, INT32_MIN, INT32_MAX, &ends[1], NULL), 0);
	for (int64_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)ends[i]);
		assert_int_equal(parse_one(arena, key, text), 0);
		(void)snprintf(text, sizeof(text), "%lld", (long long)(ends[i] + 2 * i - 1));
		assert_int_equal(parse_one(arena, key, text), -1);
	}
}

/* "a, b, c" of a line of the page: each is taken, another word is not. */
static void check_choices(struct arena *arena, const char *key, char *values)
{
	assert_int_equal(parse_one(arena, key, "nonsense"), -1);
	for (char *word; (word = strsep(&values, ",")) != NULL;) {
		if (parse_one(arena, key, word + (*word == ' ')) < 0) {
			fail_msg("%s: the page says that '%s' is allowed", key, word);
		}
	}
}

/* Every row of the page's table is a parameter with the values that the page says. That no
 * parameter is missing there is seen to by test/docs. */
static void the_page_tells_the_truth(void **state)
{
	_cleanup_free_ char *page = NULL;
	unsigned rows = 0;

	assert_int_equal(file_read(AT_FDCWD, NV_SOURCE_DIR "/docs/storageclass.md", 65536, &page,
				 NULL, NULL),
		0);
	char *at = strstr(page, "| Parameter |");
	assert_non_null(at);
	char *end = strstr(at, "\n\n");
	assert_non_null(end);
	*end = '\0';
	for (; (at = strstr(at, "\n| `")) != NULL; rows++) {
		char key[40];
		char values[64];

		at += 4;
		(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, "`"), at);
		at = strstr(at, "| ") + 2;
		(void)snprintf(values, sizeof(values), "%.*s", (int)(strstr(at, " |") - at), at);
		if (strstr(values, " to ")) {
			check_range(*state, key, values);
		} else if (strncmp(values, "any ", 4) == 0) {
			assert_int_equal(parse_one(*state, key, "-i 8192"), 0);
		} else {
			check_choices(*state, key, values);
		}
	}
	assert_int_equal(rows, 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rates, setup, teardown),
		cmocka_unit_test_setup_teardown(all_known, setup, teardown),
		cmocka_unit_test_setup_teardown(none_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(names_the_value, setup, teardown),
		cmocka_unit_test_setup_teardown(names_the_parameter, setup, teardown),
		cmocka_unit_test_setup_teardown(context_with_filesystem, setup, teardown),
		cmocka_unit_test_setup_teardown(the_page_tells_the_truth, setup, teardown),
		cmocka_unit_test(full_arena),
		cmocka_unit_test(snapshot_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
