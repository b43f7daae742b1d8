/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the server at a socket still answer? For a program that asks itself.
 */
#pragma once

#include "common/base/clock.h"

/**
 * rpc_alive - connect to the server at @path and send it HTTP/2's PING, which gRPC answers from the
 * thread that serves the calls; no service and no worker is asked, so a server whose calls all hang
 * is alive.
 * Return: 0, or -1: UNAVAILABLE when nobody listens at @path or what does hangs up,
 * DEADLINE_EXCEEDED when no answer came in time.
 */
MUST_USE int rpc_alive(const char *path, const struct deadline *dl, struct err *err);
