/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of LVM: what their failures mean, one at a time, and never killed halfway. */
#include "test/unit/target/lvmworld.h"

#include <pthread.h>

#define FIELDS "lv_name,lv_size"
#define THIN VG "/thin"

static const char thin[] = THIN;
static struct err err;

static int setup(void **state UNUSED)
{
	lvm_world_make();
	return 0;
}

static int teardown(void **state UNUSED)
{
	lvm_world_remove();
	return 0;
}

static struct lvm group(const char *name)
{
	return (struct lvm){&lvm_world.env, name};
}

static int refresh(const char *vg, const char *what)
{
	const char *const args[] = {"lvchange", "--refresh", what, NULL};
	const struct lvm lvm = group(vg);

	return lvm_change(NO_STEP, &lvm, args, &err);
}

/* What lvm 2.03.31 says. */
static void test_codes(void **state UNUSED)
{
	static const struct {
		const char *said;
		enum err_code code;
	} cases[] = {
		{"  Failed to find logical volume \"vg/x\"", ERR_NOT_FOUND},
		{"  Snapshot origin LV x not found in Volume group vg.", ERR_NOT_FOUND},
		{"  Logical Volume \"x\" already exists in volume group \"vg\"",
			ERR_ALREADY_EXISTS},
		{"  Volume group \"vg\" not found\n  Cannot process volume group vg",
			ERR_UNAVAILABLE},
		{"  Cannot change VG vg while PVs are missing.", ERR_UNAVAILABLE},
		{"  VG vg metadata too large for circular buffer", ERR_RESOURCE_EXHAUSTED},
		{"  Volume group \"vg\" has insufficient free space (0 extents): 4 required.",
			ERR_RESOURCE_EXHAUSTED},
		{"  Free space in pool vg/thin is above threshold, new volumes are not allowed.",
			ERR_RESOURCE_EXHAUSTED},
		{"  Logical volume vg/x in use.", ERR_ABORTED},
		{"  Can't get lock for vg", ERR_ABORTED},
		{"  Thin pool vg-thin-tpool (253:2) transaction_id is 4, while expected 5.",
			ERR_DATA_LOSS},
		{"  Something that nobody has seen", ERR_INTERNAL},
		{"", ERR_INTERNAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(lvm_code(cases[i].said), cases[i].code);
	}
}

static void test_change(void **state UNUSED)
{
	assert_ok(refresh(VG, THIN), err);
	assert_called("lvchange ");
	assert_int_equal(refresh(VG, VG "/none"), -1);
	assert_err(err, ERR_NOT_FOUND, "Failed to find logical volume \"" VG "/none\"");
	assert_int_equal(refresh("other", "other/none"), -1);
	assert_err(err, ERR_UNAVAILABLE, "exit status 5: Volume group \"other\" not found");
	lvm_fault("lvchange before 5 WARNING: of no interest\nlvchange after 3 in\x01valid");
	assert_int_equal(refresh(VG, THIN), -1);
	assert_err(err, ERR_INTERNAL, "exit status 5");
	assert_int_equal(refresh(VG, THIN), -1);
	assert_err(err, ERR_INTERNAL, "exit status 3: in?valid");
}

static void test_no_lvm(void **state UNUSED)
{
	lvm_world.env.lvm = "nvmetcp-no-such-program";
	assert_int_equal(refresh(VG, THIN), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "install lvm2");
}

static void test_report(void **state UNUSED)
{
	const struct lvm lvm = group(VG);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at rows;
	struct js_at row;
	const char *name;
	int64_t size;

	assert_ok(lvm_report(&lvm, NULL, FIELDS, &doc, &rows, &err), err);
	assert_int_equal(js_len(&rows), 2);
	js_doc_free(TAKE_PTR(doc));
	assert_ok(lvm_report(&lvm, "thin", FIELDS, &doc, &rows, &err), err);
	assert_int_equal(js_len(&rows), 1);
	assert_ok(js_item_obj(&rows, 0, &row, &err), err);
	assert_ok(js_get_str(&row, "lv_name", 127, &name, &err), err);
	assert_string_equal(name, "thin");
	assert_ok(lvm_bytes(&row, "lv_size", &size, &err), err);
	assert_int_equal(size, 1 << 30);
}

static void test_bad_reports(void **state UNUSED)
{
	const struct lvm lvm = group(VG);
	const struct lvm other = group("other");
	struct js_doc *doc = NULL;
	struct js_at rows;

	/* In JSON the reason is in its log, else on stderr. */
	assert_int_equal(lvm_report(&lvm, "none", FIELDS, &doc, &rows, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "exit status 5: Failed to find logical volume");
	assert_int_equal(lvm_report(&other, NULL, FIELDS, &doc, &rows, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "Volume group \"other\" not found");
	lvm_fault("lvs before 0\nlvs before 5 /dev/vda: read failed: Input/output error");
	assert_int_equal(lvm_report(&lvm, NULL, FIELDS, &doc, &rows, &err), -1);
	assert_err(err, ERR_INTERNAL, "report of lvs");
	assert_int_equal(lvm_report(&lvm, NULL, FIELDS, &doc, &rows, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "Input/output error");
	assert_null(doc);
}

/* At the deadline it goes on, and until its end nobody else gets at the group. */
static void test_deadline(void **state UNUSED)
{
	lvm_fault("lvchange before hang");
	lvm_world.env.wait_ms = 100;
	lvm_world.env.run_ms = 400;
	assert_int_equal(refresh(VG, THIN), -1);
	assert_err(err, ERR_DEADLINE_EXCEEDED, "lvm lvchange of volume group " VG);
	lvm_world.env.run_ms = 60000;
	assert_int_equal(refresh(VG, THIN), -1);
	assert_err(err, ERR_ABORTED, "has not ended");
	lvm_open_gate();
	lvm_world.env.wait_ms = 60000;
	assert_ok(refresh(VG, THIN), err);
	assert_called("lvchange lvchange ");
}

static void *from_thread(void *arg)
{
	const struct lvm lvm = group(VG);
	const char *const args[] = {"lvchange", "--addtag", arg, thin, NULL};
	struct err why = {0};

	return lvm_change(NO_STEP, &lvm, args, &why) == 0 ? arg : NULL;
}

/* Each reads the group, changes it and writes it: two at once would lose a tag. */
static void test_one_at_a_time(void **state UNUSED)
{
	char tags[6][4] = {"t0", "t1", "t2", "t3", "t4", "t5"};
	pthread_t threads[ARRAY_SIZE(tags)];
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, from_thread, tags[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		void *ret = NULL;

		assert_int_equal(pthread_join(threads[i], &ret), 0);
		assert_ptr_equal(ret, tags[i]);
	}
	assert_ok(file_read(AT_FDCWD, at(&lvm_world.place, "vg.json"), 65536, &text, NULL, &err),
		err);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		assert_non_null(strstr(text, tags[i]));
	}
}

static void test_suspend(void **state UNUSED)
{
	const struct lvm lvm = group(VG);
	struct dm_device device;

	lvm_set_device("x", "LVM-x\n0\n4096\nthin\n0 -\n");
	assert_ok(lvm_suspend(NO_STEP, &lvm, "x", &err), err);
	assert_int_equal(lvm_fake_device("x", &device), 0);
	assert_true(device.suspended);
	assert_ok(lvm_resume(NO_STEP, &lvm, "x", &err), err);
	assert_ok(lvm_resume(NO_STEP, &lvm, "x", &err), err);
	assert_int_equal(lvm_fake_device("x", &device), 0);
	assert_false(device.suspended);
	assert_int_equal(lvm_suspend(NO_STEP, &lvm, "none", &err), -1);
	assert_err(err, ERR_INTERNAL, "dmsetup suspend: exit status 1: device-mapper");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test_setup_teardown(test_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_lvm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_reports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suspend, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
