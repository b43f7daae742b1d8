/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server.c (start, stop) and request.c (one request) share. Inside this folder only, as it
 * speaks of libmicrohttpd.
 */
#pragma once

#include "common/http/listen.h"
#include "common/http/route.h"
#include "common/http/watch.h"

#include <pthread.h>

#include <microhttpd.h>

struct http_server {
	struct http_server_options options; /* strings in it are used at the start only */
	char *unix_path;		    /* to remove at the end; NULL with TCP */
	struct secret *token;
	struct http_listener listener;
	struct MHD_Daemon *daemon;
	struct watch *watch;
	int cancel; /* eventfd, readable once handlers are to give up */
	int idle;   /* eventfd, written when the last handler or answer is through */

	pthread_mutex_t lock;
	unsigned handlers; /* running */
	unsigned answers;  /* handed to libmicrohttpd, not yet sent */
	bool stopping;
	uint64_t next_id;

	char start_error[256]; /* what libmicrohttpd said while it started */
	bool started;
};

/*
 * The four places where libmicrohttpd calls us. @cls is the server.
 */
/** request_connection - a connection begins or ends. */
void request_connection(void *cls, struct MHD_Connection *conn, void **socket_context,
	enum MHD_ConnectionNotificationCode what);
/** request_line - a request line came; keeps the target as it was sent. Return: NULL. */
void *request_line(void *cls, const char *uri, struct MHD_Connection *conn);
/** request_data - headers, then pieces of the body, then the end. The type is libmicrohttpd's. */
enum MHD_Result request_data(void *cls, struct MHD_Connection *conn, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **req_cls);
/** request_done - the answer is sent, or the connection is gone. */
void request_done(void *cls, struct MHD_Connection *conn, void **req_cls,
	enum MHD_RequestTerminationCode how);
