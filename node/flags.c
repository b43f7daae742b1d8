/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of flags; each is a text, checked after all have been read.
 */
#include "node/flags.h"

#include "common/base/parse.h"
#include "common/csi/identity.h"
#include "common/nvmf/nqn.h"
#include "node/service/service.h"

/* Longest path of a Unix socket, without its NUL. */
#define SOCKET_PATH_MAX 107
#define UNIX_SCHEME "unix://"

static const char HELP[] =
	"nvmetcp-node: the node plugin of nvmetcp-csi, a CSI driver for NVMe/TCP.\n"
	"It attaches, formats, mounts and grows volumes on the node that it runs on, for kubelet.\n"
	"\n"
	"Usage: nvmetcp-node --instance NAME --node-name NAME --state-dir DIR [FLAG VALUE]...\n"
	"       nvmetcp-node paths [--help]   # the paths of this node's volumes, also beside it\n"
	"\n"
	"  --endpoint unix://PATH          socket to serve CSI on (default: $CSI_ENDPOINT)\n"
	"  --driver-name NAME              name of the driver (default: nvmetcp.csi.dev)\n"
	"  --instance NAME                 name of this installation, as in the controller's\n"
	"                                  configuration: 1 to 16 of [a-z0-9-]\n"
	"  --node-name NAME                name of this node (default: $NODE_NAME)\n"
	"  --kubelet-registration-dir DIR  kubelet's plugins_registry: register there\n"
	"                                  (default: do not register)\n"
	"  --kubelet-endpoint-path PATH    the socket of --endpoint as kubelet sees it\n"
	"                                  (default: the same path)\n"
	"  --state-dir DIR                 folder for lock, journal and records; it must outlive the\n"
	"                                  process and be on a filesystem that allows device nodes\n"
	"  --http-address ADDR:PORT        serve /livez, /healthz and /metrics there\n"
	"                                  (default: nowhere)\n"
	"  --log-level LEVEL               debug, info, warning or error (default: info)\n"
	"  --max-volumes N                 volumes that the scheduler may put on this node, 1 to 4096\n"
	"                                  (default: 128)\n"
	"  --topology KEY=VALUE[,...]      where this node is, for backends that are not reached from\n"
	"                                  everywhere; a key without a domain gets the driver's name\n"
	"  --topology-file FILE            the same for many nodes, a line each: a pattern of node\n"
	"                                  names, as 'rack1-*', a blank, and KEY=VALUE[,...]; all\n"
	"                                  lines that fit count\n"
	"  --udev-rules-dir DIR            the host's /run/udev/rules.d: put a rule there by which udev\n"
	"                                  does not look into volumes nor activates what is on them\n"
	"                                  (default: do not)\n"
	"  --help, --version\n"
	"\n"
	"It needs root, the host's network namespace, /dev, /sys and /lib/modules of the host, and\n"
	"kubelet's folder with two-way mount propagation.\n"
	"\n"
	"Exit codes: 0 stopped by SIGTERM or SIGINT; 1 it could not start, or its helper process ended;\n"
	"2 wrong command line; 4 stopped, but a call was still stuck.\n";

enum flag {
	FLAG_ENDPOINT,
	FLAG_DRIVER,
	FLAG_INSTANCE,
	FLAG_NODE,
	FLAG_REGISTRATION,
	FLAG_KUBELET_ENDPOINT,
	FLAG_STATE,
	FLAG_HTTP,
	FLAG_LOG,
	FLAG_MAX,
	FLAG_TOPOLOGY,
	FLAG_TOPOLOGY_FILE,
	FLAG_UDEV_RULES,
	FLAG_COUNT,
};

static const struct {
	const char *name;
	const char *variable; /* of the environment, NULL: none */
	const char *fallback;
} FLAGS[FLAG_COUNT] = {
	[FLAG_ENDPOINT] = {"--endpoint", "CSI_ENDPOINT", ""},
	[FLAG_DRIVER] = {"--driver-name", NULL, CSI_PLUGIN_NAME_DEFAULT},
	[FLAG_INSTANCE] = {"--instance", NULL, ""},
	[FLAG_NODE] = {"--node-name", "NODE_NAME", ""},
	[FLAG_REGISTRATION] = {"--kubelet-registration-dir", NULL, ""},
	[FLAG_KUBELET_ENDPOINT] = {"--kubelet-endpoint-path", NULL, ""},
	[FLAG_STATE] = {"--state-dir", NULL, ""},
	[FLAG_HTTP] = {"--http-address", NULL, ""},
	[FLAG_LOG] = {"--log-level", NULL, "info"},
	[FLAG_MAX] = {"--max-volumes", NULL, "128"},
	[FLAG_TOPOLOGY] = {"--topology", NULL, ""},
	[FLAG_TOPOLOGY_FILE] = {"--topology-file", NULL, ""},
	[FLAG_UDEV_RULES] = {"--udev-rules-dir", NULL, ""},
};

const char *node_flags_help(void)
{
	return HELP;
}

/* Which flag is @word? *ret_value is the text after '=', NULL when there is none. Return: -1: none.
 */
static int find_flag(const char *word, const char **ret_value)
{
	for (int i = 0; i < FLAG_COUNT; i++) {
		size_t len = strlen(FLAGS[i].name);
		if (strncmp(word, FLAGS[i].name, len) != 0) {
			continue;
		}
		if (word[len] == '\0' || word[len] == '=') {
			*ret_value = word[len] ? word + len + 1 : NULL;
			return i;
		}
	}
	return -1;
}

