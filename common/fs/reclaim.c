/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names and their periods.
 */
#include "common/fs/reclaim.h"

#include "common/base/parse.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* As the enum; the one behind them is an older name of the first. */
static const char *const names[] = {"off", "daily", "weekly", "discard", "none", NULL};

int reclaim_parse(const char *field, const char *text, enum reclaim *ret, struct err *err)
{
	int index = RECLAIM_OFF;

	if (text && parse_choice(field, text, names, &index, err) < 0) {
		return -1;
	}
	*ret = index > RECLAIM_DISCARD ? RECLAIM_OFF : (enum reclaim)index;
	return 0;
}

const char *reclaim_name(enum reclaim reclaim)
{
	return names[reclaim];
}

int64_t reclaim_period_ms(enum reclaim reclaim)
{
	switch (reclaim) {
	case RECLAIM_DAILY:
		return DAY_MS;
	case RECLAIM_WEEKLY:
		return 7 * DAY_MS;
	case RECLAIM_OFF:
	case RECLAIM_DISCARD:
		break;
	}
	return 0;
}
