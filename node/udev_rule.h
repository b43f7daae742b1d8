/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks of volumes are none of the node's business: what a pod makes on a raw one (a volume group,
 * a RAID array, a btrfs of several disks) must not be activated by the node's udev, which would
 * hold the disk when it is to be disconnected and write to it behind the pod's back (P2, P9).
 * So a rule of ours keeps udev from looking into disks that this node's host NQN is connected to.
 * It lies in /run and is gone after a reboot, as the connections are.
 */
#pragma once

#include "common/base/step.h"

/** Room for a rules file. */
#define UDEV_RULE_SIZE 2048

/** udev_rule_text - the rules file for disks of @host_nqn, into @out. */
void udev_rule_text(const char *host_nqn, char out[UDEV_RULE_SIZE]);
/**
 * udev_rule_write - put that file into @folder as "59-<driver>.rules", unless it is there already;
 * udev reads it by itself. 59: before 60-persistent-storage.rules, where blkid is called.
 * Return: 0, or -1.
 */
MUST_USE int udev_rule_write(const struct step *in, const char *folder, const char *driver,
	const char *host_nqn, struct err *err);
