/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDK's Unix socket: one request and one answer on a connection of its own. There is no framing;
 * an answer is whole when its JSON value is.
 */
#pragma once

#include "common/base/clock.h"

/** struct spdk_scan - how far a JSON text has been read; start with all zero. */
struct spdk_scan {
	size_t depth;
	bool string;
	bool escaped;
	bool begun;
};

/** spdk_scan_end - read on in @n bytes. Return: how many belong to the value when it ends in them,
 * 0 when it goes on. Only brackets and strings are looked at: the parser says if it is JSON. */
size_t spdk_scan_end(struct spdk_scan *scan, const char *bytes, size_t n);

/** struct spdk_stream - one exchange. */
struct spdk_stream {
	const char *path;
	const char *request;
	size_t len; /* of the request */
	size_t max; /* of the answer */
	bool sent;  /* set: a byte of it may have arrived */
};

/**
 * spdk_stream_exchange - connect, send, receive, close.
 * Return: 0 and the answer, NUL-terminated, for free(); or -1 UNAVAILABLE, DEADLINE_EXCEEDED or
 * CANCELLED, with @stream->sent telling whether the request may have been carried out.
 */
MUST_USE int spdk_stream_exchange(struct spdk_stream *stream, const struct deadline *dl,
	char **ret_answer, size_t *ret_len, struct err *err);