static int read_words(int argc, char *const *argv, const char *values[FLAG_COUNT],
	struct node_flags *ret, struct err *err)
{
	char shown[64];

	for (int i = 1; i < argc; i++) {
		const char *value;
		ret->help = ret->help || streq(argv[i], "--help") || streq(argv[i], "-h");
		ret->version = ret->version || streq(argv[i], "--version");
		if (ret->help || ret->version) {
			return 0;
		}
		int flag = find_flag(argv[i], &value);
		if (flag < 0) {
			return err_set(err, ERR_INVALID_ARGUMENT, "'%s': no such flag; see --help",
				printable(argv[i], shown, sizeof(shown)));
		}
		if (!value && i + 1 < argc) {
			value = argv[++i];
		}
		if (!value) {
			return err_set(
				err, ERR_INVALID_ARGUMENT, "%s: needs a value", FLAGS[flag].name);
		}
		values[flag] = value;
	}
	return 0;
}

static int need(enum flag flag, const char *value, struct err *err)
{
	if (*value) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s: is required%s%s", FLAGS[flag].name,
		FLAGS[flag].variable ? ", or set $" : "",
		FLAGS[flag].variable ? FLAGS[flag].variable : "");
}

static int check_path(enum flag flag, const char *path, size_t max, struct err *err)
{
	char shown[64];

	if (path[0] != '/' || strlen(path) > max) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s '%s': must be an absolute path of at most %zu bytes", FLAGS[flag].name,
			printable(path, shown, sizeof(shown)), max);
	}
	return 0;
}

static int check_socket(const char *endpoint, const char **ret_path, struct err *err)
{
	char shown[64];

	if (strncmp(endpoint, UNIX_SCHEME, sizeof(UNIX_SCHEME) - 1) != 0) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"--endpoint '%s': must be unix:// and the absolute path of a socket",
			printable(endpoint, shown, sizeof(shown)));
	}
	*ret_path = endpoint + sizeof(UNIX_SCHEME) - 1;
	return check_path(FLAG_ENDPOINT, *ret_path, SOCKET_PATH_MAX, err);
}

/* Room for "/<driver>-reg.sock" behind the folder, within the limit of a socket's path. */
static int check_registration(const struct node_flags *flags, struct err *err)
{
	size_t name = strlen(flags->driver_name) + sizeof("/-reg.sock") - 1;

	return check_path(FLAG_REGISTRATION, flags->registration_dir, SOCKET_PATH_MAX - name, err);
}

static int check(const char *values[FLAG_COUNT], struct node_flags *ret, struct err *err)
{
	struct host_identity identity;

	if (need(FLAG_ENDPOINT, values[FLAG_ENDPOINT], err) < 0 ||
		need(FLAG_INSTANCE, values[FLAG_INSTANCE], err) < 0 ||
		need(FLAG_NODE, values[FLAG_NODE], err) < 0 ||
		need(FLAG_STATE, values[FLAG_STATE], err) < 0 ||
		check_socket(values[FLAG_ENDPOINT], &ret->socket, err) < 0 ||
		csi_plugin_name_check("--driver-name", values[FLAG_DRIVER], err) < 0 ||
		instance_check("--instance", values[FLAG_INSTANCE], err) < 0 ||
		host_identity_make(values[FLAG_INSTANCE], values[FLAG_NODE], &identity, err) < 0 ||
		check_path(FLAG_STATE, values[FLAG_STATE], 512, err) < 0 ||
		log_level_parse("--log-level", values[FLAG_LOG], &ret->log_level, err) < 0 ||
		parse_i64("--max-volumes", values[FLAG_MAX], 1, NODE_VOLUMES_MAX, &ret->max_volumes,
			err) < 0) {
		return -1;
	}
	ret->driver_name = values[FLAG_DRIVER];
	ret->instance = values[FLAG_INSTANCE];
	ret->node_name = values[FLAG_NODE];
	ret->registration_dir = values[FLAG_REGISTRATION];
	ret->kubelet_endpoint =
		*values[FLAG_KUBELET_ENDPOINT] ? values[FLAG_KUBELET_ENDPOINT] : ret->socket;
	ret->state_dir = values[FLAG_STATE];
	ret->http_address = values[FLAG_HTTP];
	ret->topology = values[FLAG_TOPOLOGY];
	ret->topology_file = values[FLAG_TOPOLOGY_FILE];
	ret->udev_rules = values[FLAG_UDEV_RULES];
	if (check_path(FLAG_KUBELET_ENDPOINT, ret->kubelet_endpoint, SOCKET_PATH_MAX, err) < 0 ||
		(*ret->udev_rules && check_path(FLAG_UDEV_RULES, ret->udev_rules, 512, err) < 0)) {
		return -1;
	}
	return *ret->registration_dir ? check_registration(ret, err) : 0;
}

int node_flags_parse(int argc, char *const *argv, const char *(*environment)(const char *),
	struct node_flags *ret, struct err *err)
{
	const char *values[FLAG_COUNT];

	*ret = (struct node_flags){0};
	for (int i = 0; i < FLAG_COUNT; i++) {
		const char *found = FLAGS[i].variable ? environment(FLAGS[i].variable) : NULL;
		values[i] = found ? found : FLAGS[i].fallback;
	}
	if (read_words(argc, argv, values, ret, err) < 0) {
		return -1;
	}
	return ret->help || ret->version ? 0 : check(values, ret, err);
}
