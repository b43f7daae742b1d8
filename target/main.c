/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvmetcp-target: turns directories and thin pools of this machine into volumes over NVMe/TCP.
 */
#include "common/base/log.h"
#include "target/check.h"
#include "target/config.h"
#include "target/core/points.h"
#include "target/run.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

/* Exit codes, as --help tells them. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help[] =
	"Usage: nvmetcp-target --config FILE [--log-level LEVEL]\n"
	"       nvmetcp-target check [--config FILE]\n"
	"       nvmetcp-target --check-config FILE\n"
	"       nvmetcp-target --init-pool DIRECTORY NAME [VG/THINPOOL]\n"
	"\n"
	"Manages volumes in directories and LVM thin pools of this machine and exports them over\n"
	"NVMe/TCP.\n"
	"\n"
	"  --config FILE          run with this configuration (JSON, see docs/target.md)\n"
	"  check                  say what this machine lacks to run with the configuration\n"
	"                         (" CONFIG_PATH "): a line each, OK, WARN or FAIL,\n"
	"                         with what to do. Changes nothing; may run beside the agent.\n"
	"  --check-config FILE    read the configuration, say what is wrong, and end\n"
	"  --init-pool DIR NAME   make an existing, empty directory a pool and print its\n"
	"                         identity: tries reflink, makes the folders volumes and\n"
	"                         snapshots and the file .nvmetcp-pool. Formats and mounts\n"
	"                         nothing. On a directory that is this pool already it only\n"
	"                         prints the identity. With VG/THINPOOL the volumes will be in\n"
	"                         that thin pool of LVM, and DIR holds only what is known of\n"
	"                         them; no reflink is needed then. The thin pool gets a tag.\n"
	"  --log-level LEVEL      debug, info (default), warning or error; lines of JSON on stderr\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 ended by SIGTERM or SIGINT, or done; 1 failed, the last line says why;\n"
	"2 wrong arguments or configuration; of check: 0 no FAIL, 1 at least one. Exports stay in\n"
	"the kernel when the agent ends.\n";

struct args {
	const char *config;
	const char *check_config;
	bool check; /* the machine */
	const char *init_dir;
	const char *init_name;
	const char *init_thin_pool;
	enum log_level level;
	bool done; /* --help or --version was answered */
};

static int usage(const char *text)
{
	(void)fprintf(stderr, "nvmetcp-target: %s; see --help\n", text);
	return EXIT_USAGE;
}

static int read_args(int argc, char **argv, struct args *ret)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", required_argument, NULL, 'k'},
		{"init-pool", required_argument, NULL, 'i'},
		{"log-level", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct err err = {0};
	int c;

	ret->level = LOG_LEVEL_INFO;
	/* Before any thread: getopt keeps state of its own. */
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case 'k':
			ret->check_config = optarg;
			break;
		case 'i':
			ret->init_dir = optarg;
			break;
		case 'l':
			if (log_level_parse("--log-level", optarg, &ret->level, &err) < 0) {
				return usage(err.msg);
			}
			break;
		case 'h':
		case 'V':
			(void)fputs(c == 'h' ? help : "nvmetcp-target " NV_VERSION "\n", stdout);
			ret->done = true;
			return 0;
		default:
			return EXIT_USAGE; /* getopt has said what is wrong */
		}
	}
	if (ret->init_dir && optind < argc) {
		ret->init_name = argv[optind++];
	}
	if (ret->init_name && optind < argc) {
		ret->init_thin_pool = argv[optind++];
	}
	if (optind < argc && streq(argv[optind], "check")) {
		ret->check = true;
		optind++;
	}
	if (optind < argc) {
		return usage("an argument is too many");
	}
	if (ret->check && !ret->config) {
		ret->config = CONFIG_PATH;
	}
	if (ret->init_dir && !ret->init_name) {
		return usage("--init-pool needs a directory and a name");
	}
	if ((ret->config != NULL) + (ret->check_config != NULL) + (ret->init_dir != NULL) != 1) {
		return usage("one of check, --config, --check-config and --init-pool is needed");
	}
	return 0;
}

static int fail(const struct err *err, int status)
{
	LOG_ERROR("nvmetcp-target ends", LOG_ERR(err));
	return status;
}

static void block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	_cleanup_config_ struct config config = {0};
	struct args args = {0};
	struct err err = {0};
	int status;

	if (faults_told(argc, argv, &target_points)) {
		return 0;
	}
	status = read_args(argc, argv, &args);
	if (status != 0 || args.done) {
		return status;
	}
	if (faults_use(&target_points, &err) < 0) {
		return usage(err.msg);
	}
	if (args.check) {
		return check_this_machine(args.config) > 0 ? EXIT_FAILED : 0;
	}
	log_set(args.level, STDERR_FILENO);
	if (args.init_dir) {
		return run_init_pool(args.init_dir, args.init_name, args.init_thin_pool, &err) < 0
			       ? fail(&err, EXIT_FAILED)
			       : 0;
	}
	if (config_load(args.config ? args.config : args.check_config, &config, &err) < 0) {
		return fail(&err, EXIT_USAGE);
	}
	if (args.check_config) {
		return 0;
	}
	block_signals();
	return run_agent(&config, &err) < 0 ? fail(&err, EXIT_FAILED) : 0;
}
