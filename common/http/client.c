/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's options and its kept connections. Each call has a multi handle of its own, as that is
 * what keeps the connection and what can wait for a cancel descriptor beside the socket.
 */
#include "common/http/client_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

/** Longest URL of a client. */
#define URL_MAX 1024
/** Most calls that an option may ask for. */
#define CALLS_LIMIT 256

int http_global_init(struct err *err)
{
	CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (rc != CURLE_OK) {
		return err_set(
			err, ERR_INTERNAL, "libcurl: cannot start: %s", curl_easy_strerror(rc));
	}
	return 0;
}

void http_global_cleanup(void)
{
	curl_global_cleanup();
}

/* A numeric address of this machine, or the name that libcurl resolves by itself to one. */
static bool is_loopback(const char *host)
{
	struct in6_addr a6;
	struct in_addr a4;
	char bare[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	if (strcasecmp(host, "localhost") == 0) {
		return true;
	}
	if (inet_pton(AF_INET, host, &a4) == 1) {
		return (ntohl(a4.s_addr) >> 24) == 127;
	}
	if (n < 3 || n - 2 >= sizeof(bare) || host[0] != '[') {
		return false;
	}
	memcpy(bare, host + 1, n - 2);
	bare[n - 2] = '\0';
	return inet_pton(AF_INET6, bare, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
}

static int use_unix(struct http_client *client, const char *url, struct err *err)
{
	const char *path = url + strlen("unix://");

	if (*path != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: \"%s\" must be unix:// and an absolute path of at most %zu bytes",
			url, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	}
	client->unix_path = strdup(path);
	client->base = strdup("http://localhost");
	client->shown = strdup(url);
	return 0;
}

/* libcurl takes "https:///host", too; a missing host is more likely a mistake. */
static bool host_missing(const char *url)
{
	const char *host = strstr(url, "://");

	return host && host[3] == '/';
}

static bool has_part(CURLU *parts, CURLUPart which)
{
	char *text = NULL;
	bool there = curl_url_get(parts, which, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

static int use_tcp_parts(struct http_client *client, CURLU *parts, struct err *err)
{
	char *scheme = NULL;
	char *host = NULL;
	int rc = -1;

	if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD)) {
		/* The URL itself is left out: it would show the password. */
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: must not hold a user or password; use a token file");
	}
	if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
		(void)err_set(err, ERR_INVALID_ARGUMENT, "url: has no host");
	} else if (!streq(scheme, "http") && !streq(scheme, "https")) {
		(void)err_set(err, ERR_INVALID_ARGUMENT,
			"url: scheme \"%s\" must be https, http or unix", scheme);
	} else if (has_part(parts, CURLUPART_QUERY) || has_part(parts, CURLUPART_FRAGMENT)) {
		(void)err_set(err, ERR_INVALID_ARGUMENT,
			"url: must end with the host or a path; a query or fragment has no place in it");
	} else {
		client->clear = streq(scheme, "http") && !is_loopback(host);
		rc = 0;
	}
	curl_free(scheme);
	curl_free(host);
	return rc;
}

static int use_tcp(struct http_client *client, const char *url, struct err *err)
{
	CURLU *parts = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	size_t n = strlen(url);
	int rc;

	if (host_missing(url)) {
		code = CURLUE_NO_HOST;
	} else if (parts) {
		code = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	}
	if (code != CURLUE_OK) {
		rc = err_set(err, ERR_INVALID_ARGUMENT,
			"url: must be like https://host:port or unix:///run/x.sock (%s)",
			curl_url_strerror(code));
	} else {
		rc = use_tcp_parts(client, parts, err);
	}
	curl_url_cleanup(parts);
	if (rc < 0) {
		return -1;
	}
	while (n > 0 && url[n - 1] == '/') {
		n--;
	}
	client->base = strndup(url, n);
	client->shown = strndup(url, n);
	return 0;
}

static int use_url(struct http_client *client, const char *url, struct err *err)
{
	if (str_empty(url) || strlen(url) > URL_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "url: must have 1 to %d bytes", URL_MAX);
	}
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p == 0x7f) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"url: must not hold spaces or control characters");
		}
	}
	if (strncmp(url, "unix://", strlen("unix://")) == 0) {
		return use_unix(client, url, err);
	}
	return use_tcp(client, url, err);
}

static int use_ca(struct http_client *client, const char *ca_file, struct err *err)
{
	if (!ca_file) {
		return 0;
	}
	if (access(ca_file, R_OK) < 0) {
		return err_errno(err, errno, "CA file %s: cannot be read", ca_file);
	}
	client->ca_file = strdup(ca_file);
	return 0;
}

