/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moments of a volume are phase + n * period.
 */
#include "node/core/due.h"

#include "common/nvmf/uuid.h"

/* The same for ever, and evenly spread over the volumes. */
static int64_t phase_of(const char *volume, int64_t period)
{
	uint8_t uuid[16];
	uint64_t number = 0;

	uuid_of_name(volume, uuid);
	/* The last bytes: the first ones hold the version. */
	for (size_t i = 9; i < sizeof(uuid); i++) {
		number = number << 8 | uuid[i];
	}
	return (int64_t)(number % (uint64_t)period);
}

int64_t due_at(const struct due *due, int64_t now_ms)
{
	int64_t period = reclaim_period_ms(due->reclaim);
	int64_t last = due->last_ms;

	if (period == 0) {
		return DUE_NEVER;
	}
	/* Further ahead than a moment of its own could be: the clock has been set back since. */
	if (last > now_ms + period) {
		last = 0;
	}
	int64_t since = (now_ms - phase_of(due->volume, period)) % period;
	int64_t moment = now_ms - (since < 0 ? since + period : since);
	if (last < moment && now_ms - moment <= period / DUE_WINDOW + due->busy_ms) {
		return moment;
	}
	moment += period;
	return last < moment ? moment : moment + period;
}
