/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameter "reclaim" of a StorageClass: how the space of deleted files is given back to the
 * pool. The controller refuses what is wrong when the volume is made, the node when it stages.
 */
#pragma once

#include "common/base/err.h"

/** Name of the parameter, and of the key in the volume context. */
#define RECLAIM_KEY "reclaim"

enum reclaim {
	RECLAIM_OFF,	 /* never by us */
	RECLAIM_DAILY,	 /* the node trims the mounted filesystem once a day */
	RECLAIM_WEEKLY,	 /* once a week */
	RECLAIM_DISCARD, /* by the filesystem itself at each deletion: the mount option */
};

/**
 * reclaim_parse - a name; NULL (not given) and "none", as older classes have it, are off.
 * Return: 0, or -1 INVALID_ARGUMENT naming @field, the value and what is allowed.
 */
MUST_USE int reclaim_parse(const char *field, const char *text, enum reclaim *ret, struct err *err);
/** reclaim_name - as reclaim_parse() takes it. */
const char *reclaim_name(enum reclaim reclaim);
/** reclaim_period_ms - time between two trims by the node, 0: it does none. */
int64_t reclaim_period_ms(enum reclaim reclaim);
