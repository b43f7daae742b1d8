/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field checks: each limit from both sides, and the field's name in the message.
 */
#include "common/csi/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef int (*check_fn)(const char *field, const char *text, struct err *err);

static void refused(check_fn check, const char *text)
{
	struct err err = {0};

	if (check("the_field", text, &err) != -1) {
		fail_msg("\"%s\" was taken", text);
	}
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "the_field"));
}

static void taken(check_fn check, const char *text)
{
	struct err err = {0};

	if (check("the_field", text, &err) != 0) {
		fail_msg("\"%s\" was refused: %s", text, err.msg);
	}
}

static const char *text_of(size_t n)
{
	static char text[8192];

	memset(text, 'a', n);
	text[n] = '\0';
	return text;
}

static void names(void **state UNUSED)
{
	taken(csi_check_name, "pvc-1");
	taken(csi_check_name, "a\tb\nc\rd");
	taken(csi_check_name, "Größe 体积 \xf0\x9f\x92\xbe");
	taken(csi_check_name, text_of(128));
	refused(csi_check_name, text_of(129));
	refused(csi_check_name, "");
	refused(csi_check_name, NULL);
	refused(csi_check_name, "a\x01");
	refused(csi_check_name, "a\x7f");
	refused(csi_check_name, "a\xc2\x85"); /* U+0085 */
	taken(csi_check_name, "a\xc2\xa0");   /* U+00A0 */
	refused(csi_check_name, "bad\xff\xfe");
}

static void ids(void **state UNUSED)
{
	taken(csi_check_id, "anything at all");
	taken(csi_check_id, text_of(128));
	refused(csi_check_id, text_of(129));
	refused(csi_check_id, "");
	taken(csi_check_node_id, text_of(256));
	refused(csi_check_node_id, text_of(257));
	refused(csi_check_node_id, "");
	taken(csi_check_string, "");
	refused(csi_check_string, text_of(129));
}

static void paths(void **state UNUSED)
{
	static char path[CSI_PATH_MAX + 2];

	taken(csi_check_path, "/var/lib/kubelet/plugins/kubernetes.io/csi/x/globalmount");
	taken(csi_check_path, "/");
	taken(csi_check_path, "/a/..b/c...");
	taken(csi_check_path, "/a//b/");
	refused(csi_check_path, "");
	refused(csi_check_path, "relative/path");
	refused(csi_check_path, "/a/../b");
	refused(csi_check_path, "/a/..");
	refused(csi_check_path, "/a/./b");
	refused(csi_check_path, "/.");
	refused(csi_check_path, "/a\nb");
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	refused(csi_check_path, path);
	path[CSI_PATH_MAX] = '\0';
	taken(csi_check_path, path);
}

static void entries(void **state UNUSED)
{
	struct err err = {0};

	assert_int_equal(csi_check_max_entries("max_entries", 0, &err), 0);
	assert_int_equal(csi_check_max_entries("max_entries", INT32_MAX, &err), 0);
	assert_int_equal(csi_check_max_entries("max_entries", -1, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void range(int64_t required, int64_t limit, bool fine)
{
	Csi__V1__CapacityRange msg = CSI__V1__CAPACITY_RANGE__INIT;
	struct csi_range ret;
	struct err err = {0};

	msg.required_bytes = required;
	msg.limit_bytes = limit;
	assert_int_equal(csi_check_range("capacity_range", &msg, true, &ret, &err), fine ? 0 : -1);
	if (fine) {
		assert_int_equal(ret.required, required);
		assert_int_equal(ret.limit, limit);
	} else {
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "capacity_range"));
	}
}

static void ranges(void **state UNUSED)
{
	struct csi_range ret = {.required = 7};
	struct err err = {0};

	range(GIB, 0, true);
	range(0, GIB, true);
	range(GIB, GIB, true);
	range(GIB, GIB - 1, false);
	range(-1, 0, false);
	range(0, -1, false);
	range(0, 0, false);
	range(INT64_MAX, 0, true);
	assert_int_equal(csi_check_range("capacity_range", NULL, false, &ret, &err), 0);
	assert_int_equal(ret.required, 0);
	assert_int_equal(csi_check_range("capacity_range", NULL, true, &ret, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void published_path_is_not_found_unless_missing(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(csi_check_published_path("volume_path", "/var/lib/x", &err), 0);
	assert_int_equal(csi_check_published_path("volume_path", "some/path", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "some/path"));
	assert_int_equal(csi_check_published_path("volume_path", "", &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_path_is_not_found_unless_missing),
		cmocka_unit_test(names),
		cmocka_unit_test(ids),
		cmocka_unit_test(paths),
		cmocka_unit_test(entries),
		cmocka_unit_test(ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
