/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where hosts and controllers come in: are the addresses this machine's, the ports free or the
 * agent's own, and is the API's certificate one that clients accept?
 */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/http/cert.h"
#include "target/check_priv.h"
#include "target/export/nvmet.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define TOKEN_MIN 16
#define EXPIRES_SOON_S (INT64_C(30) * 86400)
#define RUNTIME_DIR "/run/nvmetcp-target"

/* All but who may have the port. Return: true when it is in use. */
static bool say_address(struct check *check, const char *what, const struct portal *portal)
{
	int failed = nvmet_try_bind(portal, portal->port);

	if (failed == EADDRINUSE) {
		return true;
	}
	if (failed == EADDRNOTAVAIL) {
		check_say(check, CHECK_FAIL, what,
			"no network interface of this machine has the address %s: set it, or name "
			"one that is there (see ip address)",
			portal->addr);
	} else if (failed) {
		check_say(
			check, CHECK_FAIL, what, "cannot be bound to: %s", strerrordesc_np(failed));
	} else {
		check_say(check, CHECK_OK, what, "the address is there, the port is free");
	}
	return false;
}

static void check_portal(struct check *check, const struct portal *portal)
{
	struct configfs cfs = {.ops = &configfs_linux};
	char what[PORTAL_TEXT_SIZE + sizeof("portal ")];
	char text[PORTAL_TEXT_SIZE];
	char owner[160];
	int id;

	portal_print(portal, text);
	(void)snprintf(what, sizeof(what), "portal %s", text);
	if (!say_address(check, what, portal)) {
		return;
	}
	(void)snprintf(cfs.root, sizeof(cfs.root), "%s", check->nvmet);
	id = nvmet_port_find(&cfs, portal);
	if (id >= NVMET_PORT_FIRST && id <= NVMET_PORT_LAST) {
		check_say(check, CHECK_OK, what, "open, volumes are exported");
	} else if (id >= 0) {
		check_say(check, CHECK_FAIL, what,
			"port %d of nvmet, which is not nvmetcp-target's, listens there: remove it "
			"with the program that made it, or choose another port",
			id);
	} else {
		(void)check_owner_of(portal->port, owner, sizeof(owner));
		check_say(check, CHECK_FAIL, what,
			"the port is in use by %s: stop that, or choose another port", owner);
	}
}

void check_portals(struct check *check)
{
	const struct portals *portals = &check->config->portals;

	for (unsigned i = 0; i < portals->n; i++) {
		check_portal(check, &portals->list[i]);
	}
}

static void check_listen(struct check *check, const struct portal *portal)
{
	char what[PORTAL_TEXT_SIZE + sizeof("API at ")];
	char owner[160];
	pid_t pid;

	(void)snprintf(what, sizeof(what), "API at %s", check->config->listen);
	if (!say_address(check, what, portal)) {
		return;
	}
	pid = check_owner_of(portal->port, owner, sizeof(owner));
	if (pid && pid == check->agent) {
		check_say(check, CHECK_OK, what, "the agent serves there");
	} else {
		check_say(check, CHECK_FAIL, what,
			"the port is in use by %s: stop that, or choose another port in \"listen\"",
			owner);
	}
}

static void check_unix(struct check *check, const char *path)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	int len = (int)(strrchr(path, '/') - path);
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%.*s", len, path);
	if (strlen(path) >= sizeof(any.sun_path)) {
		check_say(check, CHECK_FAIL, "API",
			"%s: the path is longer than the %zu bytes that a socket's may have", path,
			sizeof(any.sun_path) - 1);
	} else if (streq(folder, RUNTIME_DIR) || access(*folder ? folder : "/", W_OK) == 0) {
		check_say(check, CHECK_OK, "API", "at the socket %s, for this machine only", path);
	} else {
		check_say(check, CHECK_FAIL, "API",
			"%s: %m: make the folder, or choose a socket in " RUNTIME_DIR
			", which the service makes",
			folder);
	}
}

static void date_of(int64_t seconds, char out[32])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
		(void)snprintf(out, 32, "%lld", (long long)seconds);
	}
}

static void check_certificate(struct check *check, const char *host)
{
	static const char what[] = "certificate";
	const char *file = check->config->tls_cert;
	int64_t now = clock_unix_ms() / 1000;
	struct err err = {0};
	struct http_cert cert;
	char from[32];
	char until[32];

	if (http_cert_read(file, check->config->tls_key, host, &cert, &err) < 0) {
		check_say(check, CHECK_FAIL, what, "%s", err.msg);
		return;
	}
	date_of(cert.from_s, from);
	date_of(cert.until_s, until);
	if (now < cert.from_s) {
		check_say(check, CHECK_FAIL, what,
			"%s: valid only from %s: correct this machine's clock, or make a new one",
			file, from);
	} else if (now >= cert.until_s) {
		check_say(check, CHECK_FAIL, what,
			"%s: expired on %s: put a new one there and restart the service", file,
			until);
	} else if (!cert.names[0]) {
		check_say(check, CHECK_FAIL, what,
			"%s: has no subjectAltName, so no client accepts it: make one with the name or "
			"address that the controller's url has",
			file);
	} else if (!cert.covers) {
		check_say(check, CHECK_WARN, what,
			"%s: is for %s, not for %s: the controller's url must have one of its names",
			file, cert.names, host);
	} else if (cert.until_s - now < EXPIRES_SOON_S) {
		check_say(check, CHECK_WARN, what,
			"%s: expires on %s: put a new one there in time and restart the service",
			file, until);
	} else {
		check_say(check, CHECK_OK, what, "%s: for %s, until %s; its key belongs to it",
			file, cert.names, until);
	}
}

static void check_token(struct check *check)
{
	const char *file = check->config->token_file;
	struct secret *token = NULL;
	struct err err = {0};

	if (secret_read_file(file, &token, &err) < 0) {
		check_say(check, CHECK_FAIL, "token", "%s", err.msg);
		return;
	}
	if (secret_len(token) < TOKEN_MIN) {
		check_say(check, CHECK_WARN, "token",
			"%s: only %zu bytes long, which can be guessed: openssl rand -hex 32 makes a "
			"good one",
			file, secret_len(token));
	} else {
		check_say(check, CHECK_OK, "token", "%s: others cannot read it", file);
	}
	secret_unref(token);
}

void check_api(struct check *check)
{
	const struct config *config = check->config;
	struct portal portal = {.addr = "localhost"};

	if (config->listen) {
		/* The configuration was refused if this did not parse. */
		if (portal_parse("listen", config->listen, &portal, NULL) == 0) {
			check_listen(check, &portal);
		}
	} else {
		check_unix(check, config->unix_path);
	}
	if (config->tls_cert) {
		check_certificate(check, portal.addr);
	}
	if (config->token_file) {
		check_token(check);
	}
}
