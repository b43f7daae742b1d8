/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running programs: posix_spawn in a process group of its own, one pipe for the output, a pidfd
 * for the end.
 */
#include "common/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/base/strbuf.h"

/* How long an ended child's output may take to come, in ms: a grandchild may hold the pipe. */
#define LAST_OUTPUT_MS 200

static char *const environment[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1", NULL};

static int start(const struct spawn *what, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set;

	if (posix_spawn_file_actions_init(&files) != 0) {
		return ENOMEM;
	}
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	/* The descriptors to keep may be 0 to 3 themselves only in odd programs; ours have 0-2 open. */
	int rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, output, 1);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, output, 2);
	if (what->pass_fd >= 0) {
		rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, what->pass_fd, 3);
	}
	rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&files, what->pass_fd >= 0 ? 4 : 3);
	(void)sigemptyset(&set);
	(void)posix_spawnattr_setsigmask(&attr, &set);
	(void)sigfillset(&set);
	(void)posix_spawnattr_setsigdefault(&attr, &set);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = rc ? rc
		: posix_spawnp(ret_pid, what->argv[0], &files, &attr, (char *const *)what->argv,
			  environment);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Take what the pipe has. Return: false at its end. */
static bool drain(int pipe_fd, struct strbuf *output)
{
	char buf[4096];

	for (;;) {
		ssize_t n = read(pipe_fd, buf, sizeof(buf));
		if (n > 0) {
			size_t room = output->max - output->len;
			sb_addn(output, buf, MIN((size_t)n, room));
			continue;
		}
		if (n < 0 && errno == EINTR) {
			continue;
		}
		return n < 0 && errno == EAGAIN;
	}
}

/* Wait for the end, reading along. Return: 0 ended, -1 with @err (deadline, cancel). */
static int wait_end(const char *name, int pidfd, int pipe_fd, struct strbuf *output,
	const struct deadline *dl, struct err *err)
{
	bool open = true;

	for (;;) {
		struct pollfd p[3] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = open ? pipe_fd : -1, .events = POLLIN},
			{.fd = dl->cancel_fd, .events = POLLIN},
		};
		int64_t left = deadline_left_ms(dl);
		int n = poll(p, 3, (int)MIN(left, (int64_t)INT32_MAX));
		if (n < 0 && errno != EINTR) {
			return err_errno(err, errno, "%s: poll", name);
		}
		if (n > 0 && p[1].revents) {
			open = drain(pipe_fd, output);
		}
		if (n > 0 && p[0].revents) {
			return 0;
		}
		if (deadline_check(dl, name, err) < 0) {
			return -1;
		}
	}
}

static int exit_code_of(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

int spawn_run(const struct spawn *what, const struct deadline *dl, struct spawn_result *ret,
	struct err *err)
{
	const char *name = what->argv[0];
	_cleanup_strbuf_ struct strbuf output = sb_init(SPAWN_OUTPUT_MAX);
	int pipes[2];
	siginfo_t info = {0};
	pid_t pid;

	*ret = (struct spawn_result){.exit_code = -1};
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		return err_errno(err, errno, "%s: pipe", name);
	}
	_cleanup_close_ int out = pipes[0];
	(void)fcntl(out, F_SETFL, O_NONBLOCK);
	int rc = start(what, pipes[1], &pid);
	(void)close(pipes[1]);
	if (rc != 0) {
		return err_errno(err, rc, "%s: cannot start", name);
	}
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int result = pidfd < 0 ? err_errno(err, errno, "%s: pidfd", name)
			       : wait_end(name, pidfd, out, &output, dl, err);
	if (result < 0) {
		struct pollfd gone = {.fd = pidfd, .events = POLLIN};
		(void)kill(-pid, SIGKILL);
		if (poll(&gone, 1, SPAWN_REAP_MS) != 1) {
			ret->stuck = true;
			ret->stuck_pid = pid;
			return -1;
		}
	}
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
	/* What it left in the pipe; its end, too, unless a grandchild holds it. */
	struct pollfd last = {.fd = out, .events = POLLIN};
	int64_t until = clock_ms() + LAST_OUTPUT_MS;
	while (clock_ms() < until && poll(&last, 1, (int)(until - clock_ms())) == 1 &&
		drain(out, &output)) {
	}
	ret->exit_code = exit_code_of(&info);
	if (sb_take(&output, name, &ret->output, result < 0 ? NULL : err) < 0) {
		return -1;
	}
	return result;
}

bool spawn_gone(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

void spawn_result_done(struct spawn_result *result)
{
	free(result->output);
	result->output = NULL;
}
