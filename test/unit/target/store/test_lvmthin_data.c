/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and snapshots as thin logical volumes, and what a command that was cut short leaves. */
#include "test/unit/target/thinstore.h"

static void test_create(void **state)
{
	struct thin *t = *state;
	char path[PATH_MAX];
	struct store_stat stat;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v-1"), 2 * EXTENT, &t->err));
	assert_called("lvcreate ");
	assert_true(lvm_has_device("vg--0-nvmetcp.v.v.1"));
	stat = thin_stat(t, VOLUME("v-1"));
	assert_int_equal(stat.size, 2 * EXTENT);
	assert_int_equal(stat.allocated, 0);
	thin_ok(t, path(t->store, VOLUME("v-1"), path, &t->err));
	assert_string_equal(path + strlen(lvm_world.dev), "/vg--0-nvmetcp.v.v.1");
	/* Asked of the kernel, and no command is run for it. */
	assert_called("");
	thin_fails(t, create(NO_STEP, t->store, VOLUME("v-1"), EXTENT, &t->err), ERR_ALREADY_EXISTS,
		"volume v-1: lvm lvcreate");
	thin_gone(t, SNAPSHOT("v-1"));
	thin_gone(t, VOLUME("v"));
}

static void test_allocated(void **state)
{
	struct thin *t = *state;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	lvm_set_device("vg--0-nvmetcp.v.v1",
		"LVM-vgvgvg00000000000000000000vgvgvgx\n0\n4194304\nthin\n256 8191\n");
	assert_int_equal(thin_stat(t, VOLUME("v1")).allocated, 256 * 512);
	lvm_set_device("vg--0-nvmetcp.v.v1",
		"LVM-vgvgvg00000000000000000000vgvgvgx\n0\n4194304\nthin\nFail\n");
	struct store_stat stat;
	thin_fails(t, stat(t->store, VOLUME("v1"), &stat, &t->err), ERR_UNAVAILABLE, "Fail");
	/* A device of that name which is another group's. */
	lvm_set_device("vg--0-nvmetcp.v.v1", "LVM-other\n0\n4194304\nthin\n0 -\n");
	thin_fails(t, stat(t->store, VOLUME("v1"), &stat, &t->err), ERR_UNAVAILABLE,
		"none of this pool");
	lvm_set_device("vg--0-nvmetcp.v.v1",
		"LVM-vgvgvg00000000000000000000vgvgvgx\n0\n4194304\nlinear\n\n");
	thin_fails(t, stat(t->store, VOLUME("v1"), &stat, &t->err), ERR_UNAVAILABLE, "linear");
}

static void test_clone(void **state)
{
	struct thin *t = *state;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	thin_ok(t, clone(NO_STEP, t->store, VOLUME("v1"), SNAPSHOT("s1"), EXTENT, &t->err));
	assert_called("lvcreate lvcreate ");
	thin_ok(t, clone(NO_STEP, t->store, SNAPSHOT("s1"), VOLUME("c1"), 3 * EXTENT, &t->err));
	assert_called("lvcreate lvextend ");
	assert_int_equal(thin_stat(t, SNAPSHOT("s1")).size, EXTENT);
	assert_int_equal(thin_stat(t, VOLUME("c1")).size, 3 * EXTENT);
	/* The origin first. */
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err));
	thin_ok(t, remove(NO_STEP, t->store, SNAPSHOT("s1"), &t->err));
	assert_int_equal(thin_stat(t, VOLUME("c1")).size, 3 * EXTENT);
	thin_fails(t, clone(NO_STEP, t->store, VOLUME("v1"), VOLUME("c2"), EXTENT, &t->err),
		ERR_NOT_FOUND, "volume c2");
	thin_fails(t, clone(NO_STEP, t->store, VOLUME("c1"), VOLUME("c2"), EXTENT, &t->err),
		ERR_INTERNAL, "more than 4194304");
}

