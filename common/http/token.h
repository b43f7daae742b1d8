/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token of a client, from a file that may be written anew at any time: when the server does not
 * take the one in use, the file is asked for another, so that a rotation needs no restart.
 * Thread-safe.
 */
#pragma once

#include "common/http/client.h"

struct http_token;

/** http_token_open - read it from @path ("": none at all). Return: 0 and a token for
 * http_token_free(), or -1 INVALID_ARGUMENT that starts with "tokenFile: ". */
MUST_USE int http_token_open(const char *path, struct http_token **ret_token, struct err *err);
/** http_token_free - accepts NULL. */
void http_token_free(struct http_token *token);
/** http_token_now - the one in use, a reference; NULL when there is none. */
struct secret *http_token_now(struct http_token *token);
/**
 * http_token_changed - the server did not take @sent, the token from before the call: is there
 * another one by now? It is given to @client then, and the call may be made once more.
 */
bool http_token_changed(
	struct http_token *token, struct http_client *client, const struct secret *sent);
