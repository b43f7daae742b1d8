/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend a request is about, so that its call waits and works in that backend's lane only.
 */
#pragma once

#include "controller/core/core.h"

#include <protobuf-c/protobuf-c.h>

/** service_place - the index of the backend that @request is about; CORE_BACKEND_NONE when it is
 * about none that we know, or about all. */
size_t service_place(const struct core *core, const ProtobufCMessage *request);
