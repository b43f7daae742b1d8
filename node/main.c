/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvmetcp-node: the node plugin. main() prepares the process, starts, waits for a signal, stops.
 */
#include "common/base/process.h"
#include "node/core/points.h"
#include "node/flags.h"
#include "node/paths_command.h"
#include "node/plugin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

static const char *environment(const char *name)
{
	return getenv(name); // NOLINT(concurrency-mt-unsafe): before any thread exists
}

/* Until a signal comes, or the helper has ended: without it every volume would fail for ever, and a
 * new process goes on from what the records say. Return: the exit status. */
static int wait_for_end(const struct helper *helper, int stop_fd, const sigset_t *signals)
{
	struct pollfd ends[] = {
		{.fd = stop_fd, .events = POLLIN}, {.fd = helper_pidfd(helper), .events = POLLIN}};
	int number = 0;

	while (poll(ends, ARRAY_SIZE(ends), -1) < 0 && errno == EINTR) {
	}
	if (ends[0].revents == 0 && helper_gone(helper)) {
		LOG_ERROR(
			"the helper process has ended, killed perhaps for want of memory; ending too, "
			"to be started again",
			LOG_NUM("pid", (int64_t)getpid()));
		return NODE_EXIT_FAILED;
	}
	(void)sigwait(signals, &number);
	LOG_INFO("stopping", LOG_NUM("signal", number));
	return NODE_EXIT_OK;
}

static int run(const struct node_flags *flags, struct err *err)
{
	struct helper *helper = NULL;
	struct plugin *plugin = NULL;
	sigset_t signals;

	process_prepare(&signals);
	/* Only looked at by poll(): the signal stays for sigwait(). */
	_cleanup_close_ int stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (plugin_helper(&helper, err) < 0 ||
		plugin_start(flags, helper, stop_fd, &plugin, err) < 0) {
		bool stopped = err->code == ERR_CANCELLED;
		LOG_EVENT(stopped ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "cannot start", LOG_ERR(err));
		helper_stop(helper);
		return stopped ? NODE_EXIT_OK : NODE_EXIT_FAILED;
	}
	int status = wait_for_end(helper, stop_fd, &signals);
	if (!plugin_stop(plugin)) {
		_exit(NODE_EXIT_STUCK);
	}
	helper_stop(helper);
	return status;
}

int main(int argc, char **argv)
{
	struct node_flags flags;
	struct err err = {0};

	if (faults_told(argc, argv, &node_points)) {
		return NODE_EXIT_OK;
	}
	if (argc > 1 && streq(argv[1], "paths")) {
		return paths_command(argc - 1, argv + 1, "/sys", stdout);
	}
	if (node_flags_parse(argc, argv, environment, &flags, &err) < 0 ||
		faults_use(&node_points, &err) < 0) {
		(void)fprintf(stderr, "nvmetcp-node: %s\n", err.msg);
		return NODE_EXIT_USAGE;
	}
	if (flags.help) {
		(void)fputs(node_flags_help(), stdout);
		return NODE_EXIT_OK;
	}
	if (flags.version) {
		(void)puts("nvmetcp-node " NV_VERSION);
		return NODE_EXIT_OK;
	}
	log_set(flags.log_level, STDERR_FILENO);
	return run(&flags, &err);
}
