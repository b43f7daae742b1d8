/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a volume group "vg-0" and a thin pool "thin" in it, all make-believe: the commands
 * are fake_lvm.py, the device mapper is a folder of files that it writes.
 */
#pragma once

#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "target/store/lvm.h"
#include "test/unit/target/support.h"

#define VG "vg-0"
#define VG_UUID "vgvgvg-0000-0000-0000-0000-0000-vgvgvg"
#define POOL_UUID "popopo-0000-0000-0000-0000-0000-popopo"
/** 1 GiB of data in chunks of 64 KiB, 4 MiB of metadata, in blocks of 4 KiB. */
#define POOL_STATUS "1 10/1024 100/16384 - rw no_discard_passdown error_if_no_space - 1024"

struct lvm_world {
	struct place place;
	char lvm[80];
	char dmsetup[80];
	char dev[80];
	struct lvm_env env;
	struct dm_ops dm;
};

static struct lvm_world lvm_world;

static inline void lvm_line(char **rest, char *out, size_t size)
{
	const char *line = strsep(rest, "\n");

	assert_non_null(line);
	print_to(out, size, "%s", line);
}

static inline int lvm_fake_device(const char *name, struct dm_device *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	char number[32];
	char *rest;

	print_to(path, sizeof(path), "%s/dm/%s", lvm_world.place.path, name);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0) {
		errno = ENXIO;
		return -1;
	}
	rest = text;
	*ret = (struct dm_device){0};
	lvm_line(&rest, ret->uuid, sizeof(ret->uuid));
	lvm_line(&rest, number, sizeof(number));
	ret->suspended = streq(number, "1");
	lvm_line(&rest, number, sizeof(number));
	assert_int_equal(parse_i64("size", number, 0, INT64_MAX, &ret->size, NULL), 0);
	lvm_line(&rest, ret->target, sizeof(ret->target));
	lvm_line(&rest, ret->status, sizeof(ret->status));
	return 0;
}

/* The group with nothing but the thin pool; @more: members of the pool's row that differ. */
static inline void lvm_group(const char *status, const char *more)
{
	char text[1024];

	print_to(text, sizeof(text),
		"{\"vg\":\"" VG "\",\"vg_uuid\":\"" VG_UUID "\",\"extent\":4194304,\"lvs\":{"
		"\"root\":{\"uuid\":\"rororo-0000-0000-0000-0000-0000-rororo\",\"segtype\":\"linear\",\"size\":4194304,\"tags\":[]},"
		"\"thin\":{\"uuid\":\"" POOL_UUID
		"\",\"segtype\":\"thin-pool\",\"size\":1073741824,\"tags\":[],"
		"\"zero\":\"zero\",\"when_full\":\"error\",\"chunk\":65536,\"status\":\"%s\"%s}}}",
		status, more);
	put_file(at(&lvm_world.place, "vg.json"), text);
}

static inline void lvm_world_make(void)
{
	struct lvm_world *w = &lvm_world;

	place_make(&w->place);
	print_to(w->lvm, sizeof(w->lvm), "%s/lvm", w->place.path);
	print_to(w->dmsetup, sizeof(w->dmsetup), "%s/dmsetup", w->place.path);
	print_to(w->dev, sizeof(w->dev), "%s/dev", w->place.path);
	assert_int_equal(symlink(NV_SOURCE_DIR "/test/unit/target/fake_lvm.py", w->lvm), 0);
	assert_int_equal(symlink(NV_SOURCE_DIR "/test/unit/target/fake_lvm.py", w->dmsetup), 0);
	assert_int_equal(mkdir(at(&w->place, "dm"), 0700), 0);
	assert_int_equal(mkdir(w->dev, 0700), 0);
	assert_int_equal(mkdir(at(&w->place, "held"), 0700), 0);
	assert_int_equal(mkfifo(at(&w->place, "gate"), 0600), 0);
	w->dm = (struct dm_ops){lvm_fake_device};
	w->env = (struct lvm_env){
		.lvm = w->lvm,
		.dmsetup = w->dmsetup,
		.lock_dir = w->place.path,
		.dev_dir = w->dev,
		.dm = &w->dm,
		.wait_ms = 60000,
		.run_ms = 60000,
	};
	lvm_group(POOL_STATUS, "");
}

static inline void lvm_world_remove(void)
{
	assert_false(exists(at(&lvm_world.place, "twice")));
	place_remove(&lvm_world.place);
}

/* Lines of `faults`, see fake_lvm.py. */
static inline void lvm_fault(const char *lines)
{
	put_file(at(&lvm_world.place, "faults"), lines);
}

/* Let a command that hangs go on. */
static inline void lvm_open_gate(void)
{
	_cleanup_close_ int fd = open(at(&lvm_world.place, "gate"), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
}

/* The device of this name as the kernel would tell, with these values; NULL: it has none. */
static inline void lvm_set_device(const char *name, const char *lines)
{
	char path[PATH_MAX];

	print_to(path, sizeof(path), "%s/dm/%s", lvm_world.place.path, name);
	if (lines) {
		put_file(path, lines);
	} else {
		assert_int_equal(unlink(path), 0);
	}
}

static inline bool lvm_has_device(const char *name)
{
	char path[PATH_MAX];

	print_to(path, sizeof(path), "%s/dm/%s", lvm_world.place.path, name);
	return exists(path);
}

/* What was called since the last time, as "lvs lvcreate ". */
static inline void assert_called(const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	const char *path = at(&lvm_world.place, "log");

	if (file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0) {
		assert_string_equal("", wanted);
		return;
	}
	for (char *c = text; *c; c++) {
		*c = *c == '\n' ? ' ' : *c;
	}
	assert_string_equal(text, wanted);
	assert_int_equal(unlink(path), 0);
}
