/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets, device-node names, and the helper's verbs as far as they need no root; real mounts are
 * for the tests on a kernel.
 */
#include "common/base/fileio.h"
#include "node/mount/health.h"
#include "node/mount/mount.h"
#include "node/mount/trim.h"
#include "node/nvme/head.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char dir[64];
	char path[PATH_MAX];
	struct helper *helper;
};

/* What a step does in these tests. */
struct call {
	const char *path;
	bool folder;
	bool made;
	struct guard *guard;
	const struct mount_what *what;
	const struct mount_table *table;
	const struct trim_part *part;
	struct trim_done trimmed;
};

static int do_make(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return mount_target_make(in, call->path, call->folder, &call->made, err);
}

static int do_remove(const struct step *in, void *arg, struct err *err)
{
	return mount_target_remove(in, ((struct call *)arg)->path, err);
}

static int do_unmount(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return mount_remove(in, call->path, call->guard, err);
}

static int do_mount(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return mount_filesystem(in, call->what, call->guard, err);
}

static int do_clean(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return mount_nodes_clean(in, call->path, call->table, err);
}

static int do_trim(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;

	return mount_trim(in, call->part, call->guard, &call->trimmed, err);
}

static int step(step_fn fn, struct call *call, struct err *err)
{
	struct steps steps = {.operation = "test"};

	*err = (struct err){0};
	return step_run(&steps, "step", fn, call, err);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	const struct helper_verb *verbs;
	size_t n;

	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/nv-mount-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	(void)snprintf(place->path, sizeof(place->path), "%s/target", place->dir);
	verbs = mount_verbs(&n);
	assert_int_equal(helper_start(verbs, n, &place->helper, NULL), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	helper_stop(place->helper);
	if (unlink(place->path) < 0) {
		(void)rmdir(place->path);
	}
	(void)rmdir(place->dir);
	free(place);
	return 0;
}

static struct guard guard_of(struct place *place)
{
	return (struct guard){.helper = place->helper, .dl = deadline_in(20000)};
}

static void targets_are_made_once_and_removed(void **state)
{
	struct place *place = *state;
	struct err err;

	for (int folder = 0; folder < 2; folder++) {
		struct call call = {.path = place->path, .folder = folder};
		struct stat st;
		assert_int_equal(step(do_make, &call, &err), 0);
		assert_true(call.made);
		assert_int_equal(stat(place->path, &st), 0);
		assert_int_equal(S_ISDIR(st.st_mode), folder);
		assert_int_equal(step(do_make, &call, &err), 0);
		assert_false(call.made);
		call.folder = !folder;
		assert_int_equal(step(do_make, &call, &err), -1);
		assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
		assert_int_equal(step(do_remove, &call, &err), 0);
		assert_int_equal(step(do_remove, &call, &err), 0);
		assert_int_equal(access(place->path, F_OK), -1);
	}
}

static void what_holds_data_is_not_removed(void **state)
{
	struct place *place = *state;
	struct call call = {.path = place->path};
	struct err err;
	char inner[PATH_MAX + 8];

	assert_int_equal(file_write_atomic(AT_FDCWD, place->path, "x", 1, 0600, &err), 0);
	assert_int_equal(step(do_remove, &call, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(unlink(place->path), 0);
	assert_int_equal(mkdir(place->path, 0700), 0);
	(void)snprintf(inner, sizeof(inner), "%s/inner", place->path);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_int_equal(step(do_remove, &call, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rmdir(inner), 0);
	/* A link is followed by nobody. */
	assert_int_equal(rmdir(place->path), 0);
	assert_int_equal(symlink("/", place->path), 0);
	assert_int_equal(step(do_remove, &call, &err), -1);
	call.folder = true;
	assert_int_equal(step(do_make, &call, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
}

static void a_target_without_parent_is_the_orchestrators_fault(void **state)
{
	struct call call = {.path = "/nonexistent/folder/target", .folder = true};
	struct err err;

	(void)state;
	assert_int_equal(step(do_make, &call, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(step(do_remove, &call, &err), 0);
}

static void usage_is_of_the_filesystem_asked_for(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	struct mount_usage usage = {0};
	struct err err = {0};
	struct stat st;

	assert_int_equal(stat(place->dir, &st), 0);
	assert_int_equal(mount_usage_read(place->dir, st.st_dev, &guard, &usage, &err), 0);
	assert_true(usage.bytes_total > 0 && usage.bytes_used <= usage.bytes_total);
	assert_true(usage.bytes_free <= usage.bytes_total);
	assert_int_equal(usage.inodes_used + usage.inodes_free, usage.inodes_total);
	assert_int_equal(mount_usage_read(place->dir, st.st_dev + 1, &guard, &usage, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(mount_usage_read("/nonexistent", st.st_dev, &guard, &usage, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_null(guard.stuck);
}

static void alive_or_not(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	struct err err = {0};
	bool alive = false;

	assert_int_equal(mount_alive(place->dir, &guard, &alive, &err), 0);
	assert_true(alive);
	assert_int_equal(mount_alive("/nonexistent", &guard, &alive, &err), 0);
	assert_false(alive);
	assert_int_equal(mount_opens(place->dir, &guard, &alive, &err), 0);
	assert_true(alive);
	assert_int_equal(mount_opens("/nonexistent", &guard, &alive, &err), 0);
	assert_false(alive);
}

static void unmounting_what_is_no_mount_is_fine(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	struct call call = {.path = "/nonexistent/target", .guard = &guard};
	struct err err;

	assert_int_equal(step(do_unmount, &call, &err), 0);
	call.guard = NULL;
	assert_int_equal(step(do_unmount, &call, &err), 0);
}

/* No device, or no right to mount: an error either way, and nothing is mounted. */
static void a_mount_that_cannot_be_fails(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct mount_what what = {.fd = fd,
		.name = "nvme999n1",
		.dev = 1,
		.target = place->dir,
		.fs_type = "ext4",
		.data = ""};
	struct call call = {.what = &what, .guard = &guard};
	struct err err;
	struct stat before;
	struct stat after;

	assert_int_equal(stat(place->dir, &before), 0);
	assert_int_equal(step(do_mount, &call, &err), -1);
	assert_true(err.code != ERR_OK);
	assert_int_equal(stat(place->dir, &after), 0);
	assert_int_equal(before.st_dev, after.st_dev);
}

/* Nothing that this test may write to: procfs knows no free blocks. */
static struct trim_part part_of_proc(void)
{
	struct stat st;

	assert_int_equal(stat("/proc", &st), 0);
	return (struct trim_part){.path = "/proc", .dev = st.st_dev, .length = 1 << 30};
}

static void only_what_is_meant_is_trimmed(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	struct trim_part part = part_of_proc();
	struct call call = {.part = &part, .guard = &guard};
	struct err err;

	assert_int_equal(step(do_trim, &call, &err), -1);
	assert_int_equal(err.code, ERR_UNIMPLEMENTED);
	assert_non_null(strstr(err.msg, "/proc"));
	part.dev++;
	assert_int_equal(step(do_trim, &call, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	part.path = "/nonexistent";
	assert_int_equal(step(do_trim, &call, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_null(guard.stuck);
}

/* A child that does not come back is ended at the deadline, and when it is told to. */
static void a_trim_that_hangs_is_ended(void **state)
{
	struct place *place = *state;
	struct guard guard = guard_of(place);
	struct trim_part part = part_of_proc();
	struct call call = {.part = &part, .guard = &guard};
	const struct helper_verb *verbs;
	struct err err;
	size_t n;

	verbs = mount_verbs(&n);
	assert_int_equal(setenv("NVMETCP_FAULTS", "helper.trim=hang", 1), 0);
	assert_int_equal(helper_start(verbs, n, &guard.helper, NULL), 0);
	assert_int_equal(unsetenv("NVMETCP_FAULTS"), 0);
	guard.dl = deadline_in(100);
	assert_int_equal(step(do_trim, &call, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_null(guard.stuck);
	_cleanup_close_ int cancel = eventfd(1, EFD_CLOEXEC);
	assert_true(cancel >= 0);
	guard.dl = deadline_in(3600000);
	guard.dl.cancel_fd = cancel;
	assert_int_equal(step(do_trim, &call, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_null(guard.stuck);
	helper_stop(guard.helper);
}

static void left_over_nodes_are_cleaned(void **state)
{
	struct place *place = *state;
	static const char mounts[] =
		"92 22 8:1 /state/.nvmetcp-node-0123 /pods/dev rw - ext4 /dev/sda1 rw\n";
	_cleanup_mount_table_ struct mount_table *table = NULL;
	struct call call = {.path = place->dir};
	char name[MOUNT_NODE_NAME_SIZE];
	char path[PATH_MAX];
	char opened[PATH_MAX];
	char bound[PATH_MAX];
	struct err err;

	(void)snprintf(bound, sizeof(bound), "%s/mountinfo", place->dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, bound, mounts, strlen(mounts), 0600, &err), 0);
	assert_int_equal(mount_table_read(bound, &table, &err), 0);
	call.table = table;
	(void)snprintf(bound, sizeof(bound), "%s/.nvmetcp-node-0123", place->dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, bound, "", 0, 0600, &err), 0);
	mount_node_name("0123456789abcdef", name);
	assert_string_equal(name, ".nvmetcp-node-0123456789abcdef");
	(void)snprintf(path, sizeof(path), "%s/%s", place->dir, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "", 0, 0600, &err), 0);
	(void)snprintf(opened, sizeof(opened), "%s/" HEAD_NODE_PREFIX "259-1-77", place->dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, opened, "", 0, 0600, &err), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, place->path, "", 0, 0600, &err), 0);
	assert_int_equal(step(do_clean, &call, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(opened, F_OK), -1);
	assert_int_equal(access(bound, F_OK), 0);
	assert_int_equal(access(place->path, F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(targets_are_made_once_and_removed),
		TEST(what_holds_data_is_not_removed),
		cmocka_unit_test(a_target_without_parent_is_the_orchestrators_fault),
		TEST(usage_is_of_the_filesystem_asked_for),
		TEST(alive_or_not),
		TEST(unmounting_what_is_no_mount_is_fine),
		TEST(a_mount_that_cannot_be_fails),
		TEST(only_what_is_meant_is_trimmed),
		TEST(a_trim_that_hangs_is_ended),
		TEST(left_over_nodes_are_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
