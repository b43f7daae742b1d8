/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening thread and its waiters. A waiter is an eventfd, so that a wait ends on an event, on
 * its deadline and on the caller's cancel alike.
 */
#include "node/nvme/uev.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <libudev.h>

/* The kernel drops events when this is full; it is only charged for what is queued. */
#define SOCKET_BUFFER (1024 * 1024)

struct uev_waiter {
	struct uev *uev; /* may be NULL */
	int fd;
	struct uev_filter filter;
	struct uev_waiter *next;
};

struct uev {
	struct udev *udev;
	struct udev_monitor *monitor;
	int stop_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	struct uev_waiter *waiters;
	size_t n_waiters;
	uint64_t overflows;
};

static void wake(const struct uev_waiter *waiter)
{
	uint64_t one = 1;
	ssize_t n = write(waiter->fd, &one, sizeof(one));

	/* It can only be full, and then the waiter is awake. */
	(void)n;
}

static bool matches(const struct uev_filter *filter, const char *sysname, const char *action)
{
	return (!filter->sysname || !sysname ||
		       strncmp(sysname, filter->sysname, strlen(filter->sysname)) == 0) &&
	       (!filter->action || !action || streq(action, filter->action));
}

/* Wake those that want this event; NULL names wake all. */
static void wake_matching(struct uev *uev, const char *sysname, const char *action)
{
	(void)pthread_mutex_lock(&uev->lock);
	for (const struct uev_waiter *w = uev->waiters; w; w = w->next) {
		if (matches(&w->filter, sysname, action)) {
			wake(w);
		}
	}
	(void)pthread_mutex_unlock(&uev->lock);
}

static void receive(struct uev *uev)
{
	errno = 0;
	struct udev_device *device = udev_monitor_receive_device(uev->monitor);
	if (device) {
		wake_matching(uev, udev_device_get_sysname(device), udev_device_get_action(device));
		(void)udev_device_unref(device);
		return;
	}
	/* Filtered events end here as well, with EAGAIN; all else may mean that events were lost.
	 */
	if (errno != EAGAIN && errno != EINTR && errno != 0) {
		(void)pthread_mutex_lock(&uev->lock);
		uev->overflows++;
		(void)pthread_mutex_unlock(&uev->lock);
		wake_matching(uev, NULL, NULL);
	}
}

static void *listen_thread(void *arg)
{
	struct uev *uev = arg;
	struct pollfd fds[] = {
		{.fd = udev_monitor_get_fd(uev->monitor), .events = POLLIN},
		{.fd = uev->stop_fd, .events = POLLIN},
	};

	for (;;) {
		int ready = poll(fds, ARRAY_SIZE(fds), -1);
		if (ready > 0 && fds[1].revents) {
			return NULL;
		}
		if (ready > 0 && fds[0].revents) {
			receive(uev);
		}
	}
}

static int open_monitor(struct uev *uev, struct err *err)
{
	uev->udev = udev_new();
	uev->monitor = uev->udev ? udev_monitor_new_from_netlink(uev->udev, "kernel") : NULL;
	if (!uev->monitor) {
		return err_errno(err, errno ? errno : ENOMEM, "kernel events: netlink monitor");
	}
	/* Without CAP_NET_ADMIN the buffer stays at its default: more overflows, nothing lost. */
	(void)udev_monitor_set_receive_buffer_size(uev->monitor, SOCKET_BUFFER);
	int result = udev_monitor_filter_add_match_subsystem_devtype(uev->monitor, "block", NULL);
	if (result >= 0) {
		result =
			udev_monitor_filter_add_match_subsystem_devtype(uev->monitor, "nvme", NULL);
	}
	if (result >= 0) {
		result = udev_monitor_enable_receiving(uev->monitor);
	}
	if (result < 0) {
		return err_errno(err, -result, "kernel events: netlink monitor");
	}
	return 0;
}

static int start_thread(struct uev *uev, struct err *err)
{
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int result = pthread_create(&uev->thread, NULL, listen_thread, uev);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0) {
		return err_errno(err, result, "kernel events: thread");
	}
	(void)pthread_setname_np(uev->thread, "uevents");
	return 0;
}

