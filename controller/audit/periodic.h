/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit every so often, for metrics and the log. What one audit finds may be a volume that is
 * being made or attached at that moment, so only what the one before found as well is told. It
 * mends nothing.
 */
#pragma once

#include "controller/audit/api.h"
#include "controller/audit/compare.h"
#include "controller/core/current.h"

/** Most memory of one audit. */
#define PERIODIC_ARENA_MAX ((size_t)256 * MIB)

/** struct periodic_result - what one audit found that the one before had found, too. */
struct periodic_result {
	size_t counts[FOUND_KINDS];
};

/** struct periodic_config - borrowed for its life. */
struct periodic_config {
	struct api_place api;
	const char *driver;
	struct current *current;
	int64_t every_ms;
	/** Told after each audit: @why says why it could not be done, with @result NULL. */
	void (*told)(void *arg, const struct periodic_result *result, const struct err *why);
	/** Told of each thing that is found now, by two audits, and was not before. */
	void (*found)(void *arg, const struct finding *finding);
	void *arg;
};

struct periodic;

/** periodic_start - the first audit comes after a tenth of the time. Return: 0 and one for
 * periodic_stop(), or -1 RESOURCE_EXHAUSTED. */
MUST_USE int periodic_start(
	const struct periodic_config *config, struct periodic **ret_periodic, struct err *err);
/** periodic_stop - end it, also in the middle of an audit, and free it; accepts NULL. Return:
 * false when it did not end in time; then nothing is freed. */
MUST_USE bool periodic_stop(struct periodic *periodic, const struct deadline *dl);
