/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read of a target, as the contract has it, in the request's arena.
 */
#pragma once

#include "controller/backend/spdk/export.h"

/** spdk_show_volume - @lvol with the hosts that may use it. */
MUST_USE int spdk_show_volume(const struct op *op, const struct spdk_lvol *lvol,
	const struct spdk_export *export, struct be_volume *ret, struct err *err);
/** spdk_show_snapshot - @lvol; @volume is the object that it was cut from, "" when that is gone. */
MUST_USE int spdk_show_snapshot(const struct op *op, const struct spdk_lvol *lvol,
	const char *volume, struct be_snapshot *ret, struct err *err);
/** spdk_written - does it surely hold data? Restored and copied volumes do, and allocated ones. */
bool spdk_written(const struct spdk_lvol *lvol);
