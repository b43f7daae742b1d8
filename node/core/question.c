/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key of its own beside that of the volume, for the locks and for those who are left behind.
 */
#include "node/core/question.h"

#include <stdio.h>

#define KEY_SIZE (RECORD_VOLUME_MAX + 32)

static void question_key(const char *volume, char out[KEY_SIZE])
{
	(void)snprintf(out, KEY_SIZE, "statistics of volume %s", volume);
}

int question_ask(
	struct core *core, const struct question *question, struct guard *guard, struct err *err)
{
	char key[KEY_SIZE];

	question_key(question->volume, key);
	_cleanup_keylock_ struct keylock_held *lock = NULL;
	struct hold hold = {0};
	if (busy_check(core->busy, key, err) < 0) {
		return -1;
	}
	/* Of several questions at once one is enough to be found after a restart. */
	if (keylock_try(core->volumes, "statistics", key, &lock, NULL) == 0 &&
		hold_take(core->holds, HOLD_STATISTICS, question->volume, question->rpc, &hold,
			err) < 0) {
		return -1;
	}
	guard->hold = hold.fd;
	int result = question->ask(core, guard, question->arg, err);
	if (!guard->stuck) {
		hold_release(core->holds, &hold);
	} else {
		struct keylock_held *none[BUSY_LOCKS] = {NULL, NULL};
		hold_leave(&hold);
		busy_take(core->busy, key, question->what,
			(struct busy_child){.stuck = guard->stuck}, none);
	}
	return result;
}

bool question_hangs(struct core *core, const char *volume, struct busy_one *ret)
{
	char key[KEY_SIZE];

	question_key(volume, key);
	return busy_look(core->busy, key, ret);
}
