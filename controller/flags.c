/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of flags; each is a text, checked after all have been read.
 */
#include "controller/flags.h"

#include "common/base/parse.h"
#include "common/csi/identity.h"

/** Longest path of a Unix socket, without its NUL. */
#define SOCKET_PATH_MAX 107
#define UNIX_SCHEME "unix://"
/** A week. */
#define AUDIT_MINUTES_MAX (7 * 24 * 60)

static const char help_text[] =
	"nvmetcp-controller: the controller plugin of nvmetcp-csi, a CSI driver for NVMe/TCP.\n"
	"It makes, grows, snapshots and deletes volumes on storage backends through their management\n"
	"APIs, and says which node may use which volume.\n"
	"\n"
	"Usage: nvmetcp-controller --config FILE [FLAG VALUE]...\n"
	"       nvmetcp-controller audit --help\n"
	"\n"
	"  --config FILE           the configuration: instance and backends, in JSON\n"
	"  --endpoint unix://PATH  socket to serve CSI on (default: $CSI_ENDPOINT)\n"
	"  --socket-gid GID        group that may use the socket (default: that of the process)\n"
	"  --driver-name NAME      name of the driver (default: driverName of the configuration,\n"
	"                          else nvmetcp.csi.dev)\n"
	"  --http-address ADDRESS  serve /livez, /healthz and /metrics on address:port\n"
	"                          (default: nowhere)\n"
	"  --log-level LEVEL       debug, info, warning or error (default: info)\n"
	"  --audit-minutes N       compare what the backends hold with what the cluster knows of every\n"
	"                          N minutes, 1 to 10080, for metrics and log; needs the right to list\n"
	"                          PersistentVolumes and VolumeAttachments (default: 0, never)\n"
	"  --help, --version\n"
	"\n"
	"It needs no privileges: only the network and the folder of the socket, in which it also makes\n"
	"a folder \"state\" with a lock file. SIGTERM ends it once the calls under way are answered.\n"
	"\n"
	"Exit codes: 0 stopped by SIGTERM or SIGINT; 1 it could not start; 2 wrong command line or\n"
	"configuration; 4 stopped, but a call was still stuck.\n";

enum flag {
	FLAG_CONFIG,
	FLAG_ENDPOINT,
	FLAG_GID,
	FLAG_DRIVER,
	FLAG_HTTP,
	FLAG_LOG,
	FLAG_AUDIT,
	FLAG_COUNT,
};

static const struct {
	const char *name;
	const char *variable; /* of the environment, NULL: none */
	const char *fallback;
} flags[FLAG_COUNT] = {
	[FLAG_CONFIG] = {"--config", NULL, ""},
	[FLAG_ENDPOINT] = {"--endpoint", "CSI_ENDPOINT", ""},
	[FLAG_GID] = {"--socket-gid", NULL, ""},
	[FLAG_DRIVER] = {"--driver-name", NULL, ""},
	[FLAG_HTTP] = {"--http-address", NULL, ""},
	[FLAG_LOG] = {"--log-level", NULL, "info"},
	[FLAG_AUDIT] = {"--audit-minutes", NULL, "0"},
};

const char *controller_flags_help(void)
{
	return help_text;
}

/* Which flag is @word? *ret_value is the text after '=', NULL when there is none. Return: -1: none.
 */
static int find_flag(const char *word, const char **ret_value)
{
	for (int i = 0; i < FLAG_COUNT; i++) {
		size_t len = strlen(flags[i].name);

		if (strncmp(word, flags[i].name, len) == 0 &&
			(word[len] == '\0' || word[len] == '=')) {
			*ret_value = word[len] ? word + len + 1 : NULL;
			return i;
		}
	}
	return -1;
}

static int read_words(int argc, char *const *argv, const char *values[FLAG_COUNT],
	struct controller_flags *ret, struct err *err)
{
	char shown[65];

