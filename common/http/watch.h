/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets connections in while there is room for them, and cuts those that take too long, however
 * they drip. Both are left to libmicrohttpd by others, but it resets a connection above its limit
 * instead of letting it wait, starts its timeout anew with every byte, and drops the answer of a
 * handler that ran for longer than that. Thread-safe.
 */
#pragma once

#include "common/base/clock.h"

#include <sys/socket.h>

struct watch;
struct watch_link;

struct watch_options {
	int door;     /* listening socket, borrowed until watch_shut(); -1: none */
	unsigned max; /* most links at once; more wait in the socket's queue */
	/** Takes over a connection, and calls watch_add() for it or closes it. */
	void (*enter)(void *arg, int take_fd, const struct sockaddr *addr, socklen_t len);
	void *arg;
};

/** watch_new - with a thread that sleeps while nothing comes and nothing is due; the door is still
 * shut. Return: NULL without memory or thread. */
struct watch *watch_new(const struct watch_options *options);
/** watch_open - begin to let connections in. */
void watch_open(struct watch *watch);
/** watch_shut - let nobody in any more; enter() is not running when it returns. */
void watch_shut(struct watch *watch);
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