static void test_grow(void **state)
{
	struct thin *t = *state;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	thin_ok(t, grow(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	assert_called("lvcreate ");
	thin_ok(t, grow(NO_STEP, t->store, VOLUME("v1"), 2 * EXTENT, &t->err));
	assert_called("lvs lvextend ");
	assert_int_equal(thin_stat(t, VOLUME("v1")).size, 2 * EXTENT);
	thin_fails(t, grow(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err),
		ERR_FAILED_PRECONDITION, "never cut to 4194304");
	thin_fails(
		t, grow(NO_STEP, t->store, VOLUME("none"), EXTENT, &t->err), ERR_NOT_FOUND, "none");
}

/* Killed when the size was written down and before the kernel knew of it. */
static void test_grow_was_cut_short(void **state)
{
	struct thin *t = *state;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	lvm_fault("lvextend before late\nlvchange before 5 no");
	thin_fails(t, grow(NO_STEP, t->store, VOLUME("v1"), 2 * EXTENT, &t->err), ERR_INTERNAL,
		"exit status 5: no");
	assert_int_equal(thin_stat(t, VOLUME("v1")).size, EXTENT);
	assert_called("lvcreate lvs lvextend lvchange ");
	thin_ok(t, grow(NO_STEP, t->store, VOLUME("v1"), 2 * EXTENT, &t->err));
	assert_called("lvs lvextend lvchange ");
	assert_int_equal(thin_stat(t, VOLUME("v1")).size, 2 * EXTENT);
	/* One whose failure is of another kind is not tried to be mended. */
	lvm_fault("lvextend before 5 Cannot change VG vg-0 while PVs are missing.");
	thin_fails(t, grow(NO_STEP, t->store, VOLUME("v1"), 3 * EXTENT, &t->err), ERR_UNAVAILABLE,
		"PVs are missing");
}

static void test_remove(void **state)
{
	struct thin *t = *state;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	put_file(at(&lvm_world.place, "held/nvmetcp.v.v1"), "");
	thin_fails(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err), ERR_ABORTED, "in use");
	assert_int_equal(unlink(at(&lvm_world.place, "held/nvmetcp.v.v1")), 0);
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err));
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err));
	thin_gone(t, VOLUME("v1"));
	assert_false(lvm_has_device("vg--0-nvmetcp.v.v1"));
}

/* A logical volume that only has the name is not ours. */
static void test_without_tag(void **state)
{
	struct thin *t = *state;
	const struct lvm lvm = {&lvm_world.env, VG};
	const char *const args[] = {"lvcreate", "--virtualsize", "4194304b", "--thinpool", "thin",
		"--name", "nvmetcp.v.v1", "--addtag", "precious", VG, NULL};

	assert_ok(lvm_change(NO_STEP, &lvm, args, &t->err), t->err);
	thin_fails(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err), ERR_FAILED_PRECONDITION,
		"lacks the tag nvmetcp.pool.");
	assert_true(lvm_has_device("vg--0-nvmetcp.v.v1"));
	thin_fails(t, grow(NO_STEP, t->store, VOLUME("v1"), 2 * EXTENT, &t->err),
		ERR_FAILED_PRECONDITION, "so it is not resized");
	assert_int_equal(thin_stat(t, VOLUME("v1")).size, EXTENT);
	thin_fails(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err), ERR_ALREADY_EXISTS,
		"volume v1");
}

