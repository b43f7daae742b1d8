/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system of a test's own that can really be full: a small tmpfs, in a mount namespace of
 * this process, so that nothing is left of it afterwards.
 */
#pragma once

#include "test/unit/target/support.h"

#include <sched.h>
#include <sys/mount.h>

#define FULL_FILLER "filler"

static inline void full_id_map(const char *file, unsigned id)
{
	char text[32];

	print_to(text, sizeof(text), "0 %u 1", id);
	put_file(file, text);
}

/* A namespace where this process may mount; once, before all else. */
static inline int full_setup(void **state UNUSED)
{
	unsigned uid = geteuid();
	unsigned gid = getegid();

	if (unshare(CLONE_NEWNS) < 0) {
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
		put_file("/proc/self/setgroups", "deny");
		full_id_map("/proc/self/uid_map", uid);
		full_id_map("/proc/self/gid_map", gid);
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static inline void full_mount(const char *path)
{
	assert_int_equal(mount("full", path, "tmpfs", 0, "size=64m"), 0);
}

static inline void full_unmount(const char *path)
{
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* Write until not one block is left. */
static inline void full_fill(const struct place *place)
{
	static const char block[4096] = {1};
	_cleanup_close_ int fd =
		open(at(place, FULL_FILLER), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ssize_t n;

	assert_true(fd >= 0);
	do {
		n = write(fd, block, sizeof(block));
	} while (n == (ssize_t)sizeof(block));
	assert_int_equal(n, -1);
	assert_int_equal(errno, ENOSPC);
}

static inline void full_free(const struct place *place)
{
	assert_int_equal(unlink(at(place, FULL_FILLER)), 0);
}
