/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one operation calls what may hang: by which helper, until when, and who was left behind.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/helper.h"

/**
 * struct guard - belongs to one operation and one thread. After a failed call `stuck` may be set:
 * then what the call worked on must stay locked until helper_stuck_gone(stuck) says so, and no
 * other call may use this guard.
 */
struct guard {
	struct helper *helper;
	struct deadline dl;
	struct helper_stuck *stuck;
};