/* An answer that never came, of each command: what is there is taken back, and made anew. */
static void test_unknown_outcomes(void **state)
{
	struct thin *t = *state;

	lvm_fault("lvcreate after 137\nlvremove after 137");
	thin_fails(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err), ERR_INTERNAL,
		"exit status 137");
	thin_fails(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err), ERR_INTERNAL, "137");
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err));
	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	lvm_fault("lvextend after 137");
	/* It was done: that its answer was lost makes no difference. */
	thin_ok(t, clone(NO_STEP, t->store, VOLUME("v1"), VOLUME("c1"), 2 * EXTENT, &t->err));
	lvm_fault("lvextend before 137");
	thin_fails(t, clone(NO_STEP, t->store, VOLUME("v1"), VOLUME("c2"), 2 * EXTENT, &t->err),
		ERR_INTERNAL, "has 4194304 bytes after it was grown to 8388608");
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("c2"), &t->err));
	/* Written down, not known to the kernel: not gone. */
	lvm_fault("lvcreate before late");
	thin_fails(
		t, create(NO_STEP, t->store, VOLUME("v2"), EXTENT, &t->err), ERR_INTERNAL, "137");
	struct store_stat stat;
	thin_fails(t, stat(t->store, VOLUME("v2"), &stat, &t->err), ERR_UNAVAILABLE, "not active");
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v2"), &t->err));
	thin_gone(t, VOLUME("v2"));
}

static void test_drain(void **state)
{
	struct thin *t = *state;
	struct dm_device device;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	thin_ok(t, drain(NO_STEP, t->store, VOLUME("v1"), &t->err));
	assert_called("lvcreate suspend resume ");
	lvm_fault("suspend after 1 interrupted");
	thin_fails(t, drain(NO_STEP, t->store, VOLUME("v1"), &t->err), ERR_INTERNAL, "interrupted");
	assert_int_equal(lvm_fake_device("vg--0-nvmetcp.v.v1", &device), 0);
	assert_false(device.suspended);
	/* Whoever was to resume it was killed: opening the pool does. */
	lvm_fault("resume before 1 killed");
	thin_fails(t, drain(NO_STEP, t->store, VOLUME("v1"), &t->err), ERR_INTERNAL, "killed");
	assert_int_equal(lvm_fake_device("vg--0-nvmetcp.v.v1", &device), 0);
	assert_true(device.suspended);
	thin_open(t);
	assert_int_equal(lvm_fake_device("vg--0-nvmetcp.v.v1", &device), 0);
	assert_false(device.suspended);
}

static void test_full_pool(void **state)
{
	struct thin *t = *state;
	char lines[256];

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	assert_called("lvcreate ");
	print_to(lines, sizeof(lines),
		"LVM-vgvgvg00000000000000000000vgvgvgpopopo00000000000000000000popopo-tpool\n0\n1073741824\nthin-pool\n%s\n",
		"1 10/1024 16384/16384 - out_of_data_space discard_passdown error_if_no_space - 1024");
	lvm_set_device("vg--0-thin-tpool", lines);
	thin_fails(t, create(NO_STEP, t->store, VOLUME("v2"), EXTENT, &t->err),
		ERR_RESOURCE_EXHAUSTED, "vg-0/thin is full");
	thin_fails(t, clone(NO_STEP, t->store, VOLUME("v1"), SNAPSHOT("s1"), EXTENT, &t->err),
		ERR_RESOURCE_EXHAUSTED, "is full");
	thin_ok(t, check(t->store, &t->err));
	thin_ok(t, remove(NO_STEP, t->store, VOLUME("v1"), &t->err));
	assert_called("lvremove ");
	print_to(lines, sizeof(lines),
		"LVM-vgvgvg00000000000000000000vgvgvgpopopo00000000000000000000popopo-tpool\n0\n1073741824\nthin-pool\n%s\n",
		"1 1024/1024 9/16384 - ro discard_passdown error_if_no_space needs_check 1024");
	lvm_set_device("vg--0-thin-tpool", lines);
	thin_fails(t, create(NO_STEP, t->store, VOLUME("v2"), EXTENT, &t->err), ERR_UNAVAILABLE,
		"read-only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_allocated, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_clone, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_grow, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_grow_was_cut_short, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_remove, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_without_tag, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_unknown_outcomes, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_drain, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_full_pool, thin_setup, thin_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
