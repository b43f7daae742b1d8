/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helper's children do for this folder; see mount_verbs(). Not used outside of it.
 */
#pragma once

#include "common/base/step.h"

/** mount_unmount - umount(2); not a mount point is success. Return: 0, or -1 ABORTED when in use.
 */
MUST_USE int mount_unmount(const struct step *in, const char *target, struct err *err);