static void free_uev(struct uev *uev)
{
	if (uev->stop_fd >= 0) {
		(void)close(uev->stop_fd);
	}
	(void)udev_monitor_unref(uev->monitor);
	(void)udev_unref(uev->udev);
	(void)pthread_mutex_destroy(&uev->lock);
	free(uev);
}

int uev_start(struct uev **ret, struct err *err)
{
	struct uev *uev = calloc(1, sizeof(*uev));

	if (!uev) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "kernel events: out of memory");
	}
	(void)pthread_mutex_init(&uev->lock, NULL);
	uev->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (uev->stop_fd < 0 || open_monitor(uev, err) < 0 || start_thread(uev, err) < 0) {
		int result =
			uev->stop_fd < 0 ? err_errno(err, errno, "kernel events: eventfd") : -1;
		free_uev(uev);
		return result;
	}
	*ret = uev;
	return 0;
}

void uev_stop(struct uev *uev)
{
	uint64_t one = 1;

	if (!uev) {
		return;
	}
	ssize_t n = write(uev->stop_fd, &one, sizeof(one));
	(void)n;
	(void)pthread_join(uev->thread, NULL);
	free_uev(uev);
}

uint64_t uev_overflows(struct uev *uev)
{
	(void)pthread_mutex_lock(&uev->lock);
	uint64_t n = uev->overflows;
	(void)pthread_mutex_unlock(&uev->lock);
	return n;
}

void uev_wake_all(struct uev *uev)
{
	wake_matching(uev, NULL, NULL);
}

/* Put @waiter into the list. Return: 0, or -1 when it is full. */
static int join(struct uev *uev, struct uev_waiter *waiter, struct err *err)
{
	int result = 0;

	(void)pthread_mutex_lock(&uev->lock);
	if (uev->n_waiters == UEV_WAITERS_MAX) {
		result = err_set(err, ERR_RESOURCE_EXHAUSTED, "kernel events: more than %d waiters",
			UEV_WAITERS_MAX);
	} else {
		waiter->next = uev->waiters;
		uev->waiters = waiter;
		uev->n_waiters++;
	}
	(void)pthread_mutex_unlock(&uev->lock);
	return result;
}

int uev_waiter_new(
	struct uev *uev, const struct uev_filter *filter, struct uev_waiter **ret, struct err *err)
{
	struct uev_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "kernel events: out of memory");
	}
	if (filter) {
		waiter->filter = *filter;
	}
	waiter->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (waiter->fd < 0) {
		int errnum = errno;
		free(waiter);
		return err_errno(err, errnum, "kernel events: eventfd");
	}
	if (uev && join(uev, waiter, err) < 0) {
		(void)close(waiter->fd);
		free(waiter);
		return -1;
	}
	waiter->uev = uev;
	*ret = waiter;
	return 0;
}

void uev_waiter_wake(struct uev_waiter *waiter)
{
	wake(waiter);
}

void uev_waiter_filter(struct uev_waiter *waiter, const struct uev_filter *filter)
{
	if (waiter->uev) {
		(void)pthread_mutex_lock(&waiter->uev->lock);
	}
	waiter->filter = *filter;
	if (waiter->uev) {
		(void)pthread_mutex_unlock(&waiter->uev->lock);
	}
}

void uev_waiter_free(struct uev_waiter *waiter)
{
	struct uev *uev = waiter ? waiter->uev : NULL;

	if (!waiter) {
		return;
	}
	if (uev) {
		(void)pthread_mutex_lock(&uev->lock);
		for (struct uev_waiter **at = &uev->waiters; *at; at = &(*at)->next) {
			if (*at == waiter) {
				*at = waiter->next;
				uev->n_waiters--;
				break;
			}
		}
		(void)pthread_mutex_unlock(&uev->lock);
	}
	(void)close(waiter->fd);
	free(waiter);
}

int uev_wait(struct uev_waiter *waiter, int64_t max_ms, const struct deadline *dl, const char *what,
	struct err *err)
{
	uint64_t count;

	int ready = deadline_poll(dl, waiter->fd, POLLIN, max_ms, what, err);
	if (ready > 0) {
		ssize_t n = read(waiter->fd, &count, sizeof(count));
		(void)n;
	}
	return ready;
}
