/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All fault points of nvmetcp-node. Those of "helper" are in the child that does the work of a
 * step, so "kill" there is the death of the child alone.
 */
#include "node/core/points.h"

static const struct fault_row rows[] = {
	{"start", "modules", NULL},
	{"start", "clean-nodes", NULL},
	{"start", "udev-rule", NULL},
	{"PathKeeper", "keep-path", NULL},
	{"PathKeeper", "keep-policy", NULL},

	{"NodeStageVolume", "record", NULL},
	{"NodeStageVolume", "connect", NULL},
	{"NodeStageVolume", "device", NULL},
	{"NodeStageVolume", "access", NULL},
	{"NodeStageVolume", "format", NULL},
	{"NodeStageVolume", "record-formatted", NULL},
	{"NodeStageVolume", "check", NULL},
	{"NodeStageVolume", "mount", NULL},
	{"NodeStageVolume", "grow", NULL},
	{"NodeStageVolume", "record-done", NULL},
	{"NodeStageVolume", "undo-mount", NULL},
	{"NodeStageVolume", "undo-connect", NULL},
	{"NodeStageVolume", "undo-record", NULL},
	/* What an earlier operation left is taken down first. */
	{"NodeStageVolume", "sync", NULL},
	{"NodeStageVolume", "unmount", NULL},
	{"NodeStageVolume", "node", NULL},
	{"NodeStageVolume", "disconnect", NULL},
	{"NodeStageVolume", FAULT_ANSWER, NULL},

	{"NodePublishVolume", "unmount", NULL},
	{"NodePublishVolume", "record", NULL},
	{"NodePublishVolume", "target", NULL},
	{"NodePublishVolume", "access", NULL},
	/* A filesystem that shut itself down is mended. */
	{"NodePublishVolume", "check", NULL},
	{"NodePublishVolume", "mount", NULL},
	{"NodePublishVolume", "bind", NULL},
	{"NodePublishVolume", "undo-target", NULL},
	{"NodePublishVolume", "undo-record", NULL},
	{"NodePublishVolume", FAULT_ANSWER, NULL},

	{"NodeExpandVolume", "rescan", NULL},
	{"NodeExpandVolume", "grow", NULL},
	{"NodeExpandVolume", FAULT_ANSWER, NULL},

	{"NodeUnpublishVolume", "unmount", NULL},
	{"NodeUnpublishVolume", "target", NULL},
	{"NodeUnpublishVolume", "record", NULL},
	{"NodeUnpublishVolume", FAULT_ANSWER, NULL},

	{"NodeUnstageVolume", "record", NULL},
	{"NodeUnstageVolume", "sync", NULL},
	{"NodeUnstageVolume", "unmount", NULL},
	{"NodeUnstageVolume", "node", NULL},
	{"NodeUnstageVolume", "disconnect", NULL},
	{"NodeUnstageVolume", "forget", NULL},
	{"NodeUnstageVolume", FAULT_ANSWER, NULL},

	{"Reclaim", "record", NULL},
	{"Reclaim", "trim", NULL},

	{"helper", "connect", NULL},
	{"helper", "delete-controller", NULL},
	{"helper", "try-disk", NULL},
	{"helper", "open-disk", NULL},
	{"helper", "format", NULL},
	{"helper", "grow", NULL},
	{"helper", "mount", NULL},
	{"helper", "umount", NULL},
	{"helper", "sync", NULL},
	{"helper", "trim", NULL},
};

const struct fault_table node_points = {
	.file = "node/core/points.c", .rows = rows, .n = ARRAY_SIZE(rows)};
