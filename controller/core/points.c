/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All fault points of nvmetcp-controller. The changes are calls to SPDK; nvmetcp-target has points
 * of its own.
 */
#include "controller/core/points.h"

#define REVOKE "nvmf_subsystem_remove_host nvmf_delete_subsystem"

static const struct fault_row rows[] = {
	{"CreateVolume", "create",
		"bdev_lvol_create bdev_lvol_snapshot bdev_lvol_clone bdev_lvol_resize bdev_set_qos_limit"},
	{"CreateVolume", FAULT_ANSWER, NULL},
	{"DeleteVolume", "delete", "nvmf_delete_subsystem bdev_lvol_delete"},
	{"DeleteVolume", FAULT_ANSWER, NULL},
	{"ControllerPublishVolume", "grant",
		"bdev_set_qos_limit nvmf_create_subsystem nvmf_subsystem_allow_any_host "
		"nvmf_subsystem_add_ns nvmf_subsystem_add_host nvmf_subsystem_add_listener"},
	{"ControllerPublishVolume", "revoke", REVOKE},
	{"ControllerPublishVolume", FAULT_ANSWER, NULL},
	{"ControllerUnpublishVolume", "revoke", REVOKE},
	{"ControllerUnpublishVolume", FAULT_ANSWER, NULL},
	{"ControllerExpandVolume", "expand", "bdev_lvol_resize"},
	{"ControllerExpandVolume", FAULT_ANSWER, NULL},
	{"CreateSnapshot", "create", "bdev_lvol_snapshot bdev_lvol_delete"},
	{"CreateSnapshot", FAULT_ANSWER, NULL},
	{"DeleteSnapshot", "delete", "bdev_lvol_rename bdev_lvol_delete"},
	{"DeleteSnapshot", FAULT_ANSWER, NULL},
};

const struct fault_table controller_points = {
	.file = "controller/core/points.c", .rows = rows, .n = ARRAY_SIZE(rows)};
