/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread and its counters.
 */
#include "node/core/reclaimer.h"

#include "common/base/log.h"
#include "common/base/ticker.h"
#include "node/core/due.h"
#include "node/core/records.h"

#include <pthread.h>

struct reclaimer {
	struct reclaimer_config config;
	struct ticker *ticker;
	int64_t took_ms; /* the last look; of the thread alone */
	pthread_mutex_t lock;
	struct reclaimer_status status;
};

static void trim(struct reclaimer *reclaimer, const char *volume)
{
	const struct reclaimer_config *config = &reclaimer->config;
	struct reclaimer_status *status = &reclaimer->status;
	struct reclaim_done done;
	struct err why = {0};

	int result = core_reclaim(config->core, volume, clock_unix_ms(), &done, &why);
	if (!done.begun) {
		LOG_DEBUG("a trim is put off", LOG_STR("volume_id", volume), LOG_ERR(&why));
		return;
	}
	(void)pthread_mutex_lock(&reclaimer->lock);
	status->bytes += done.bytes;
	if (result == 0) {
		status->done++;
		status->last_ms = clock_unix_ms();
	} else if (why.code != ERR_CANCELLED) {
		status->failed++;
	}
	(void)pthread_mutex_unlock(&reclaimer->lock);
	if (config->told) {
		config->told(config->told_arg, volume, &done, result < 0 ? &why : NULL);
	}
}

static int64_t look(void *arg, int cancel_fd)
{
	struct reclaimer *reclaimer = arg;
	struct deadline dl = {.at_ms = INT64_MAX, .cancel_fd = cancel_fd};
	int64_t began = clock_ms();
	int64_t next;
	char **volumes = core_reclaim_due(
		reclaimer->config.core, clock_unix_ms(), reclaimer->took_ms, &next);

	(void)pthread_mutex_lock(&reclaimer->lock);
	reclaimer->status.next_ms = next == DUE_NEVER ? 0 : next;
	(void)pthread_mutex_unlock(&reclaimer->lock);
	for (size_t i = 0; volumes && volumes[i] && deadline_check(&dl, "reclaimer", NULL) == 0;
		i++) {
		trim(reclaimer, volumes[i]);
	}
	records_volumes_free(volumes);
	reclaimer->took_ms = clock_ms() - began;
	return RECLAIMER_LOOK_MS;
}

static void reclaimer_done(struct reclaimer *reclaimer)
{
	(void)pthread_mutex_destroy(&reclaimer->lock);
	free(reclaimer);
}

int reclaimer_start(const struct reclaimer_config *config, struct reclaimer **ret, struct err *err)
{
	struct reclaimer *reclaimer = calloc(1, sizeof(*reclaimer));

	if (!reclaimer) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "reclaimer: out of memory");
	}
	reclaimer->config = *config;
	(void)pthread_mutex_init(&reclaimer->lock, NULL);
	if (ticker_start("reclaimer", 0, look, reclaimer, &reclaimer->ticker, err) < 0) {
		reclaimer_done(reclaimer);
		return -1;
	}
	*ret = reclaimer;
	return 0;
}

bool reclaimer_stop(struct reclaimer *reclaimer, const struct deadline *dl)
{
	if (!reclaimer) {
		return true;
	}
	core_reclaim_end(reclaimer->config.core);
	if (!ticker_stop(reclaimer->ticker, dl)) {
		return false;
	}
	reclaimer_done(reclaimer);
	return true;
}

void reclaimer_read_status(struct reclaimer *reclaimer, struct reclaimer_status *ret)
{
	(void)pthread_mutex_lock(&reclaimer->lock);
	*ret = reclaimer->status;
	(void)pthread_mutex_unlock(&reclaimer->lock);
}
