/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token in use and the file that it came from.
 */
#include "common/http/token.h"

#include <pthread.h>

struct http_token {
	char *path; /* "": none */
	pthread_mutex_t lock;
	struct secret *secret; /* under the lock */
};

void http_token_free(struct http_token *token)
{
	if (token) {
		secret_unref(token->secret);
		(void)pthread_mutex_destroy(&token->lock);
		free(token->path);
		free(token);
	}
}

int http_token_open(const char *path, struct http_token **ret_token, struct err *err)
{
	struct http_token *token = calloc(1, sizeof(*token));

	if (!token) {
		return err_set(err, ERR_UNAVAILABLE, "tokenFile: out of memory");
	}
	(void)pthread_mutex_init(&token->lock, NULL);
	token->path = strdup(path);
	if (!token->path) {
		http_token_free(token);
		return err_set(err, ERR_UNAVAILABLE, "tokenFile: out of memory");
	}
	if (*path && secret_read_file(path, &token->secret, err) < 0) {
		http_token_free(token);
		if (err) {
			err->code = ERR_INVALID_ARGUMENT;
		}
		return err_wrap(err, "tokenFile");
	}
	*ret_token = token;
	return 0;
}

struct secret *http_token_now(struct http_token *token)
{
	struct secret *secret;

	(void)pthread_mutex_lock(&token->lock);
	secret = secret_ref(token->secret);
	(void)pthread_mutex_unlock(&token->lock);
	return secret;
}

static bool same(const struct secret *a, const struct secret *b)
{
	return a && b && secret_equal(a, secret_bytes(b), secret_len(b));
}

/* What the file says is taken over only when it is not @sent, as it may have been read before
 * another call found a newer one. */
bool http_token_changed(
	struct http_token *token, struct http_client *client, const struct secret *sent)
{
	struct secret *fresh = NULL;
	struct secret *old = NULL;
	bool changed;

	if (!*token->path) {
		return false;
	}
	if (secret_read_file(token->path, &fresh, NULL) < 0) {
		fresh = NULL;
	}
	/* Both places in one go, so that they never come to differ. */
	(void)pthread_mutex_lock(&token->lock);
	if (fresh && !same(fresh, sent) && !same(fresh, token->secret) &&
		http_client_set_token(client, fresh, NULL) == 0) {
		old = token->secret;
		token->secret = secret_ref(fresh);
	}
	changed = token->secret && !same(token->secret, sent);
	(void)pthread_mutex_unlock(&token->lock);
	secret_unref(old);
	secret_unref(fresh);
	return changed;
}
