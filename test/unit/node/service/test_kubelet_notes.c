/* SPDX-License-Identifier: Apache-2.0 */
/* Kubelet's notes are found where it writes them, and nothing else is opened for long. */
#include "common/base/base.h"
#include "node/service/kubelet_notes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct rig {
	char dir[32];
	char command[128];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/nv-notes-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	(void)snprintf(rig->command, sizeof(rig->command), "rm -rf %s", rig->dir);
	assert_int_equal(system(rig->command), 0);
	free(rig);
	return 0;
}

/* @name below the rig's folder, in a buffer of the caller's. */
static const char *at(const struct rig *rig, const char *name, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/%s", rig->dir, name);
	return out;
}

/* Make all folders above @name, and the file. */
static void put(const struct rig *rig, const char *name)
{
	char path[PATH_MAX];

	(void)at(rig, name, path);
	for (char *slash = strchr(path + strlen(rig->dir) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{}", 2), 2);
	assert_int_equal(close(fd), 0);
}

static void test_filesystem(void **state)
{
	struct rig *rig = *state;
	char staging[PATH_MAX];
	char target[PATH_MAX];

	(void)at(rig, "csi/driver/hash/globalmount", staging);
	(void)at(rig, "pods/uid/volumes/kubernetes.io~csi/pvc/mount", target);
	assert_int_equal(kubelet_notes_keep(staging, target), 0);
	put(rig, "csi/driver/hash/vol_data.json");
	assert_int_equal(kubelet_notes_keep(staging, NULL), 1);
	put(rig, "pods/uid/volumes/kubernetes.io~csi/pvc/vol_data.json");
	assert_int_equal(kubelet_notes_keep(staging, target), 2);
	assert_int_equal(kubelet_notes_keep(NULL, target), 1);
	(void)at(rig, "csi/driver/hash/globalmount//", staging);
	assert_int_equal(kubelet_notes_keep(staging, NULL), 1);
}

static void test_block(void **state)
{
	struct rig *rig = *state;
	char staging[PATH_MAX];
	char target[PATH_MAX];

	put(rig, "csi/volumeDevices/pvc-1/data/vol_data.json");
	put(rig, "csi/volumeDevices/pvc-2/data/vol_data.json");
	(void)at(rig, "csi/volumeDevices/staging/pvc-1", staging);
	(void)at(rig, "csi/volumeDevices/publish/pvc-1/uid", target);
	assert_int_equal(kubelet_notes_keep(staging, target), 1);
	(void)at(rig, "csi/volumeDevices/staging/pvc-3", staging);
	assert_int_equal(kubelet_notes_keep(staging, target), 0);
}

/* Something else of that name is not waited for, and a link is not followed. */
static void test_odd_files(void **state)
{
	struct rig *rig = *state;
	char path[PATH_MAX];
	char target[PATH_MAX];

	(void)at(rig, "mount", target);
	(void)at(rig, "vol_data.json", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(kubelet_notes_keep(target, target), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(kubelet_notes_keep(target, target), 0);
	assert_int_equal(rmdir(path), 0);
	put(rig, "elsewhere");
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(kubelet_notes_keep(target, target), 0);
}

static void test_odd_paths(void **state)
{
	static char longest[3 * PATH_MAX];

	(void)state;
	assert_int_equal(kubelet_notes_keep(NULL, NULL), 0);
	assert_int_equal(kubelet_notes_keep("", "/"), 0);
	assert_int_equal(kubelet_notes_keep("/", ""), 0);
	assert_int_equal(kubelet_notes_keep("/nowhere", "nowhere"), 0);
	memset(longest, '/', sizeof(longest) - 1);
	assert_int_equal(kubelet_notes_keep(longest, longest), 0);
	memset(longest + 1, 'a', sizeof(longest) - 2);
	assert_int_equal(kubelet_notes_keep(longest, longest), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_filesystem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
		cmocka_unit_test(test_odd_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
