/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel events about block devices and NVMe controllers, as a hint to look at sysfs again. One
 * thread listens (libudev's netlink monitor, group "kernel": no udevd needed); everyone who waits
 * is woken by every event, also when the socket overflowed. Needs the host's network namespace.
 */
#pragma once

#include "common/base/clock.h"

struct uev;
struct uev_waiter;

/** Most waiters at once. */
#define UEV_WAITERS_MAX 4096

/** uev_start - open the monitor and start its thread. Return: 0, or -1. */
MUST_USE int uev_start(struct uev **ret, struct err *err);
/** uev_stop - end the thread and free; no waiter may be left; accepts NULL. */
void uev_stop(struct uev *uev);
/** uev_overflows - how often events were lost, for the metrics. */
uint64_t uev_overflows(struct uev *uev);
/** uev_wake_all - as if an event had come (used after changes of our own, and by tests). */
void uev_wake_all(struct uev *uev);

/**
 * uev_waiter_new - from now on no event is missed: make it, look at sysfs, then uev_wait().
 * @uev may be NULL: then uev_wait() only lets the time pass. Return: 0, or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int uev_waiter_new(struct uev *uev, struct uev_waiter **ret, struct err *err);
void uev_waiter_free(struct uev_waiter *waiter);
/**
 * uev_wait - until something happened since the last call, at most @max_ms.
 * Return: 1 something happened, 0 @max_ms passed, -1 deadline or cancel (@what names the wait).
 */
MUST_USE int uev_wait(struct uev_waiter *waiter, int64_t max_ms, const struct deadline *dl,
	const char *what, struct err *err);
