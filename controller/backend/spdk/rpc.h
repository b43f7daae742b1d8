/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON-RPC 2.0 as SPDK speaks it: the envelope, and what its errors mean. No I/O.
 */
#pragma once

#include "common/json/items.h"

/** Largest request: SPDK takes 256 KiB. */
#define SPDK_REQUEST_MAX ((size_t)128 * 1024)

/**
 * What the target said to a call. The number of an error is not enough: what fails after a while
 * has -32602 for everything, and only the text of strerror() tells what it was.
 */
enum spdk_said {
	SPDK_SAID_NOTHING, /* no whole answer, or one that is none: the outcome is unknown */
	SPDK_SAID_ABSENT,
	SPDK_SAID_EXISTS,
	SPDK_SAID_NO_ROOM,
	SPDK_SAID_BUSY,	    /* something else is under way with it; later */
	SPDK_SAID_REFUSED,  /* "Operation not permitted": snapshots with clones, read-only */
	SPDK_SAID_STARTING, /* it is not yet initialized */
	SPDK_SAID_UNKNOWN_METHOD,
	SPDK_SAID_UNKNOWN_PARAMETER, /* or one of a wrong type: another version */
	SPDK_SAID_UNCLEAR, /* "Invalid parameters", "Internal error" and all else: read again */
};

/** spdk_said_of - what the error @code with @text means when @method said it. */
enum spdk_said spdk_said_of(const char *method, int64_t code, const char *text);
/** spdk_said_code - the code for the caller when nothing better is known. Of final ones only
 * RESOURCE_EXHAUSTED: the target said that it did nothing. */
enum err_code spdk_said_code(enum spdk_said said);

/** spdk_request_print - the request @id as text. @take_params (NULL: none) is taken over in every
 * case. Return: 0 and a text for free(), or -1 UNAVAILABLE. */
MUST_USE int spdk_request_print(const char *method, struct js *take_params, int64_t id,
	char **ret_text, size_t *ret_len, struct err *err);

/** struct spdk_answer - what came back, and to which request it must belong. */
struct spdk_answer {
	const char *method;
	int64_t id;
	const char *text;
	size_t len;
	size_t max;
	struct js_items *items; /* NULL, or where the elements of a list go: "result" is then empty
				   in the document, and they are read one by one from the text */
};

/**
 * spdk_answer_read - is it a result? Its member "result" is the caller's to read.
 * Return: 0 and a document for js_doc_free(), or -1 with @ret_said and the code that belongs to
 * it: UNAVAILABLE with SPDK_SAID_NOTHING when it is no answer to this request.
 */
MUST_USE int spdk_answer_read(const struct spdk_answer *answer, struct js_doc **ret_doc,
	enum spdk_said *ret_said, struct err *err);
