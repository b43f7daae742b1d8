/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to volumes, as far as nothing else remembers it: how the last stage or publish
 * failed, when a volume was staged, since when a condition is seen. In memory only; of at most
 * HISTORY_MAX volumes, of which the one that nothing was said of for longest is forgotten first.
 * Thread-safe.
 */
#pragma once

#include "common/base/err.h"

#include <stdint.h>

struct history;

/** Most volumes remembered. */
#define HISTORY_MAX 1024
/** Most conditions whose beginning is remembered. */
#define HISTORY_MARKS 16
/**
 * How long a failure counts that does not come again, in ms: kubelet repeats a call that failed
 * after two minutes at the latest, and may take as long for the call itself, until the pod is gone.
 */
#define HISTORY_FAILURE_MS (10 * 60 * 1000)

/** history_new - nothing happened yet. Return: NULL without memory. */
struct history *history_new(void);
/** history_free - accepts NULL. */
void history_free(struct history *history);
/**
 * history_told - @operation on @volume ended with @result, and @err when that is not 0. Stages and
 * publishes that failed are kept until one goes well, or the volume or the publish is taken away.
 * One whose caller had gone is no failure.
 */
void history_told(struct history *history, const char *operation, const char *volume, int result,
	const struct err *err);

/** struct history_failure - the last one of a volume. */
struct history_failure {
	bool publish;	    /* of a publish; false: of a stage */
	int64_t since_unix; /* of the first one in a row, ms since 1970 */
	char msg[ERR_MSG_MAX];
};
/** history_failure - has the last stage or publish of @volume failed? Return: true and @ret. */
bool history_failure(struct history *history, const char *volume, struct history_failure *ret);
/** history_failures - how many volumes have failed to stage, and to publish. */
void history_failures(struct history *history, size_t *ret_stages, size_t *ret_publishes);
/** history_staged_ms - when @volume was staged, of clock_ms(); 0: not known. */
int64_t history_staged_ms(struct history *history, const char *volume);
/**
 * history_marks - the conditions in @now (bit i: condition i) are seen of @volume, and no others.
 * @ret_since: since when each was seen without a look in between that did not, ms since 1970.
 */
void history_marks(struct history *history, const char *volume, uint32_t now,
	int64_t ret_since[HISTORY_MARKS]);
