/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control channel of a target's double: what no API does to a target, a test does by it. One
 * line of JSON, one line back: {"ok": …} or {"failed": "why"}.
 */
#pragma once

#include "common/base/err.h"

/** control_do - send @command to the socket @path. Return: 0, or -1 with what it said. */
MUST_USE int control_do(const char *path, const char *command, struct err *err);
