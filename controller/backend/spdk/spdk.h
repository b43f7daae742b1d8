/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend of type "spdk": a target of the Storage Performance Development Kit, by its JSON-RPC
 * over HTTP(S) (rpc_http_proxy.py, or a TLS proxy before it) or over its Unix socket. Logical
 * volume stores are the pools, each volume is a thin lvol with a subsystem of its own while it is
 * published. SPDK keeps nothing with a volume but its name, and no exports over a restart.
 */
#pragma once

#include "controller/backend/backend.h"

/** backend_spdk - its row for the registry. Further keys: portals, pools, ratio. */
extern const struct backend_type backend_spdk;
