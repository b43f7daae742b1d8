/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access modes: the table, what is refused as malformed and what as not supported.
 */
#include "common/csi/access.h"
#include "common/csi/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MODE(name) CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__##name

struct built {
	Csi__V1__VolumeCapability capability;
	Csi__V1__VolumeCapability__AccessMode mode;
	Csi__V1__VolumeCapability__MountVolume mount;
	Csi__V1__VolumeCapability__BlockVolume block;
};

/* Any number, as it may come over the wire. */
static csi_mode mode_of(int number)
{
	csi_mode mode;

	memcpy(&mode, &number, sizeof(mode));
	return mode;
}

static void build(struct built *b, bool block, int mode)
{
	csi__v1__volume_capability__init(&b->capability);
	csi__v1__volume_capability__access_mode__init(&b->mode);
	csi__v1__volume_capability__mount_volume__init(&b->mount);
	csi__v1__volume_capability__block_volume__init(&b->block);
	b->mode.mode = mode_of(mode);
	b->capability.access_mode = &b->mode;
	if (block) {
		b->capability.access_type_case = CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_BLOCK;
		b->capability.block = &b->block;
	} else {
		b->capability.access_type_case = CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_MOUNT;
		b->capability.mount = &b->mount;
	}
}

static void modes(void **state UNUSED)
{
	static const struct {
		csi_mode mode;
		bool single, read_only, many;
		bool mount, block; /* supported */
	} rows[] = {
		{MODE(SINGLE_NODE_WRITER), true, false, false, true, true},
		{MODE(SINGLE_NODE_READER_ONLY), true, true, false, true, true},
		{MODE(MULTI_NODE_READER_ONLY), false, true, true, true, true},
		{MODE(MULTI_NODE_SINGLE_WRITER), false, false, true, false, false},
		{MODE(MULTI_NODE_MULTI_WRITER), false, false, true, false, true},
		{MODE(SINGLE_NODE_SINGLE_WRITER), true, false, false, true, true},
		{MODE(SINGLE_NODE_MULTI_WRITER), true, false, true, true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(csi_mode_single_node(rows[i].mode), rows[i].single);
		assert_int_equal(csi_mode_read_only(rows[i].mode), rows[i].read_only);
		assert_int_equal(csi_mode_many_targets(rows[i].mode), rows[i].many);
		assert_string_not_equal(csi_mode_name(rows[i].mode), "UNKNOWN");
		for (int block = 0; block < 2; block++) {
			struct built b;
			struct csi_access access;
			struct err err = {0};
			bool fine = block ? rows[i].block : rows[i].mount;

			build(&b, block, (int)rows[i].mode);
			assert_int_equal(csi_access_of("cap", &b.capability, &access, &err), 0);
			assert_int_equal(access.block, block);
			assert_int_equal(csi_access_supported("cap", &access, &err), fine ? 0 : -1);
			if (!fine) {
				assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
				assert_non_null(strstr(err.msg, csi_mode_name(rows[i].mode)));
			}
		}
	}
}

static void malformed(struct built *b, const char *part)
{
	struct csi_access access;
	struct err err = {0};

	assert_int_equal(csi_access_of("cap", b ? &b->capability : NULL, &access, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, part));
}

static void malformed_capabilities(void **state UNUSED)
{
	static char flag[CSI_MOUNT_FLAGS_MAX + 1];
	static char fs[CSI_STRING_MAX + 2];
	char *flags[] = {flag};
	struct built b;

	malformed(NULL, "cap: missing");
	build(&b, false, MODE(UNKNOWN));
	malformed(&b, "access_mode.mode");
	build(&b, false, 99);
	malformed(&b, "99");
	build(&b, false, MODE(SINGLE_NODE_WRITER));
	b.capability.access_mode = NULL;
	malformed(&b, "access_mode");
	build(&b, false, MODE(SINGLE_NODE_WRITER));
	b.capability.access_type_case = CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE__NOT_SET;
	malformed(&b, "access_type");
	build(&b, false, MODE(SINGLE_NODE_WRITER));
	memset(fs, 'f', sizeof(fs) - 1);
	b.mount.fs_type = fs;
	malformed(&b, "fs_type");
	build(&b, false, MODE(SINGLE_NODE_WRITER));
	memset(flag, 'm', sizeof(flag) - 1);
	b.mount.mount_flags = flags;
	b.mount.n_mount_flags = 1;
	malformed(&b, "mount_flags");
}

static void flags_stay_out_of_messages(void **state UNUSED)
{
	static char flag[2 * CSI_MOUNT_FLAGS_MAX];
	char *flags[] = {flag};
	struct built b;
	struct csi_access access;
	struct err err = {0};

	memset(flag, 'Z', sizeof(flag) - 1);
	build(&b, false, MODE(SINGLE_NODE_WRITER));
	b.mount.mount_flags = flags;
	b.mount.n_mount_flags = 1;
	assert_int_equal(csi_access_of("cap", &b.capability, &access, &err), -1);
	assert_null(strchr(err.msg, 'Z'));
}

static void filesystems(void **state UNUSED)
{
	static const char *const fine[] = {"", "ext4", "xfs"};
	static const char *const bad[] = {"ext3", "btrfs", "EXT4", "ext4 ", "../ext4"};
	struct csi_access access = {.mode = MODE(SINGLE_NODE_WRITER)};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		access.fs_type = fine[i];
		assert_int_equal(csi_access_supported("cap", &access, &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		access.fs_type = bad[i];
		assert_int_equal(csi_access_supported("cap", &access, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, bad[i]));
	}
}

static void same(void **state UNUSED)
{
	char noatime[] = "noatime";
	char ro[] = "ro";
	char *one[] = {noatime};
	char *other[] = {ro};
	struct csi_access a = {.mode = MODE(SINGLE_NODE_WRITER),
		.fs_type = "ext4",
		.mount_flags = one,
		.n_mount_flags = 1};
	struct csi_access b = a;

	assert_true(csi_access_same(&a, &b));
	b.mount_flags = other;
	assert_false(csi_access_same(&a, &b));
	b = a;
	b.n_mount_flags = 0;
	assert_false(csi_access_same(&a, &b));
	b = a;
	b.fs_type = "xfs";
	assert_false(csi_access_same(&a, &b));
	b = a;
	b.mode = MODE(SINGLE_NODE_SINGLE_WRITER);
	assert_false(csi_access_same(&a, &b));
	b = a;
	b.block = true;
	assert_false(csi_access_same(&a, &b));
}

static void unknown_mode_is_strict(void **state UNUSED)
{
	assert_true(csi_mode_single_node(mode_of(77)));
	assert_false(csi_mode_many_targets(mode_of(77)));
	assert_string_equal(csi_mode_name(mode_of(77)), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),
		cmocka_unit_test(malformed_capabilities),
		cmocka_unit_test(flags_stay_out_of_messages),
		cmocka_unit_test(filesystems),
		cmocka_unit_test(same),
		cmocka_unit_test(unknown_mode_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
