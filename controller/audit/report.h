/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as people read them, and as a later audit does.
 */
#pragma once

#include "controller/audit/compare.h"

#include <stdio.h>

/** report_table - one line a finding with what to do about it, then the numbers. */
void report_table(FILE *out, const struct cluster *cluster, const struct findings *findings);
/** report_json - {"findings": [{"kind", "volume", "node", "persistentVolume"}]}. Return: 0, or -1.
 */
MUST_USE int report_json(FILE *out, const struct findings *findings, struct err *err);
/** report_read - read what report_json() wrote; @from is a file's path, or the text itself, which
 * begins with '{'. Strings live in @arena. Return: 0, or -1. */
MUST_USE int report_read(
	const char *from, struct arena *arena, struct findings *ret, struct err *err);
