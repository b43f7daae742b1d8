/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error bodies of the server. Inside this folder only.
 */
#pragma once

#include "common/http/server.h"

/** respond_error - fill @res with @status and {"error":{"code","message"}} of @what; drops what was
 * there. */
void respond_error(struct http_server_response *res, int status, const struct err *what);
