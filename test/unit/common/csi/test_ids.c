/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids: what is ours is read back as it was printed, all else is NOT_FOUND.
 */
#include "common/csi/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void print_and_parse(void **state UNUSED)
{
	char text[CSI_ID_SIZE];
	struct csi_id id;
	struct err err = {0};

	assert_int_equal(
		csi_id_print("ssd-1", "c1-vol-00112233445566778899aabbccddeeff", text, &err), 0);
	assert_string_equal(text, "ssd-1/c1-vol-00112233445566778899aabbccddeeff");
	assert_int_equal(csi_id_parse("volume", text, &id, &err), 0);
	assert_string_equal(id.backend, "ssd-1");
	assert_string_equal(id.object, "c1-vol-00112233445566778899aabbccddeeff");
}

static void longest_pair_fits(void **state UNUSED)
{
	char backend[CSI_BACKEND_MAX + 2] = "";
	char object[CSI_OBJECT_MAX + 2] = "";
	char text[CSI_ID_SIZE];
	struct csi_id id;
	struct err err = {0};

	memset(backend, 'b', CSI_BACKEND_MAX);
	memset(object, 'o', CSI_OBJECT_MAX);
	assert_int_equal(csi_id_print(backend, object, text, &err), 0);
	assert_int_equal(strlen(text), CSI_ID_MAX);
	assert_int_equal(csi_id_parse("volume", text, &id, &err), 0);
	assert_string_equal(id.backend, backend);
	assert_string_equal(id.object, object);

	object[CSI_OBJECT_MAX] = 'o';
	assert_int_equal(csi_id_print(backend, object, text, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	object[CSI_OBJECT_MAX] = '\0';
	backend[CSI_BACKEND_MAX] = 'b';
	assert_int_equal(csi_id_print(backend, object, text, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void junk_is_not_found(void **state UNUSED)
{
	static const char *const junk[] = {"", "/", "a", "a/", "/b", "A/b", "a b/c", "-a/b", "a-/b",
		"a//b", "a/b/c", "a/..", "a/.", "a/.hidden", "a/b c", "a/b\n", "a/\xff", "a/b%2f",
		"non-existent-volume", "0123456789012345678901234/b"};

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		struct csi_id id;
		struct err err = {0};

		if (csi_id_parse("volume", junk[i], &id, &err) != -1) {
			fail_msg("\"%s\" was taken for an id", junk[i]);
		}
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_non_null(strstr(err.msg, "volume \""));
	}
}

static void junk_is_not_printed_raw(void **state UNUSED)
{
	struct csi_id id;
	struct err err = {0};

	assert_int_equal(csi_id_parse("snapshot", "x\033[2Jy", &id, &err), -1);
	assert_null(strchr(err.msg, '\033'));
}

static void backend_names(void **state UNUSED)
{
	struct err err = {0};

	assert_int_equal(csi_backend_check("backends[0].name", "nvme-0", &err), 0);
	assert_int_equal(csi_backend_check("backends[0].name", "0", &err), 0);
	assert_int_equal(csi_backend_check("backends[0].name", "", &err), -1);
	assert_int_equal(csi_backend_check("backends[0].name", "Fast", &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "backends[0].name"));
	assert_non_null(strstr(err.msg, "\"Fast\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_and_parse),
		cmocka_unit_test(longest_pair_fits),
		cmocka_unit_test(junk_is_not_found),
		cmocka_unit_test(junk_is_not_printed_raw),
		cmocka_unit_test(backend_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
