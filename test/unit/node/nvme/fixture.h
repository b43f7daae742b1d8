/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A /sys and a /dev in a temporary folder, built from a description in test/fixtures/sysfs.
 */
#pragma once

#include "common/base/fileio.h"
#include "common/nvmf/nqn.h"
#include "node/nvme/host.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NQN_A "nqn.2026-01.dev.csi.nvmetcp:t:a"
#define NQN_AB "nqn.2026-01.dev.csi.nvmetcp:t:ab"

static const struct host_identity us UNUSED = {
	.nqn = "nqn.2026-01.dev.csi.nvmetcp:node.t.n1",
	.id = "01234567-89ab-cdef-0123-456789abcdef",
};

struct fixture {
	char root[64];
	int sysfs; /* for changes by the test */
	struct host_paths host;
};

static inline void fixture_line(const struct fixture *f, char *line)
{
	struct err err = {0};
	char *link = strstr(line, " -> ");
	char *value = strstr(line, " =");
	char *folder = strstr(line, " /");
	char *end = link ? link : value ? value : folder;

	assert_non_null(end);
	*end = '\0';
	char *slash = strrchr(line, '/');
	if (slash) {
		*slash = '\0';
		assert_int_equal(dir_make(f->sysfs, line, 0755, &err), 0);
		*slash = '/';
	}
	if (link) {
		assert_int_equal(symlinkat(link + 4, f->sysfs, line), 0);
	} else if (value) {
		_cleanup_close_ int fd =
			openat(f->sysfs, line, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		assert_true(dprintf(fd, "%s\n", value[2] ? value + 3 : "") > 0);
	} else {
		assert_int_equal(mkdirat(f->sysfs, line, 0755), 0);
	}
}

/* fixture_open - build tree @name ("multipath"); NULL: an empty /sys with class/ only. */
static inline void fixture_open(struct fixture *f, const char *name)
{
	char path[256];
	char line[512];
	struct err err = {0};

	(void)snprintf(f->root, sizeof(f->root), "/tmp/nv-sysfs-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(path, sizeof(path), "%s/sys/class", f->root);
	assert_int_equal(dir_make(AT_FDCWD, path, 0755, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/dev", f->root);
	assert_int_equal(mkdir(path, 0755), 0);
	char sys[128];
	(void)snprintf(sys, sizeof(sys), "%s/sys", f->root);
	if (host_open(sys, path, NULL, &f->host, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	f->sysfs = f->host.sysfs;
	if (!name) {
		return;
	}
	(void)snprintf(path, sizeof(path), NV_SOURCE_DIR "/test/fixtures/sysfs/%s.txt", name);
	FILE *in = fopen(path, "re");
	if (!in) {
		fail_msg("%s", path);
		abort();
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#') {
			fixture_line(f, line);
		}
	}
	(void)fclose(in);
}

static inline int fixture_remove_one(
	const char *path, const struct stat *st UNUSED, int flag UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static inline void fixture_close(struct fixture *f)
{
	host_close(&f->host);
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	(void)nftw(f->root, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* fixture_set - write one file anew. */
static inline void fixture_set(const struct fixture *f, const char *path, const char *value)
{
	_cleanup_close_ int fd =
		openat(f->sysfs, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s\n", value) > 0);
}

/* fixture_get - the first line of a file, "" when there is none. */
static inline const char *fixture_get(const struct fixture *f, const char *path)
{
	static char value[256];
	struct err err = {0};

	if (attr_read(f->sysfs, path, value, sizeof(value), &err) < 0) {
		value[0] = '\0';
	}
	return value;
}

/* fixture_drop - remove a file or a link. */
static inline void fixture_drop(const struct fixture *f, const char *path)
{
	assert_int_equal(unlinkat(f->sysfs, path, 0), 0);
}