/* What can stand in a header; of Basic, a user is wanted, too. Nothing of it is ever shown. */
static int token_check(
	const struct http_client *client, const struct secret *token, struct err *err)
{
	const char *bytes = secret_bytes(token);

	if (secret_len(token) == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT, "token: is empty");
	}
	for (size_t i = 0; i < secret_len(token); i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < ' ' || c >= 0x7f || (c == ' ' && !client->basic)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"token: byte %zu is not a printable ASCII character", i);
		}
	}
	if (client->basic && (bytes[0] == ':' || !strchr(bytes, ':'))) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"token: must be user:password on one line, for HTTP Basic");
	}
	return 0;
}

int http_client_set_token(struct http_client *client, struct secret *token, struct err *err)
{
	struct secret *old;

	if (token && client->clear) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: %s would send the token in the clear; use https, a loopback address or a Unix socket",
			client->shown);
	}
	if (token && token_check(client, token, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&client->lock);
	old = client->token;
	client->token = token ? secret_ref(token) : NULL;
	(void)pthread_mutex_unlock(&client->lock);
	secret_unref(old);
	return 0;
}

static int configure(
	struct http_client *client, const struct http_client_options *options, struct err *err)
{
	unsigned calls = options->max_calls > 0 ? options->max_calls : HTTP_CALLS_MAX;

	if (calls > CALLS_LIMIT) {
		return err_set(err, ERR_INVALID_ARGUMENT, "max_calls: must be at most %d, not %u",
			CALLS_LIMIT, calls);
	}
	client->max_body = options->max_body > 0 ? options->max_body : HTTP_BODY_MAX;
	client->breaks = options->breaks;
	client->basic = options->basic;
	if (use_url(client, options->url, err) < 0 || use_ca(client, options->ca_file, err) < 0) {
		return -1;
	}
	client->turns = eventfd(calls, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	if (client->turns < 0) {
		return err_errno(err, errno, "eventfd");
	}
	if (!client->base || !client->shown || (options->ca_file && !client->ca_file)) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "HTTP client: out of memory");
	}
	return http_client_set_token(client, options->token, err);
}

int http_client_new(
	const struct http_client_options *options, struct http_client **ret_client, struct err *err)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (!client) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "HTTP client: out of memory");
	}
	client->turns = -1;
	(void)pthread_mutex_init(&client->lock, NULL);
	breaker_init(&client->breaker);
	if (configure(client, options, err) < 0) {
		http_client_free(client);
		return -1;
	}
	*ret_client = client;
	return 0;
}

void http_client_link(struct http_client *client, struct breaker_state *ret)
{
	breaker_read(&client->breaker, clock_ms(), ret);
}

static void handle_free(struct http_handle *handle)
{
	if (handle) {
		/* The easy handle first: the connection lives in the multi handle. */
		curl_easy_cleanup(handle->easy);
		(void)curl_multi_cleanup(handle->multi);
		free(handle);
	}
}

void http_client_free(struct http_client *client)
{
	struct http_handle *next;

	if (!client) {
		return;
	}
	for (struct http_handle *h = client->idle; h; h = next) {
		next = h->next;
		handle_free(h);
	}
	base_closep(&client->turns);
	secret_unref(client->token);
	(void)pthread_mutex_destroy(&client->lock);
	breaker_done(&client->breaker);
	free(client->base);
	free(client->shown);
	free(client->unix_path);
	free(client->ca_file);
	free(client);
}

static struct http_handle *handle_new(void)
{
	struct http_handle *handle = calloc(1, sizeof(*handle));

	if (!handle) {
		return NULL;
	}
	handle->multi = curl_multi_init();
	handle->easy = curl_easy_init();
	if (!handle->multi || !handle->easy) {
		handle_free(handle);
		return NULL;
	}
	return handle;
}

/* One of the calls allowed; several threads may race for the same one. */
static int take_turn(struct http_client *client, const struct deadline *dl, struct err *err)
{
	uint64_t one;

	while (read(client->turns, &one, sizeof(one)) < 0) {
		if (deadline_poll(dl, client->turns, POLLIN, -1, "waiting for a free connection",
			    err) < 0) {
			return -1;
		}
	}
	return 0;
}

static void give_turn(struct http_client *client)
{
	const uint64_t one = 1;

	/* Cannot fail: the count never passes what it started with. */
	(void)!write(client->turns, &one, sizeof(one));
}

int handle_take(struct http_client *client, const struct deadline *dl,
	struct http_handle **ret_handle, struct err *err)
{
	struct http_handle *handle;

	if (take_turn(client, dl, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&client->lock);
	handle = client->idle;
	if (handle) {
		client->idle = handle->next;
	}
	(void)pthread_mutex_unlock(&client->lock);
	if (!handle) {
		handle = handle_new();
	}
	if (!handle) {
		give_turn(client);
		return err_set(err, ERR_UNAVAILABLE, "out of memory for a connection");
	}
	*ret_handle = handle;
	return 0;
}

void handle_give(struct http_client *client, struct http_handle *handle)
{
	(void)pthread_mutex_lock(&client->lock);
	handle->next = client->idle;
	client->idle = handle;
	(void)pthread_mutex_unlock(&client->lock);
	give_turn(client);
}
