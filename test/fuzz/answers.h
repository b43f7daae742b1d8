/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for backends that is no server: it stands in place of http_get(), http_ask() and
 * http_send(), and says what the input holds.
 */
#pragma once

#include "common/http/client.h"
#include "test/fuzz/fuzz.h"

/**
 * struct answers - the input, one answer after the other: a byte that stands for status or
 * failure, then the body up to a NUL. When it is used up nothing answers any more.
 */
struct answers {
	const uint8_t *at;
	size_t left;
	/** A body for @request other than that of the input: malloc'ed, or NULL. */
	char *(*body)(const struct http_request *request, const char *given);
	bool unknown; /* the last of all requests changes something, and had no whole answer */
};

/** answers_set - what is said from now on; borrowed. */
void answers_set(struct answers *answers);

/* In place of the real ones, by the linker. */
int __wrap_http_get(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err);
int __wrap_http_ask(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err);
int __wrap_http_send(const struct step *in, struct http_client *client,
	const struct http_request *request, const struct deadline *dl, struct http_response *ret,
	struct err *err);
/** Waits end at once, and after some of them the time is over. */
int __wrap_deadline_poll(const struct deadline *dl, int fd, short events, int64_t max_ms,
	const char *what, struct err *err);
