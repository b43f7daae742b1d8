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
/**
 * stage_mend - with work->device proven: check the filesystem of a staged volume and mount it at
 * @staging again, in place of what is mounted there. Nothing is ever formatted. A filesystem that
 * is mounted elsewhere as well is left alone. Return: 0, or -1 (UNAVAILABLE when it is).
 */
MUST_USE int stage_mend(
	struct work *work, const struct core_access *access, const char *staging, struct err *err);
