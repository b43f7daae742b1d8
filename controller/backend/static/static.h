/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes of targets without a management API: somebody made them, and a PersistentVolume tells how
 * they are reached. The backend keeps and asks nothing, so there is no fence (P4): who has a path
 * keeps it until the node itself disconnects.
 */
#pragma once

#include "controller/backend/backend.h"

/** backend_static - "type": "static". */
extern const struct backend_type backend_static;
