/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three states in two flags: closed; open; open with an attempt under way. A call that began before
 * the breaker opened may still end, and its answer counts as well as that of an attempt.
 */
#include "common/base/breaker.h"

#include <stdio.h>

void breaker_init(struct breaker *breaker)
{
	*breaker = (struct breaker){.pause_ms = BREAKER_FIRST_MS};
	(void)pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_done(struct breaker *breaker)
{
	(void)pthread_mutex_destroy(&breaker->lock);
}

/* Under the lock. */
static void read_state(const struct breaker *breaker, int64_t now_ms, struct breaker_state *ret)
{
	*ret = (struct breaker_state){.open = breaker->open, .silent = breaker->silent};
	if (breaker->silent > 0) {
		ret->since_ms = MAX(now_ms - breaker->since_ms, 0);
		memcpy(ret->why, breaker->why, sizeof(ret->why));
	}
	if (breaker->open && !breaker->attempt) {
		ret->attempt_ms = MAX(breaker->next_ms - now_ms, 0);
	}
}

void breaker_print(const struct breaker_state *state, char *out, size_t size)
{
	int64_t seconds = (state->attempt_ms + 999) / 1000;
	char next[48] = "the next attempt is under way";

	if (seconds > 0) {
		(void)snprintf(next, sizeof(next), "next attempt in %lld s", (long long)seconds);
	}
	(void)snprintf(out, size,
		"the server has not answered for %lld s, %u calls in a row; %s; look at the "
		"server and the network to it; the last call: %s",
		(long long)(state->since_ms / 1000), state->silent, next, state->why);
}

int breaker_enter(struct breaker *breaker, int64_t now_ms, bool *ret_attempt, struct err *err)
{
	struct breaker_state state;
	char text[ERR_MSG_MAX];
	bool refused;

	(void)pthread_mutex_lock(&breaker->lock);
	refused = breaker->open && (breaker->attempt || now_ms < breaker->next_ms);
	if (refused) {
		read_state(breaker, now_ms, &state);
	} else {
		*ret_attempt = breaker->open;
		breaker->attempt = breaker->open;
	}
	(void)pthread_mutex_unlock(&breaker->lock);
	if (!refused) {
		return 0;
	}
	breaker_print(&state, text, sizeof(text));
	return err_set(err, ERR_UNAVAILABLE, "%s", text);
}

/* Under the lock: one more without an answer. */
static void count_silent(struct breaker *breaker, int64_t now_ms, bool attempt, const char *why)
{
	if (breaker->silent == 0) {
		breaker->since_ms = now_ms;
	}
	breaker->silent++;
	(void)snprintf(breaker->why, sizeof(breaker->why), "%s", why ? why : "");
	if (attempt) {
		breaker->pause_ms = MIN(breaker->pause_ms * 2, (int64_t)BREAKER_LONGEST_MS);
		breaker->next_ms = now_ms + breaker->pause_ms;
	} else if (!breaker->open && breaker->silent >= BREAKER_SILENT_MAX) {
		breaker->open = true;
		breaker->pause_ms = BREAKER_FIRST_MS;
		breaker->next_ms = now_ms + breaker->pause_ms;
	}
}

void breaker_leave(struct breaker *breaker, int64_t now_ms, bool attempt, enum breaker_end end,
	const char *why)
{
	(void)pthread_mutex_lock(&breaker->lock);
	attempt = attempt && breaker->open;
	if (attempt) {
		breaker->attempt = false;
	}
	if (end == BREAKER_ANSWERED) {
		breaker->open = false;
		breaker->attempt = false;
		breaker->silent = 0;
	} else if (end == BREAKER_SILENT) {
		count_silent(breaker, now_ms, attempt, why);
	} else if (attempt) {
		/* Its caller was in a hurry; the next one is not to follow at once. */
		breaker->next_ms = now_ms + BREAKER_FIRST_MS;
	}
	(void)pthread_mutex_unlock(&breaker->lock);
}

void breaker_read(struct breaker *breaker, int64_t now_ms, struct breaker_state *ret)
{
	(void)pthread_mutex_lock(&breaker->lock);
	read_state(breaker, now_ms, ret);
	(void)pthread_mutex_unlock(&breaker->lock);
}
