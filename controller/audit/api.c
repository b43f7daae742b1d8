/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists, part by part.
 */
#include "controller/audit/api.h"

#include "common/http/client.h"

#include <stdio.h>

#define SECRETS "/var/run/secrets/kubernetes.io/serviceaccount/"

void api_of_pod(const char *host, const char *port, struct api_place *ret)
{
	bool v6 = strchr(host, ':') != NULL;

	*ret = (struct api_place){.ca_file = SECRETS "ca.crt", .token_file = SECRETS "token"};
	(void)snprintf(ret->url, sizeof(ret->url), "https://%s%s%s:%s", v6 ? "[" : "", host,
		v6 ? "]" : "", port);
}

static int get_part(struct http_client *client, const char *path, const struct deadline *dl,
	struct http_response *ret, struct err *err)
{
	const struct http_request request = {.path = path};

	if (http_get(client, &request, dl, ret, err) < 0) {
		return err_wrap(err, "Kubernetes' API");
	}
	if (ret->status == 403) {
		return err_set(err, ERR_PERMISSION_DENIED,
			"Kubernetes' API: this pod's service account may not read %s; it needs the verb "
			"list",
			path);
	}
	return ret->status == 200 ? 0
				  : err_set(err, ERR_UNAVAILABLE,
					    "Kubernetes' API: answered %d when asked for %s",
					    ret->status, path);
}

static int list(struct http_client *client, const char *kind, const char *driver,
	const struct deadline *dl, struct cluster *to, struct err *err)
{
	const char *more = "";

	do {
		_cleanup_http_response_ struct http_response part = {0};
		_cleanup_strbuf_ struct strbuf path = sb_init(HTTP_PATH_MAX);

		sb_addf(&path, "%s?limit=%d%s", kind, API_PAGE, *more ? "&continue=" : "");
		if (*more) {
			http_path_escape(&path, more);
		}
		if (get_part(client, sb_str(&path), dl, &part, err) < 0 ||
			cluster_add(to, kind, part.body, part.len, driver, &more, err) < 0) {
			return -1;
		}
	} while (*more);
	return 0;
}

int api_cluster(const struct api_place *place, const char *driver, const struct deadline *dl,
	struct cluster *ret, struct err *err)
{
	struct http_client_options options = {.url = place->url,
		.ca_file = place->ca_file,
		.max_body = CLUSTER_TEXT_MAX,
		.max_calls = 1};
	struct http_client *client = NULL;

	*ret = (struct cluster){0};
	if (secret_read_given(place->token_file, &options.token, err) < 0) {
		return -1;
	}
	int rc = http_client_new(&options, &client, err);
	secret_unref(options.token);
	if (rc == 0 && (list(client, "/api/v1/persistentvolumes", driver, dl, ret, err) < 0 ||
			       list(client, "/apis/storage.k8s.io/v1/volumeattachments", driver, dl,
				       ret, err) < 0)) {
		rc = -1;
	}
	http_client_free(client);
	return rc;
}
