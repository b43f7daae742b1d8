/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of access modes and the rules on top of it.
 */
#include "common/csi/access.h"

#include "common/base/parse.h"
#include "common/csi/validate.h"

#define MODE(name) CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__##name

struct mode_row {
	csi_mode mode;
	const char *name;
	bool single_node;
	bool read_only;
	bool many_targets;
};

static const struct mode_row modes[] = {
	{MODE(SINGLE_NODE_WRITER), "SINGLE_NODE_WRITER", true, false, false},
	{MODE(SINGLE_NODE_READER_ONLY), "SINGLE_NODE_READER_ONLY", true, true, false},
	{MODE(MULTI_NODE_READER_ONLY), "MULTI_NODE_READER_ONLY", false, true, true},
	{MODE(MULTI_NODE_SINGLE_WRITER), "MULTI_NODE_SINGLE_WRITER", false, false, true},
	{MODE(MULTI_NODE_MULTI_WRITER), "MULTI_NODE_MULTI_WRITER", false, false, true},
	{MODE(SINGLE_NODE_SINGLE_WRITER), "SINGLE_NODE_SINGLE_WRITER", true, false, false},
	{MODE(SINGLE_NODE_MULTI_WRITER), "SINGLE_NODE_MULTI_WRITER", true, false, true},
};

static const struct mode_row *mode_row(csi_mode mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (modes[i].mode == mode) {
			return &modes[i];
		}
	}
	return NULL;
}

const char *csi_mode_name(csi_mode mode)
{
	const struct mode_row *row = mode_row(mode);

	return row ? row->name : "UNKNOWN";
}

/* An unknown mode is answered for as the strictest one; csi_access_of() lets none through. */
bool csi_mode_single_node(csi_mode mode)
{
	const struct mode_row *row = mode_row(mode);

	return !row || row->single_node;
}

bool csi_mode_read_only(csi_mode mode)
{
	const struct mode_row *row = mode_row(mode);

	return row && row->read_only;
}

bool csi_mode_many_targets(csi_mode mode)
{
	const struct mode_row *row = mode_row(mode);

	return row && row->many_targets;
}

static int mount_of(const char *field, const Csi__V1__VolumeCapability__MountVolume *mount,
	struct csi_access *ret, struct err *err)
{
	char shown[65];
	size_t bytes = 0;

	if (strlen(mount->fs_type) > CSI_STRING_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.mount.fs_type: \"%s\" has %zu bytes, at most %d are allowed", field,
			printable(mount->fs_type, shown, sizeof(shown)), strlen(mount->fs_type),
			CSI_STRING_MAX);
	}
	for (size_t i = 0; i < mount->n_mount_flags; i++) {
		bytes += strlen(mount->mount_flags[i]) + 1;
	}
	/* The flags themselves are not repeated: they may carry sensitive words. */
	if (bytes > CSI_MOUNT_FLAGS_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.mount.mount_flags: %zu bytes in all, at most %d are allowed", field,
			bytes, CSI_MOUNT_FLAGS_MAX);
	}
	ret->fs_type = mount->fs_type;
	ret->mount_flags = mount->mount_flags;
	ret->n_mount_flags = mount->n_mount_flags;
	return 0;
}

int csi_access_of(const char *field, const Csi__V1__VolumeCapability *capability,
	struct csi_access *ret, struct err *err)
{
	*ret = (struct csi_access){.fs_type = ""};
	if (!capability) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: missing, it is required", field);
	}
	switch (capability->access_type_case) {
	case CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_BLOCK:
		ret->block = true;
		break;
	case CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_MOUNT:
		if (mount_of(field, capability->mount, ret, err) < 0) {
			return -1;
		}
		break;
	default:
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.access_type: missing, block or mount is required", field);
	}
	if (!capability->access_mode) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s.access_mode: missing, it is required",
			field);
	}
	if (!mode_row(capability->access_mode->mode)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.access_mode.mode: %d is no known access mode", field,
			(int)capability->access_mode->mode);
	}
	ret->mode = capability->access_mode->mode;
	return 0;
}

int csi_access_supported(const char *field, const struct csi_access *access, struct err *err)
{
	char shown[65];

	if (access->mode == MODE(MULTI_NODE_SINGLE_WRITER)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.access_mode.mode: MULTI_NODE_SINGLE_WRITER is not supported, nothing would hold the "
			"other nodes to reading; use a single-node mode, MULTI_NODE_READER_ONLY, or "
			"MULTI_NODE_MULTI_WRITER with block access",
			field);
	}
	if (access->mode == MODE(MULTI_NODE_MULTI_WRITER) && !access->block) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.access_mode.mode: MULTI_NODE_MULTI_WRITER (ReadWriteMany) is supported for block "
			"access only, a filesystem written by several nodes is destroyed; set volumeMode: "
			"Block or use ReadWriteOnce",
			field);
	}
	if (!str_empty(access->fs_type) && !streq(access->fs_type, "ext4") &&
		!streq(access->fs_type, "xfs")) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s.mount.fs_type: \"%s\" is not supported; ext4 and xfs are", field,
			printable(access->fs_type, shown, sizeof(shown)));
	}
	return 0;
}

bool csi_access_same(const struct csi_access *a, const struct csi_access *b)
{
	if (a->block != b->block || a->mode != b->mode || !streq(a->fs_type, b->fs_type) ||
		a->n_mount_flags != b->n_mount_flags) {
		return false;
	}
	for (size_t i = 0; i < a->n_mount_flags; i++) {
		if (!streq(a->mount_flags[i], b->mount_flags[i])) {
			return false;
		}
	}
	return true;
}
