/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts connections that take too long, however they drip. libmicrohttpd's own timeout is not
 * used: it starts anew with every byte, and it drops the answer of a handler that ran for longer.
 * Thread-safe.
 */
#pragma once

#include "common/base/clock.h"

struct watch;
struct watch_link;

/** watch_new - with a thread that sleeps while nothing is due. Return: NULL without memory or
 * thread. */
struct watch *watch_new(void);
/** watch_free - ends the thread; all links must be gone; accepts NULL. */
void watch_free(struct watch *watch);
/** watch_add - watch the connection @fd, due in @ms. The fd is borrowed until watch_remove().
 * Return: NULL without memory. */
struct watch_link *watch_add(struct watch *watch, int fd, int64_t ms);
/** watch_due - from now on it is due in @ms; negative: never. */
void watch_due(struct watch *watch, struct watch_link *link, int64_t ms);
/** watch_remove - before the fd is closed; accepts a NULL link. */
void watch_remove(struct watch *watch, struct watch_link *link);
/** watch_data - a place for the server's own pointer, NULL at first. */
void **watch_data(struct watch_link *link);
