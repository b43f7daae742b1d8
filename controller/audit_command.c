/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments, the configuration, one comparison, one report.
 */
#include "controller/audit_command.h"

#include "common/base/fileio.h"
#include "common/http/client.h"
#include "controller/audit/repair.h"
#include "controller/audit/report.h"
#include "controller/config.h"

#include <fcntl.h>
#include <getopt.h>

/** Most memory of one audit, and its longest time in ms. */
#define AUDIT_ARENA_MAX ((size_t)512 * MIB)
#define AUDIT_MS (30 * 60 * 1000)

enum { EXIT_NOTHING = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_FOUND = 3 };

static const char help_text[] =
	"nvmetcp-controller audit: compare what the storage backends hold and let in with what the\n"
	"cluster knows of. It may run beside the plugin, and changes nothing without --repair.\n"
	"\n"
	"Usage: kubectl get persistentvolumes,volumeattachments -o json |\n"
	"               nvmetcp-controller audit --config FILE [--json] [--repair REPORT]\n"
	"\n"
	"  --config FILE       the plugin's configuration\n"
	"  --cluster FILE      the cluster's listing (default: standard input)\n"
	"  --driver-name NAME  name of the driver (default: driverName of the configuration,\n"
	"                      else nvmetcp.csi.dev)\n"
	"  --json              print the findings as JSON, for --repair\n"
	"  --repair REPORT     fence the nodes that are let in without being attached, where REPORT,\n"
	"                      printed with --json some minutes ago, found the same: a file, or the\n"
	"                      report itself\n"
	"  --help\n"
	"\n"
	"Findings: missing-volume (a PersistentVolume names it, its backend has it not), no-backend (its\n"
	"backend is not configured), missing-grant (attached to a node that is not let in), leaked-grant\n"
	"(a node is let in that it is not attached to), leaked-volume (no PersistentVolume names it).\n"
	"Volumes are never deleted.\n"
	"\n"
	"Exit codes: 0 nothing found, or all of it mended; 1 it could not be done, as when a backend does\n"
	"not answer; 2 wrong command line or configuration; 3 something was found.\n";

struct arguments {
	const char *config;
	const char *cluster;
	const char *driver;
	const char *repair;
	bool json;
	bool help;
};

static int parse_arguments(int argc, char **argv, struct arguments *ret, struct err *err)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"cluster", required_argument, NULL, 'k'},
		{"driver-name", required_argument, NULL, 'd'},
		{"repair", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*ret = (struct arguments){0};
	/* Before any thread is there, as getopt keeps state of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (option) {
		case 'c':
			ret->config = optarg;
			break;
		case 'k':
			ret->cluster = optarg;
			break;
		case 'd':
			ret->driver = optarg;
			break;
		case 'r':
			ret->repair = optarg;
			break;
		case 'j':
			ret->json = true;
			break;
		case 'h':
			ret->help = true;
			return 0;
		default: /* getopt has said what is wrong */
			return err_set(err, ERR_INVALID_ARGUMENT, "see audit --help");
		}
	}
	if (optind < argc || !ret->config) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s; see audit --help",
			ret->config ? "it takes flags only" : "--config: is required");
	}
	return 0;
}

static int read_cluster(const struct arguments *arguments, const struct config *config,
	struct cluster *ret, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	/* Standard input is read as it is: in a container nobody but root may open it again. */
	int rc = arguments->cluster ? file_read(AT_FDCWD, arguments->cluster, CLUSTER_TEXT_MAX,
					      &text, &len, err)
				    : file_read_all(STDIN_FILENO, "standard input",
					      CLUSTER_TEXT_MAX, &text, &len, err);

	if (rc < 0) {
		return -1;
	}
	rc = cluster_add(ret, "the cluster's listing", text, len, config->driver_name, NULL, err);
	free(text);
	return rc;
}

/* Return: the exit code, or -1. */
static int compare(struct core *core, struct op *op, const struct arguments *arguments,
	const struct cluster *cluster, struct err *err)
{
	struct findings earlier = {0};
	struct findings now;
	const struct repair repair = {
		.cluster = cluster, .now = &now, .earlier = &earlier, .out = stderr};
	struct repaired repaired = {0};

	if ((arguments->repair && report_read(arguments->repair, op->arena, &earlier, err) < 0) ||
		audit_compare(core, op, cluster, &now, err) < 0) {
		return -1;
	}
	if (arguments->repair && audit_repair(core, op, &repair, &repaired, err) < 0) {
		return -1;
	}
	if (!arguments->json) {
		report_table(stdout, cluster, &now);
	} else if (report_json(stdout, &now, err) < 0) {
		return -1;
	}
	return now.n > repaired.fenced ? EXIT_FOUND : EXIT_NOTHING;
}

static int audit(const struct arguments *arguments, struct err *err)
{
	_cleanup_config_ struct config config = {0};
	_cleanup_cluster_ struct cluster cluster = {0};
	_cleanup_core_ struct core *core = NULL;
	struct op op = {.deadline = deadline_in(AUDIT_MS)};
	int code;

	if (config_read(arguments->config, arguments->driver, &config, err) < 0 ||
		config_open(&config, &core, err) < 0) {
		return -1;
	}
	op.arena = arena_new(AUDIT_ARENA_MAX);
	if (!op.arena) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for an audit");
	}
	code = read_cluster(arguments, &config, &cluster, err);
	code = code < 0 ? code : compare(core, &op, arguments, &cluster, err);
	arena_free(op.arena);
	return code;
}

int audit_command(int argc, char **argv)
{
	struct arguments arguments;
	struct err err = {0};
	int code;

	if (parse_arguments(argc, argv, &arguments, &err) < 0) {
		(void)fprintf(stderr, "nvmetcp-controller: %s\n", err.msg);
		return EXIT_USAGE;
	}
	if (arguments.help) {
		(void)fputs(help_text, stdout);
		return EXIT_NOTHING;
	}
	code = http_global_init(&err) < 0 ? -1 : audit(&arguments, &err);
	http_global_cleanup();
	if (code >= 0) {
		return code;
	}
	(void)fprintf(stderr, "nvmetcp-controller: %s\n", err.msg);
	return err.code == ERR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}
