/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list under a mutex, the one that was touched last first.
 */
#include "node/core/history.h"

#include "common/base/clock.h"
#include "node/core/record.h"

#include <pthread.h>
#include <stdio.h>

struct story {
	struct story *next;
	char volume[RECORD_VOLUME_MAX + 1];
	char *failure; /* NULL: none */
	bool publish;
	int64_t since_unix;
	int64_t failed_ms; /* the last time, of clock_ms() */
	int64_t staged_ms;
	int64_t marks[HISTORY_MARKS]; /* 0: not seen */
};

struct history {
	pthread_mutex_t lock;
	struct story *stories;
	size_t n;
};

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));

	if (history) {
		(void)pthread_mutex_init(&history->lock, NULL);
	}
	return history;
}

static void drop(struct history *history, struct story **at)
{
	struct story *story = *at;

	*at = story->next;
	free(story->failure);
	free(story);
	history->n--;
}

void history_free(struct history *history)
{
	if (!history) {
		return;
	}
	while (history->stories) {
		drop(history, &history->stories);
	}
	(void)pthread_mutex_destroy(&history->lock);
	free(history);
}

static struct story **find(struct history *history, const char *volume)
{
	struct story **at = &history->stories;

	while (*at && !streq((*at)->volume, volume)) {
		at = &(*at)->next;
	}
	return at;
}

/* The story of @volume, which is the first one then. NULL without memory: nothing is kept. */
static struct story *begin(struct history *history, const char *volume)
{
	struct story **at = find(history, volume);
	struct story *story = *at;

	if (story) {
		*at = story->next;
	} else {
		story = calloc(1, sizeof(*story));
		if (!story) {
			return NULL;
		}
		if (history->n == HISTORY_MAX && history->stories) {
			struct story **last = &history->stories;
			while ((*last)->next) {
				last = &(*last)->next;
			}
			drop(history, last);
		}
		(void)snprintf(story->volume, sizeof(story->volume), "%s", volume);
		history->n++;
	}
	story->next = history->stories;
	history->stories = story;
	return story;
}

static void forgive(struct story *story)
{
	free(TAKE_PTR(story->failure));
}

static bool failed(const struct story *story)
{
	return story && story->failure && clock_ms() - story->failed_ms < HISTORY_FAILURE_MS;
}

static void keep_failure(
	struct history *history, const char *volume, bool publish, const struct err *err)
{
	struct story *story = begin(history, volume);

	if (!story) {
		return;
	}
	if (!failed(story) || story->publish != publish) {
		story->since_unix = clock_unix_ms();
	}
	forgive(story);
	story->failure = strdup(err->msg);
	story->publish = publish;
	story->failed_ms = clock_ms();
}

static void keep_success(struct history *history, const char *operation, const char *volume)
{
	struct story **at = find(history, volume);

	if (streq(operation, "NodeStageVolume")) {
		struct story *story = begin(history, volume);
		if (story) {
			forgive(story);
			story->staged_ms = clock_ms();
		}
	} else if (*at && streq(operation, "NodeUnstageVolume")) {
		drop(history, at);
	} else if (*at && (*at)->publish &&
		   (streq(operation, "NodePublishVolume") ||
			   streq(operation, "NodeUnpublishVolume"))) {
		forgive(*at);
	}
}

void history_told(struct history *history, const char *operation, const char *volume, int result,
	const struct err *err)
{
	bool publish = streq(operation, "NodePublishVolume");

	(void)pthread_mutex_lock(&history->lock);
	if (result == 0) {
		keep_success(history, operation, volume);
	} else if ((publish || streq(operation, "NodeStageVolume")) && err->code != ERR_CANCELLED) {
		keep_failure(history, volume, publish, err);
	}
	(void)pthread_mutex_unlock(&history->lock);
}

bool history_failure(struct history *history, const char *volume, struct history_failure *ret)
{
	(void)pthread_mutex_lock(&history->lock);
	const struct story *story = *find(history, volume);
	bool found = failed(story);
	if (found) {
		ret->publish = story->publish;
		ret->since_unix = story->since_unix;
		(void)snprintf(ret->msg, sizeof(ret->msg), "%s", story->failure);
	}
	(void)pthread_mutex_unlock(&history->lock);
	return found;
}

void history_failures(struct history *history, size_t *ret_stages, size_t *ret_publishes)
{
	*ret_stages = *ret_publishes = 0;
	(void)pthread_mutex_lock(&history->lock);
	for (const struct story *story = history->stories; story; story = story->next) {
		*ret_stages += failed(story) && !story->publish;
		*ret_publishes += failed(story) && story->publish;
	}
	(void)pthread_mutex_unlock(&history->lock);
}

int64_t history_staged_ms(struct history *history, const char *volume)
{
	(void)pthread_mutex_lock(&history->lock);
	const struct story *story = *find(history, volume);
	int64_t staged = story ? story->staged_ms : 0;
	(void)pthread_mutex_unlock(&history->lock);
	return staged;
}

void history_marks(
	struct history *history, const char *volume, uint32_t now, int64_t ret_since[HISTORY_MARKS])
{
	int64_t unix_ms = clock_unix_ms();

	(void)pthread_mutex_lock(&history->lock);
	/* Of a volume that is well nothing needs to be begun. */
	struct story *story = now ? begin(history, volume) : *find(history, volume);
	for (unsigned i = 0; i < HISTORY_MARKS; i++) {
		bool seen = now & (UINT32_C(1) << i);
		int64_t since = story && story->marks[i] ? story->marks[i] : unix_ms;

		ret_since[i] = seen ? since : 0;
		if (story) {
			story->marks[i] = ret_since[i];
		}
	}
	(void)pthread_mutex_unlock(&history->lock);
}
