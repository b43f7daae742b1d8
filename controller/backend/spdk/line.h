/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to a target: a text goes there and one comes back, by HTTP with Basic or over a Unix
 * socket, one after the other. The proxy of SPDK serves one caller at a time, so a second request
 * would only wait there, where no deadline reaches it. Thread-safe.
 */
#pragma once

#include "common/base/breaker.h"
#include "common/base/clock.h"
#include "common/base/step.h"

/** Largest answer: what SPDK sends at most. */
#define SPDK_ANSWER_MAX ((size_t)32 * 1024 * 1024)

struct spdk_line;

struct spdk_line_options {
	const char *name;	/* of the backend, for errors */
	const char *url;	/* https://, http://, or unix:// and the path of SPDK's socket */
	const char *ca_file;	/* "": the system's */
	const char *token_file; /* "user:password"; "": none */
};

/** spdk_line_new - check the options, connect nothing. Return: 0 and a line for spdk_line_free(),
 * or -1 INVALID_ARGUMENT that starts with the key. */
MUST_USE int spdk_line_new(
	const struct spdk_line_options *options, struct spdk_line **ret_line, struct err *err);
/** spdk_line_free - accepts NULL. */
void spdk_line_free(struct spdk_line *line);
/** spdk_line_link - how the breaker stands. */
void spdk_line_link(struct spdk_line *line, struct breaker_state *ret);

/** struct spdk_text - a text of @len bytes. */
struct spdk_text {
	char *data;
	size_t len;
};

/**
 * spdk_line_exchange - one request and its answer. @in is the step of a request that changes
 * something, NULL for one that only reads.
 * Return: 0 and the text that came back, for free(); or -1: UNAUTHENTICATED, PERMISSION_DENIED, or
 * a code that is not final, with a message that begins with the backend's name.
 */
MUST_USE int spdk_line_exchange(const struct step *in, struct spdk_line *line,
	const struct spdk_text *request, const struct deadline *dl, struct spdk_text *ret,
	struct err *err);
