/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes of filesystems, and the calls that cannot work without a mount. That growing works is shown
 * on the real kernel (test/vm).
 */
#include "node/block/grow_child.h"
#include "test/unit/node/block/disk_fake.h"

static void test_ext4_sizes(void **state)
{
	static const struct {
		const char *options;
		uint64_t device;
		uint64_t bytes;
		uint32_t block;
	} cases[] = {
		{"-b 4096", GIB, GIB, 4096},
		{"-b 1024", 64 * MIB, 64 * MIB, 1024},
		{"-b 4096 -O 64bit", 17 * TIB, 17 * TIB, 4096},
		{"-b 4096", GIB + 16 * MIB + 512, GIB + 16 * MIB, 4096},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char command[200];
		struct fake_disk disk;
		struct err err = {0};
		uint64_t bytes;
		uint32_t block;

		fake_open(&disk, cases[i].device);
		(void)snprintf(command, sizeof(command),
			"mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=1 %s /proc/self/fd/3",
			cases[i].options);
		const char *argv[] = {"sh", "-c", command, NULL};
		assert_int_equal(fake_run(disk.fd, argv), 0);
		assert_int_equal(grow_size_ext4(disk.fd, &bytes, &block, &err), 0);
		assert_int_equal(bytes, cases[i].bytes);
		assert_int_equal(block, cases[i].block);
		fake_close(&disk);
	}
}

static void test_no_ext4(void **state)
{
	struct fake_disk disk;
	struct err err = {0};
	uint64_t bytes;
	uint32_t block;

	(void)state;
	fake_open(&disk, MIB);
	assert_int_equal(grow_size_ext4(disk.fd, &bytes, &block, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(ftruncate(disk.fd, 1100), 0);
	assert_int_equal(grow_size_ext4(disk.fd, &bytes, &block, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	fake_close(&disk);
}

struct call {
	struct guard *guard;
	struct grow_target *target;
	struct grow_size *size;
};

static int grow_step(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return grow_fs(in, call->guard, call->target, call->size, err);
}

struct mounted_call {
	struct guard *guard;
	struct grow_place *place;
	struct grow_size *size;
};

static int mounted_step(const struct step *in, void *arg, struct err *err)
{
	struct mounted_call *call = arg;

	return grow_mounted(in, call->guard, call->place, call->size, err);
}

static void test_through_the_helper(void **state)
{
	static const struct helper_verb verbs[] = {{VERB_GROW, verb_grow}};
	struct steps steps = {.operation = "test"};
	struct helper *helper;
	struct fake_disk disk;
	struct grow_size size;
	struct err err = {0};

	(void)state;
	assert_int_equal(helper_start(verbs, 1, &helper, &err), 0);
	fake_open(&disk, GIB);
	const char *argv[] = {"mkfs.ext4", "-q", "-F", "/proc/self/fd/3", "512M", NULL};
	assert_int_equal(fake_run(disk.fd, argv), 0);
	struct guard guard = {.helper = helper, .dl = deadline_in(20000)};
	struct grow_target target = {"ext4", disk.fd, disk.fd};
	assert_int_equal(grow_query(&guard, &target, &size, &err), 0);
	assert_int_equal(size.fs_bytes, 512 * MIB);
	assert_int_equal(size.device_bytes, GIB);
	assert_true(size.needed);
	/* A file that is no mounted ext4 cannot be grown: the errors arrive. */
	struct call call = {&guard, &target, &size};
	assert_int_equal(step_run(&steps, "grow", grow_step, &call, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	target.fstype = "xfs";
	assert_int_equal(grow_query(&guard, &target, &size, &err), -1);
	/* Where the mount is gone, the folder is on the node's own disk. */
	struct grow_place place = {"ext4", "/", disk.fd};
	struct mounted_call mounted = {&guard, &place, &size};
	assert_int_equal(step_run(&steps, "grow", mounted_step, &mounted, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "mounted at / is not the volume's device"));
	place.path = "/nonexistent";
	assert_int_equal(step_run(&steps, "grow", mounted_step, &mounted, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent: cannot be opened"));
	/* Nothing to do. */
	target.fstype = "ext4";
	assert_int_equal(ftruncate(disk.fd, 512 * MIB + 4095), 0);
	assert_int_equal(step_run(&steps, "grow", grow_step, &call, &err), 0);
	assert_false(size.needed);
	fake_close(&disk);
	helper_stop(helper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ext4_sizes),
		cmocka_unit_test(test_no_ext4),
		cmocka_unit_test(test_through_the_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
