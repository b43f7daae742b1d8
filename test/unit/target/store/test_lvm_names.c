/* SPDX-License-Identifier: Apache-2.0 */
/* Names and values of LVM, and the device mapper's names for them. */
#include "common/json/json.h"
#include "target/store/lvm.h"
#include "test/unit/target/support.h"

static struct err err;

static void test_name_check(void **state UNUSED)
{
	static const char *const bad[] = {"", "-a", ".", "..", "a/b", "a b", "a\nb", "ä"};
	char name[LVM_NAME_SIZE + 1];

	assert_ok(lvm_name_check("vg", "vg-0_A+b.c", &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(lvm_name_check("vg", bad[i], &err), -1);
		assert_err(err, ERR_INVALID_ARGUMENT, "vg: \"");
	}
	memset(name, 'a', LVM_NAME_SIZE);
	name[LVM_NAME_SIZE] = '\0';
	assert_int_equal(lvm_name_check("vg", name, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "127");
	assert_ok(lvm_name_check("vg", name + 1, &err), err);
}

static void test_device(void **state UNUSED)
{
	char out[DM_DEVICE_NAME_SIZE];
	char vg[DM_DEVICE_NAME_SIZE];

	assert_ok(lvm_device("vg-0", "nvmetcp.v.a.b", "", out, &err), err);
	assert_string_equal(out, "vg--0-nvmetcp.v.a.b");
	assert_ok(lvm_device("vg", "thin-1", "tpool", out, &err), err);
	assert_string_equal(out, "vg-thin--1-tpool");
	memset(vg, 'v', sizeof(vg));
	vg[125] = '\0';
	assert_ok(lvm_device(vg, "l", "", out, &err), err);
	assert_int_equal(strlen(out), 127);
	assert_int_equal(lvm_device(vg, "ll", "", out, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "longer than the 127");
	assert_int_equal(lvm_device(vg, "-", "", out, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "longer");
}

static void test_device_is(void **state UNUSED)
{
	assert_true(lvm_device_is("LVM-abcdefgh", "ab-cd", "ef-gh"));
	assert_true(lvm_device_is("LVM-abcdefgh-tpool", "ab-cd", "ef-gh"));
	assert_true(lvm_device_is("LVM-abcdefgh", "ab-cd", ""));
	assert_false(lvm_device_is("LVM-abcdefgh", "ab-cd", "ef-gx"));
	assert_false(lvm_device_is("LVM-abcdefghi", "ab-cd", "ef-gh"));
	assert_false(lvm_device_is("LVM-abcdef", "ab-cd", "ef-gh"));
	assert_false(lvm_device_is("LVM-xbcdefgh", "ab-cd", ""));
	assert_false(lvm_device_is("CRYPT-abcdefgh", "ab-cd", ""));
	assert_false(lvm_device_is("", "ab-cd", ""));
}

static void test_tags(void **state UNUSED)
{
	assert_true(lvm_has_tag("a", "a"));
	assert_true(lvm_has_tag("x,a,b", "a"));
	assert_true(lvm_has_tag("x,a", "a"));
	assert_false(lvm_has_tag("", "a"));
	assert_false(lvm_has_tag("ab,ba", "a"));
}

static void test_bytes(void **state UNUSED)
{
	static const char text[] =
		"{\"good\":\"4194304\",\"empty\":\"\",\"unit\":\"4B\",\"number\":4}";
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	int64_t bytes = 0;

	assert_ok(js_parse("row", text, strlen(text), 1000, &doc, &err), err);
	struct js_at row = js_root(doc);

	assert_ok(lvm_bytes(&row, "good", &bytes, &err), err);
	assert_int_equal(bytes, 4194304);
	assert_int_equal(lvm_bytes(&row, "empty", &bytes, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "number of bytes");
	assert_int_equal(lvm_bytes(&row, "unit", &bytes, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "number of bytes");
	assert_int_equal(lvm_bytes(&row, "number", &bytes, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "string");
	assert_int_equal(lvm_bytes(&row, "none", &bytes, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_check),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_device_is),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
