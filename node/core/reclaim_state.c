/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name under a mutex, and an eventfd for each trim, readable once that one is to stop.
 */
#include "node/core/reclaim_state.h"

#include "node/core/record.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

struct reclaims {
	pthread_mutex_t lock;
	pthread_cond_t done; /* on the monotonic clock */
	int cancel_fd;	     /* of the one under way; -1: none is */
	bool ended;
	char volume[RECORD_VOLUME_MAX + 1]; /* "": none is under way */
};

struct reclaims *reclaims_new(void)
{
	struct reclaims *reclaims = calloc(1, sizeof(*reclaims));
	pthread_condattr_t monotonic;

	if (!reclaims) {
		return NULL;
	}
	reclaims->cancel_fd = -1;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&reclaims->done, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&reclaims->lock, NULL);
	return reclaims;
}

void reclaims_free(struct reclaims *reclaims)
{
	if (!reclaims) {
		return;
	}
	base_closep(&reclaims->cancel_fd);
	(void)pthread_cond_destroy(&reclaims->done);
	(void)pthread_mutex_destroy(&reclaims->lock);
	free(reclaims);
}

int reclaims_begin(
	struct reclaims *reclaims, const char *volume, int *ret_cancel_fd, struct err *err)
{
	_cleanup_close_ int cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result = 0;

	if (cancel_fd < 0) {
		return err_errno(err, errno, "reclaim: eventfd");
	}
	(void)pthread_mutex_lock(&reclaims->lock);
	if (reclaims->ended) {
		result = err_set(err, ERR_CANCELLED, "reclaim: the plugin ends");
	} else if (*reclaims->volume) {
		result = err_set(
			err, ERR_ABORTED, "reclaim: volume %s is being trimmed", reclaims->volume);
	} else {
		(void)snprintf(reclaims->volume, sizeof(reclaims->volume), "%s", volume);
		*ret_cancel_fd = reclaims->cancel_fd = TAKE_FD(cancel_fd);
	}
	(void)pthread_mutex_unlock(&reclaims->lock);
	return result;
}

void reclaims_done(struct reclaims *reclaims)
{
	(void)pthread_mutex_lock(&reclaims->lock);
	reclaims->volume[0] = '\0';
	base_closep(&reclaims->cancel_fd);
	reclaims->cancel_fd = -1;
	(void)pthread_cond_broadcast(&reclaims->done);
	(void)pthread_mutex_unlock(&reclaims->lock);
}

/* With the lock held. */
static void cancel(struct reclaims *reclaims)
{
	uint64_t one = 1;

	if (reclaims->cancel_fd >= 0) {
		(void)!write(reclaims->cancel_fd, &one, sizeof(one));
	}
}

int reclaims_stop(
	struct reclaims *reclaims, const char *volume, const struct deadline *dl, struct err *err)
{
	struct timespec until = {.tv_sec = (time_t)(dl->at_ms / 1000),
		.tv_nsec = (long)(dl->at_ms % 1000) * 1000000};
	int waited = 0;

	(void)pthread_mutex_lock(&reclaims->lock);
	bool running = streq(reclaims->volume, volume);
	if (running) {
		cancel(reclaims);
	}
	while (running && waited == 0) {
		waited = pthread_cond_timedwait(&reclaims->done, &reclaims->lock, &until);
		running = streq(reclaims->volume, volume);
	}
	(void)pthread_mutex_unlock(&reclaims->lock);
	return running ? err_set(err, ERR_ABORTED,
				 "volume %s: its free space is being given back, which has not ended yet though "
				 "it was told to; retry",
				 volume)
		       : 0;
}

void reclaims_end(struct reclaims *reclaims)
{
	(void)pthread_mutex_lock(&reclaims->lock);
	reclaims->ended = true;
	cancel(reclaims);
	(void)pthread_mutex_unlock(&reclaims->lock);
}
