/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of staging that publish and expand need too. Used inside node/core only.
 */
#pragma once

#include "node/core/work.h"

/** stage_compare - is @access what @record was staged with? Return: 0, or -1 ALREADY_EXISTS naming
 * the field that differs. */
MUST_USE int stage_compare(
	const struct record *record, const struct core_access *access, struct err *err);
/** stage_grow - grow the filesystem mounted at @path to work->device. Return: 0, or -1. */
MUST_USE int stage_grow(struct work *work, const char *path, struct err *err);
