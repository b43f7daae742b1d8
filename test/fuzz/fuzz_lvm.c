/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What LVM and the device mapper say of a thin pool: the first byte says what is asked, the second
 * is the program's exit code, and the rest its output or the status line. The programs are not run;
 * all that asks them is as it is.
 */
#include "common/base/spawn.h"
#include "target/store/lvmthin_priv.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define VG_UUID "zTQOSU-aaaa-bbbb-cccc-dddd-eeee-ffffff"
#define LV_UUID "Yx0123-aaaa-bbbb-cccc-dddd-eeee-ffffff"

/* The answer to every program and every question to the kernel. */
static const char *said;
static int exit_code;

int __wrap_spawn_run(const struct spawn *what, const struct deadline *dl, struct spawn_result *ret,
	struct err *err);

int __wrap_spawn_run(const struct spawn *what, const struct deadline *dl, struct spawn_result *ret,
	struct err *err)
{
	(void)dl;
	*ret = (struct spawn_result){.exit_code = exit_code};
	if (exit_code == UINT8_MAX) {
		return err_set(err, ERR_DEADLINE_EXCEEDED, "%s: did not end", what->argv[0]);
	}
	ret->output = strdup(said);
	ret->errors = what->apart ? strdup(said) : NULL;
	FUZZ_CHECK(ret->output);
	return 0;
}

/* As the kernel knows it: the two UUIDs without their dashes. */
static int device(const char *name, struct dm_device *ret)
{
	bool pool = strstr(name, "tpool") != NULL;
	size_t n = strlen("LVM-");

	*ret = (struct dm_device){.uuid = "LVM-", .size = 8 * MIB};
	(void)snprintf(ret->target, sizeof(ret->target), "%s", pool ? "thin-pool" : "thin");
	(void)snprintf(ret->status, sizeof(ret->status), "%s", said);
	for (const char *p = VG_UUID LV_UUID; *p; p++) {
		if (*p != '-') {
			ret->uuid[n++] = *p;
		}
	}
	(void)snprintf(ret->uuid + n, sizeof(ret->uuid) - n, "%s", pool ? "-tpool" : "");
	return 0;
}

static void check(int rc, const struct err *err)
{
	if (rc < 0) {
		fuzz_said(err);
	}
}

static void take_pool(struct lvmthin_store *s, struct err *err)
{
	struct lvmthin_pool pool;
	int rc = lvmthin_pool_read(&s->lvm, s->thin_pool, &pool, err);

	check(rc, err);
	if (rc == 0) {
		FUZZ_CHECK(pool.chunk > 0 && pool.extent >= STORE_GRANULARITY);
		FUZZ_CHECK(pool.generation >= 0 && pool.generation < INT64_MAX);
	}
}

static void take_generation(struct lvmthin_store *s, struct err *err)
{
	check(lvmthin_generation_write(NULL, &s->base, 7, err), err);
}

static void take_grow(struct lvmthin_store *s, struct err *err)
{
	const struct object_name name = {OBJECT_VOLUME, "v1"};

	check(lvmthin_grow(NULL, &s->base, name, 16 * MIB, err), err);
	*err = (struct err){0};
	check(lvmthin_remove(NULL, &s->base, name, err), err);
}

static void take_settings(struct lvmthin_store *s, struct err *err)
{
	struct lvm_settings settings;
	int rc = lvm_settings_read(s->lvm.env, &settings, err);

	check(rc, err);
	FUZZ_CHECK(settings.extend_at >= 0 && settings.extend_at <= 100);
}

static void take_status(struct lvmthin_store *s, struct err *err)
{
	struct dm_pool pool;
	int64_t bytes = 0;
	int rc = dm_pool_parse(said, 64 * KIB, &pool, err);

	check(rc, err);
	if (rc == 0) {
		FUZZ_CHECK(pool.meta_size >= 0 && pool.data_size >= 0);
	}
	*err = (struct err){0};
	rc = dm_thin_parse(said, &bytes, err);
	check(rc, err);
	FUZZ_CHECK(bytes >= 0);
	*err = (struct err){0};
	check(lvmthin_pool_status(s, &pool, err), err);
	FUZZ_CHECK(lvm_code(said) != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dm_ops dm = {.device = device};
	static const struct lvm_env env = {.lvm = "lvm",
		.dmsetup = "dmsetup",
		.lock_dir = "/tmp",
		.dev_dir = "/dev/mapper",
		.dm = &dm,
		.wait_ms = 1000,
		.run_ms = 1000};
	static void (*const takes[])(struct lvmthin_store *s, struct err *err) = {
		take_pool, take_generation, take_grow, take_settings, take_status};
	struct lvmthin_store s = {.lvm = {.env = &env},
		.vg = "vg0",
		.thin_pool = "tp",
		.pool = {.vg_uuid = VG_UUID, .lv_uuid = LV_UUID, .chunk = 64 * KIB},
		.tag = "nvmetcp.pool.1"};
	struct err err = {0};

	if (size < 2) {
		return 0;
	}
	_cleanup_free_ char *text = fuzz_text(data + 2, size - 2);

	said = text;
	exit_code = data[1];
	s.lvm.vg = s.vg;
	pooldir_init(&s.dir);
	s.dir.path = (char *)"/pool";
	s.dir.dirfd = fuzz_folder();
	s.base.dir = &s.dir;
	takes[data[0] % ARRAY_SIZE(takes)](&s, &err);
	s.dir.path = NULL;
	s.dir.dirfd = -1;
	pooldir_done(&s.dir);
	return 0;
}
