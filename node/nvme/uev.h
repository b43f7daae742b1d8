/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel events about block devices and NVMe controllers, as a hint to look at sysfs again. One
 * thread listens (libudev's netlink monitor, group "kernel": no udevd needed); who waits is woken
 * by the events of its filter, and whenever the socket overflowed. Needs the host's network
 * namespace.
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

/** struct uev_filter - which events wake a waiter; NULL members take all. Strings are borrowed
 * while the waiter lives. */
struct uev_filter {
	const char *sysname; /* what the device's name starts with: "nvme3n" */
	const char *action;  /* "add", "remove", "change" */
};

/**
 * uev_waiter_new - from now on no event is missed: make it, look at sysfs, then uev_wait().
 * @uev may be NULL: then uev_wait() only lets the time pass. @filter may be NULL: all events.
 * Return: 0, or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int uev_waiter_new(
	struct uev *uev, const struct uev_filter *filter, struct uev_waiter **ret, struct err *err);
/** uev_waiter_wake - end its current or next uev_wait(), whatever the filter; any thread. */
void uev_waiter_wake(struct uev_waiter *waiter);
/** uev_waiter_filter - from now on only these events wake it. */
void uev_waiter_filter(struct uev_waiter *waiter, const struct uev_filter *filter);
void uev_waiter_free(struct uev_waiter *waiter);
/**
 * uev_wait - until something happened since the last call, at most @max_ms.
 * Return: 1 something happened, 0 @max_ms passed, -1 deadline or cancel (@what names the wait).
 */
MUST_USE int uev_wait(struct uev_waiter *waiter, int64_t max_ms, const struct deadline *dl,
	const char *what, struct err *err);
