/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client.c (options, connections) and call.c (one transfer) share. Inside this folder only,
 * as it speaks of libcurl.
 */
#pragma once

#include "common/http/client.h"

#include <pthread.h>

#include <curl/curl.h>

/** A connection that is kept: the multi handle holds it, the easy handle is set anew for each call.
 */
struct http_handle {
	struct http_handle *next;
	CURLM *multi;
	CURL *easy;
};

struct http_client {
	char *base;	 /* "https://host:port/prefix", no slash at the end */
	char *shown;	 /* the same for errors; "unix:///run/x.sock" for a socket */
	char *unix_path; /* NULL: TCP */
	char *ca_file;	 /* NULL: the system's */
	bool clear;	 /* what is sent can be read on the network */
	bool basic;	 /* the token is "user:password" */
	size_t max_body;
	bool breaks;
	struct breaker breaker;
	int turns; /* a semaphore: an eventfd that counts the calls still allowed */

	pthread_mutex_t lock;
	struct http_handle *idle; /* newest first, so that few connections stay warm */
	struct secret *token;
};

/**
 * handle_take - a handle for one call, waiting for its turn. Return: 0, or -1 with
 * DEADLINE_EXCEEDED, CANCELLED or UNAVAILABLE (no memory).
 */
MUST_USE int handle_take(struct http_client *client, const struct deadline *dl,
	struct http_handle **ret_handle, struct err *err);
/** handle_give - give it back. */
void handle_give(struct http_client *client, struct http_handle *handle);
