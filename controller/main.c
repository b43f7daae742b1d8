/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvmetcp-controller: the controller plugin. main() prepares the process, starts, waits for a
 * signal, stops.
 */
#include "common/base/process.h"
#include "controller/audit_command.h"
#include "controller/core/points.h"
#include "controller/flags.h"
#include "controller/plugin.h"

#include <signal.h>
#include <stdio.h>

static const char *environment(const char *name)
{
	return getenv(name); // NOLINT(concurrency-mt-unsafe): before any thread exists
}

static int run(const struct controller_flags *flags)
{
	enum controller_exit code = CONTROLLER_EXIT_FAILED;
	struct plugin *plugin = NULL;
	struct err err = {0};
	sigset_t signals;
	int number = 0;

	process_prepare(&signals);
	if (plugin_start(flags, &plugin, &code, &err) < 0) {
		LOG_ERROR("cannot start", LOG_ERR(&err));
		return (int)code;
	}
	(void)sigwait(&signals, &number);
	LOG_INFO("stopping", LOG_NUM("signal", number));
	if (!plugin_stop(plugin)) {
		_exit(CONTROLLER_EXIT_STUCK);
	}
	return CONTROLLER_EXIT_OK;
}

int main(int argc, char **argv)
{
	struct controller_flags flags;
	struct err err = {0};

	if (faults_told(argc, argv, &controller_points)) {
		return CONTROLLER_EXIT_OK;
	}
	if (argc > 1 && streq(argv[1], "audit")) {
		log_set(LOG_LEVEL_WARNING, STDERR_FILENO);
		return audit_command(argc - 1, argv + 1);
	}
	if (controller_flags_parse(argc, argv, environment, &flags, &err) < 0 ||
		faults_use(&controller_points, &err) < 0) {
		(void)fprintf(stderr, "nvmetcp-controller: %s\n", err.msg);
		return CONTROLLER_EXIT_USAGE;
	}
	if (flags.help) {
		(void)fputs(controller_flags_help(), stdout);
		return CONTROLLER_EXIT_OK;
	}
	if (flags.version) {
		(void)puts("nvmetcp-controller " NV_VERSION);
		return CONTROLLER_EXIT_OK;
	}
	log_set(flags.log_level, STDERR_FILENO);
	return run(&flags);
}
