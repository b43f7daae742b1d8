/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread and its counters.
 */
#include "node/core/reclaimer.h"

#include "common/base/log.h"
#include "node/core/due.h"
#include "node/core/records.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

struct reclaimer {
	struct reclaimer_config config;
	pthread_t thread;
	int stop_fd; /* readable once it is to end */
	pthread_mutex_t lock;
	struct reclaimer_status status;
};

static bool stopping(const struct reclaimer *reclaimer, int64_t wait_ms)
{
	struct deadline dl = {.at_ms = INT64_MAX / 2, .cancel_fd = reclaimer->stop_fd};
	struct err ignored = {0};

	return deadline_poll(&dl, -1, 0, wait_ms, "reclaimer", &ignored) < 0;
}

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

/* @busy_ms: how long the last look took. */
static void look(struct reclaimer *reclaimer, int64_t busy_ms)
{
	int64_t next;
	char **volumes = core_reclaim_due(reclaimer->config.core, clock_unix_ms(), busy_ms, &next);

	(void)pthread_mutex_lock(&reclaimer->lock);
	reclaimer->status.next_ms = next == DUE_NEVER ? 0 : next;
	(void)pthread_mutex_unlock(&reclaimer->lock);
	for (size_t i = 0; volumes && volumes[i] && !stopping(reclaimer, 0); i++) {
		trim(reclaimer, volumes[i]);
	}
	records_volumes_free(volumes);
}

static void *look_thread(void *arg)
{
	struct reclaimer *reclaimer = arg;

	int64_t took = 0;

	do {
		int64_t began = clock_ms();
		look(reclaimer, took);
		took = clock_ms() - began;
	} while (!stopping(reclaimer, RECLAIMER_LOOK_MS));
	return NULL;
}

static void reclaimer_done(struct reclaimer *reclaimer)
{
	if (reclaimer->stop_fd >= 0) {
		(void)close(reclaimer->stop_fd);
	}
	(void)pthread_mutex_destroy(&reclaimer->lock);
	free(reclaimer);
}

static int start_thread(struct reclaimer *reclaimer, struct err *err)
{
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int result = pthread_create(&reclaimer->thread, NULL, look_thread, reclaimer);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0) {
		return err_errno(err, result, "reclaimer: thread");
	}
	(void)pthread_setname_np(reclaimer->thread, "reclaimer");
	return 0;
}

int reclaimer_start(const struct reclaimer_config *config, struct reclaimer **ret, struct err *err)
{
	struct reclaimer *reclaimer = calloc(1, sizeof(*reclaimer));

	if (!reclaimer) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "reclaimer: out of memory");
	}
	reclaimer->config = *config;
	(void)pthread_mutex_init(&reclaimer->lock, NULL);
	reclaimer->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (reclaimer->stop_fd < 0) {
		(void)err_errno(err, errno, "reclaimer: eventfd");
		reclaimer_done(reclaimer);
		return -1;
	}
	if (start_thread(reclaimer, err) < 0) {
		reclaimer_done(reclaimer);
		return -1;
	}
	*ret = reclaimer;
	return 0;
}

bool reclaimer_stop(struct reclaimer *reclaimer, const struct deadline *dl)
{
	struct timespec until = {
		.tv_sec = (time_t)(dl->at_ms / 1000),
		.tv_nsec = (long)(dl->at_ms % 1000) * 1000000,
	};
	uint64_t one = 1;

	if (!reclaimer) {
		return true;
	}
	(void)!write(reclaimer->stop_fd, &one, sizeof(one));
	core_reclaim_end(reclaimer->config.core);
	if (pthread_clockjoin_np(reclaimer->thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
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
