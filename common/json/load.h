/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jansson's parser, made safe for want of memory. Inside this folder only, as it speaks of
 * Jansson's values.
 */
#pragma once

#include "common/base/arena.h"

#include <jansson.h>

/**
 * js_load - read @text into values that live in @arena: they go with it, and no json_decref() is
 * needed. Return: 0 and a value in @ret_root, NULL with @error when it is no JSON; -1 without
 * memory.
 */
MUST_USE int js_load(
	struct arena *arena, const char *text, size_t len, json_t **ret_root, json_error_t *error);
