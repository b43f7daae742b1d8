/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/base/fault.h"

extern const struct fault_table controller_points;
