/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table, read from fixtures: places, numbers, stacked mounts, odd names, garbage.
 */
#include "common/base/fileio.h"
#include "node/mount/table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

/* As Linux 6.12 writes it: kubelet's staging and pod mounts, a raw block bind, a deleted root. */
static const char NODE[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
	"30 22 0:26 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw\n"
	"90 22 259:3 / /var/lib/kubelet/plugins/kubernetes.io/csi/nvmetcp.csi.dev/ab/globalmount "
	"rw,relatime shared:55 - ext4 /dev/nvme0n1 rw\n"
	"91 22 259:3 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/pvc/mount ro,relatime "
	"shared:55 - ext4 /dev/nvme0n1 rw\n"
	"92 22 8:1 /var/lib/kubelet/plugins/nvmetcp.csi.dev/state/.nvmetcp-node-0123//deleted "
	"/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/pvc/1 rw,relatime shared:1 "
	"- ext4 /dev/sda1 rw,errors=remount-ro\n"
	"93 22 259:5 / /mnt/with\\040space\\011tab\\134back rw,noatime - xfs /dev/nvme1n1 ro,nouuid\n"
	"94 93 259:7 / /mnt/with\\040space\\011tab\\134back rw,noatime - xfs /dev/nvme2n1 rw,nouuid\n"
	"95 22 0:77 / /mnt/optional rw shared:9 master:2 propagate_from:1 - tmpfs tmpfs rw,size=4k\n"
	"96 22 0:78 / /mnt/none rw - tmpfs none rw\n";

static struct mount_table *read_text(const char *text, int *ret_result, struct err *err)
{
	char path[] = "/tmp/nv-mountinfo-XXXXXX";
	struct mount_table *table = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	*ret_result = mount_table_read(path, &table, err);
	assert_int_equal(unlink(path), 0);
	return table;
}

static void finds_by_place_number_and_root(void **state)
{
	struct err err = {0};
	int result;
	_cleanup_mount_table_ struct mount_table *table = read_text(NODE, &result, &err);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(mount_table_len(table), 9);
	const struct mount_entry *entry = mount_table_find(
		table, "/var/lib/kubelet/plugins/kubernetes.io/csi/nvmetcp.csi.dev/ab/globalmount");
	assert_non_null(entry);
	assert_int_equal(entry->dev, makedev(259, 3));
	assert_string_equal(entry->fs_type, "ext4");
	assert_false(entry->read_only || entry->fs_read_only);
	entry = mount_table_find(
		table, "/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/pvc/mount");
	assert_true(entry->read_only);
	assert_false(entry->fs_read_only);
	assert_ptr_equal(mount_table_find_dev(table, makedev(259, 3)), mount_table_at(table, 2));
	assert_null(mount_table_find_dev(table, makedev(259, 30)));
	assert_null(mount_table_find(table, "/var/lib/kubelet/pods"));
	entry = mount_table_find_root(table, ".nvmetcp-node-0123");
	assert_non_null(entry);
	assert_non_null(strstr(entry->target, "volumeDevices"));
	assert_null(mount_table_find_root(table, ".nvmetcp-node-0124"));
}

static void odd_names_are_decoded_and_the_top_mount_wins(void **state)
{
	struct err err = {0};
	int result;
	_cleanup_mount_table_ struct mount_table *table = read_text(NODE, &result, &err);

	(void)state;
	const struct mount_entry *entry = mount_table_find(table, "/mnt/with space\ttab\\back");
	assert_non_null(entry);
	assert_int_equal(entry->dev, makedev(259, 7));
	assert_false(entry->fs_read_only);
	assert_true(mount_table_find_dev(table, makedev(259, 5))->fs_read_only);
	/* "ro" in "errors=remount-ro" is not the option ro. */
	assert_false(mount_table_find(table, "/")->fs_read_only);
}

/* A line that is not understood might be ours: no answer is better than a wrong one. */
static void garbage_is_an_error(void **state)
{
	static const char *const tails[] = {
		"97 22 nonsense\n",
		"97 22 259:9 / /mnt/cut rw,relatime\n",
		"97\n",
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		struct err err = {0};
		int result;
		(void)snprintf(text, sizeof(text), "%s%s", NODE, tails[i]);
		struct mount_table *table = read_text(text, &result, &err);
		assert_int_equal(result, -1);
		assert_int_equal(err.code, ERR_INTERNAL);
		assert_null(table);
	}
}

static void a_missing_file_is_an_error(void **state)
{
	struct mount_table *table = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(mount_table_read("/nonexistent/mountinfo", &table, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/mountinfo"));
}

static void the_real_one_is_readable(void **state)
{
	struct mount_table *table = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(mount_table_read(MOUNT_INFO_PATH, &table, &err), 0);
	assert_true(mount_table_len(table) > 0);
	mount_table_free(table);
}

static void paths_as_the_table_spells_them(void **state)
{
	char dir[] = "/tmp/nv-real-XXXXXX";
	char path[PATH_MAX + 16];
	char real[PATH_MAX];
	char out[PATH_MAX];
	struct err err = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_non_null(realpath(dir, real));
	(void)snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("real", path), 0);
	(void)snprintf(path, sizeof(path), "%s/link/target//", dir);
	assert_int_equal(mount_real_path(path, out, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/real/target", real);
	assert_string_equal(out, path);
	/* A folder that is not there yet cannot be spelled otherwise. */
	assert_int_equal(mount_real_path("/nonexistent/a/b", out, &err), 0);
	assert_string_equal(out, "/nonexistent/a/b");
	assert_int_equal(mount_real_path("/tmp", out, &err), 0);
	static const char *const bad[] = {"", "relative/path", "/", "///"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err){0};
		assert_int_equal(mount_real_path(bad[i], out, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
	char longer[PATH_MAX + 2];
	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(mount_real_path(longer, out, &err), -1);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_place_number_and_root),
		cmocka_unit_test(odd_names_are_decoded_and_the_top_mount_wins),
		cmocka_unit_test(garbage_is_an_error),
		cmocka_unit_test(a_missing_file_is_an_error),
		cmocka_unit_test(the_real_one_is_readable),
		cmocka_unit_test(paths_as_the_table_spells_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
