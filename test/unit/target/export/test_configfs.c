/* SPDX-License-Identifier: Apache-2.0 */
/* The configfs door: what is there, or gone, already is fine; all else names path and reason. */
#include "test/unit/target/emulator.h"

static struct configfs cfs;

static int setup(void **state UNUSED)
{
	emu_make();
	cfs = (struct configfs){.ops = &emu_ops};
	(void)snprintf(cfs.root, sizeof(cfs.root), "%s", emu.root);
	return 0;
}

static int teardown(void **state UNUSED)
{
	emu_remove();
	return 0;
}

static void test_repeats(void **state UNUSED)
{
	struct err err = {0};

	for (int i = 0; i < 2; i++) {
		assert_ok(configfs_mkdir(NO_STEP, &cfs, "subsystems/nqn.x", &err), err);
		assert_ok(configfs_mkdir(NO_STEP, &cfs, "hosts/nqn.h", &err), err);
		assert_ok(configfs_link(NO_STEP, &cfs, "hosts/nqn.h",
				  "subsystems/nqn.x/allowed_hosts/nqn.h", &err),
			err);
	}
	assert_true(configfs_has(&cfs, "subsystems/nqn.x/allowed_hosts/nqn.h"));
	assert_int_equal(configfs_rmdir(NO_STEP, &cfs, "hosts/nqn.h", &err), -1);
	assert_err(err, err_code_of_errno(EBUSY), "rmdir");
	for (int i = 0; i < 2; i++) {
		assert_ok(configfs_unlink(
				  NO_STEP, &cfs, "subsystems/nqn.x/allowed_hosts/nqn.h", &err),
			err);
		assert_ok(configfs_rmdir(NO_STEP, &cfs, "hosts/nqn.h", &err), err);
		assert_ok(configfs_rmdir(NO_STEP, &cfs, "subsystems/nqn.x", &err), err);
	}
	assert_false(configfs_has(&cfs, "subsystems/nqn.x"));
}

static void test_values(void **state UNUSED)
{
	char value[CONFIGFS_VALUE_SIZE];
	struct err err = {0};

	assert_ok(configfs_mkdir(NO_STEP, &cfs, "subsystems/nqn.x", &err), err);
	assert_ok(configfs_set(NO_STEP, &cfs, "subsystems/nqn.x/attr_serial", "abc", &err), err);
	assert_ok(configfs_read(&cfs, "subsystems/nqn.x/attr_serial", value, &err), err);
	assert_string_equal(value, "abc");
	/* What reads so already is not written: it may be fixed by now. */
	emu_forget();
	assert_ok(configfs_set(NO_STEP, &cfs, "subsystems/nqn.x/attr_serial", "abc", &err), err);
	assert_string_equal(emu.log, "");
	assert_ok(configfs_write(NO_STEP, &cfs, "subsystems/nqn.x/attr_serial", "abc", &err), err);
	assert_string_equal(emu.log, "write subsystems/nqn.x/attr_serial=abc\n");
	assert_int_equal(configfs_read(&cfs, "subsystems/nqn.y/attr_serial", value, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "nqn.y");
	assert_int_equal(
		configfs_set(NO_STEP, &cfs, "subsystems/nqn.y/attr_serial", "a", &err), -1);
	assert_int_equal(
		configfs_write(NO_STEP, &cfs, "subsystems/nqn.y/attr_serial", "a", &err), -1);
	assert_err(err, ERR_NOT_FOUND, "nqn.y");
}

static void test_errors(void **state UNUSED)
{
	struct err err = {0};

	emu.fail = "mkdir subsystems/nqn.x";
	assert_int_equal(configfs_mkdir(NO_STEP, &cfs, "subsystems/nqn.x", &err), -1);
	assert_err(err, ERR_INTERNAL, "mkdir ");
	assert_int_equal(configfs_link(NO_STEP, &cfs, "hosts/none", "hosts/link", &err), -1);
	assert_err(err, ERR_NOT_FOUND, "link ");
}

static void test_list(void **state UNUSED)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct err err = {0};
	char path[CONFIGFS_PATH_SIZE];

	assert_ok(configfs_list(&cfs, "nothing", &names, &err), err);
	assert_int_equal(names.n, 0);
	for (unsigned i = 0; i < 40; i++) {
		assert_ok(
			configfs_mkdir(NO_STEP, &cfs, configfs_path(path, "hosts/nqn.%u", i), &err),
			err);
	}
	assert_ok(configfs_list(&cfs, "hosts", &names, &err), err);
	assert_int_equal(names.n, 40);
}

/* A path that does not fit is cut and names nothing, rather than something else. */
static void test_long_path(void **state UNUSED)
{
	char path[CONFIGFS_PATH_SIZE];
	char longer[2 * CONFIGFS_PATH_SIZE];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(strlen(configfs_path(path, "hosts/%s", longer)), CONFIGFS_PATH_SIZE - 1);
	assert_false(configfs_has(&cfs, path));
}

/* The real calls, on a plain folder. */
static void test_linux(void **state UNUSED)
{
	struct err err = {0};

	cfs.ops = &configfs_linux;
	assert_ok(configfs_mkdir(NO_STEP, &cfs, "hosts/nqn.h", &err), err);
	assert_ok(configfs_mkdir(NO_STEP, &cfs, "hosts/nqn.h", &err), err);
	assert_ok(configfs_link(NO_STEP, &cfs, "hosts/nqn.h", "ports/l", &err), err);
	put_file(at(&emu.place, "hosts/nqn.h/attr"), "0\n");
	assert_ok(configfs_set(NO_STEP, &cfs, "hosts/nqn.h/attr", "1", &err), err);
	assert_int_equal(configfs_rmdir(NO_STEP, &cfs, "hosts/nqn.h", &err), -1);
	assert_int_equal(unlink(at(&emu.place, "hosts/nqn.h/attr")), 0);
	assert_ok(configfs_unlink(NO_STEP, &cfs, "ports/l", &err), err);
	assert_ok(configfs_rmdir(NO_STEP, &cfs, "hosts/nqn.h", &err), err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_repeats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_linux, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