	for (int i = 1; i < argc; i++) {
		const char *value;
		int flag;

		ret->help = streq(argv[i], "--help") || streq(argv[i], "-h");
		ret->version = streq(argv[i], "--version");
		if (ret->help || ret->version) {
			return 0;
		}
		flag = find_flag(argv[i], &value);
		if (flag < 0) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"\"%s\": no such flag; see --help",
				printable(argv[i], shown, sizeof(shown)));
		}
		if (!value && i + 1 < argc) {
			value = argv[++i];
		}
		if (!value) {
			return err_set(
				err, ERR_INVALID_ARGUMENT, "%s: needs a value", flags[flag].name);
		}
		values[flag] = value;
	}
	return 0;
}

static int check_socket(const char *endpoint, const char **ret_path, struct err *err)
{
	const char *path = endpoint + strlen(UNIX_SCHEME);
	char shown[65];

	if (strncmp(endpoint, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0 || path[0] != '/' ||
		strlen(path) > SOCKET_PATH_MAX || !strchr(path + 1, '/')) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"--endpoint: \"%s\" must be unix:// and the absolute path of a socket in a folder of its own, "
			"at most %d bytes",
			printable(endpoint, shown, sizeof(shown)), SOCKET_PATH_MAX);
	}
	*ret_path = path;
	return 0;
}

/* What a pod is told of Kubernetes' API, which the audit asks. */
static int find_api(
	const char *(*environment)(const char *), struct controller_flags *ret, struct err *err)
{
	ret->api_host = environment("KUBERNETES_SERVICE_HOST");
	ret->api_port = environment("KUBERNETES_SERVICE_PORT");
	if (ret->audit_minutes > 0 && (str_empty(ret->api_host) || str_empty(ret->api_port))) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"--audit-minutes: the audit asks Kubernetes' API and works in a pod only: "
			"$KUBERNETES_SERVICE_HOST or $KUBERNETES_SERVICE_PORT is not set");
	}
	return 0;
}

static int check(const char *values[FLAG_COUNT], struct controller_flags *ret, struct err *err)
{
	int64_t gid;

	if (str_empty(values[FLAG_CONFIG])) {
		return err_set(err, ERR_INVALID_ARGUMENT, "--config: is required; see --help");
	}
	if (str_empty(values[FLAG_ENDPOINT])) {
		return err_set(
			err, ERR_INVALID_ARGUMENT, "--endpoint: is required, or set $CSI_ENDPOINT");
	}
	if (check_socket(values[FLAG_ENDPOINT], &ret->socket, err) < 0 ||
		log_level_parse("--log-level", values[FLAG_LOG], &ret->log_level, err) < 0 ||
		parse_i64("--audit-minutes", values[FLAG_AUDIT], 0, AUDIT_MINUTES_MAX,
			&ret->audit_minutes, err) < 0) {
		return -1;
	}
	if (!str_empty(values[FLAG_DRIVER]) &&
		csi_plugin_name_check("--driver-name", values[FLAG_DRIVER], err) < 0) {
		return -1;
	}
	ret->socket_gid = (gid_t)-1;
	if (!str_empty(values[FLAG_GID])) {
		if (parse_i64("--socket-gid", values[FLAG_GID], 0, UINT32_MAX - 1, &gid, err) < 0) {
			return -1;
		}
		ret->socket_gid = (gid_t)gid;
	}
	ret->config = values[FLAG_CONFIG];
	ret->driver_name = values[FLAG_DRIVER];
	ret->http_address = values[FLAG_HTTP];
	return 0;
}

int controller_flags_parse(int argc, char *const *argv, const char *(*environment)(const char *),
	struct controller_flags *ret, struct err *err)
{
	const char *values[FLAG_COUNT];

	*ret = (struct controller_flags){0};
	for (int i = 0; i < FLAG_COUNT; i++) {
		const char *found = flags[i].variable ? environment(flags[i].variable) : NULL;

		values[i] = found ? found : flags[i].fallback;
	}
	if (read_words(argc, argv, values, ret, err) < 0) {
		return -1;
	}
	if (ret->help || ret->version) {
		return 0;
	}
	return check(values, ret, err) < 0 ? -1 : find_api(environment, ret, err);
}
