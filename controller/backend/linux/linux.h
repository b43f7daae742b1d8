/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend of type "linux": nvmetcp-target on any Linux machine, by its REST API
 * (target/api/openapi.yaml). Metadata is kept in full, each volume has a subsystem of its own, and
 * the agent holds the lock that makes several controllers safe.
 */
#pragma once

#include "controller/backend/backend.h"

/** backend_linux - its row for the registry. No keys beyond the common ones. */
extern const struct backend_type backend_linux;
