/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running programs: posix_spawn, a pidfd and the output's pipe watched by one epoll, so that one
 * wait covers the child's end, its output, the deadline and the caller's cancel.
 */
#include "common/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Descriptors for the child are moved above this first, so that no dup2 hits one still needed. */
#define HIGH_FD 10
/* Reads of 4 KiB between two looks at the deadline; more than a full pipe. */
#define DRAIN_ROUNDS 32

struct run {
	const char *name;
	pid_t pid;
	int pidfd;
	int out;    /* read end of the output's pipe, or the file of one that may go on */
	int errors; /* file of stderr, -1: it goes where the output goes */
	int epoll;  /* readable when the pipe or the pidfd is */
	bool goes_on;
	char *output;
	size_t max;
	size_t len;
};

/* What the child gets; -1: none. */
struct lent {
	int out;
	int errors;
	int pass;
	int hold;
};

static char *no_path[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};

/* Our own PATH, as "PATH=...". */
static char *path_variable(void)
{
	for (char **p = environ; p && *p; p++) {
		if (strncmp(*p, "PATH=", 5) == 0) {
			return *p;
		}
	}
	return no_path[0];
}

/* The child's descriptors from 3 on: what it is passed, and what it only keeps. Return: or an
 * errno.
 */
static int set_lent(posix_spawn_file_actions_t *actions, int pass, int hold)
{
	int next = 3;
	int rc = 0;

	if (pass >= 0) {
		rc = posix_spawn_file_actions_adddup2(actions, pass, next++);
	}
	if (hold >= 0) {
		rc = rc ? rc : posix_spawn_file_actions_adddup2(actions, hold, next++);
	}
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(actions, next);
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct lent *lent)
{
	int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	rc = rc ? rc : posix_spawn_file_actions_adddup2(actions, lent->out, 1);
	rc = rc ? rc
		: posix_spawn_file_actions_adddup2(
			  actions, lent->errors >= 0 ? lent->errors : lent->out, 2);
	return rc ? rc : set_lent(actions, lent->pass, lent->hold);
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	int rc = posix_spawnattr_setflags(
		attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = rc ? rc : posix_spawnattr_setsigmask(attr, &none);
	rc = rc ? rc : posix_spawnattr_setsigdefault(attr, &all);
	return rc ? rc : posix_spawnattr_setpgroup(attr, 0);
}

/* posix_spawn with everything set. Return: 0, or an errno. */
static int start(const struct spawn *what, const struct lent *lent, pid_t *ret_pid)
{
	char language[] = "LANG=C";
	char *env[] = {path_variable(), language, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;

	int rc = posix_spawn_file_actions_init(&actions);
	if (rc) {
		return rc;
	}
	rc = posix_spawnattr_init(&attr);
	if (rc == 0) {
		rc = set_actions(&actions, lent);
		rc = rc ? rc : set_attributes(&attr);
		/* The argument vector is not written to; its type is of old. */
		rc = rc ? rc
			: posix_spawnp(ret_pid, what->argv[0], &actions, &attr,
				  (char *const *)what->argv, env);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Take what the pipe has now, but not for ever from one that is filled all the time. Return: false
 * at its end. */
static bool drain(struct run *run)
{
	char chunk[4096];

	for (int i = 0; i < DRAIN_ROUNDS; i++) {
		ssize_t n = read(run->out, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN;
		}
		if (n == 0) {
			return false;
		}
		size_t kept = MIN((size_t)n, run->max - run->len);
		/* Without NULs, so that it can be read as a string to its end. */
		for (size_t k = 0; k < kept; k++) {
			run->output[run->len + k] = chunk[k] ? chunk[k] : '?';
		}
		run->len += kept;
	}
	return true;
}

/* A file in memory, of a size that stays. */
static int open_memory(const struct run *run, size_t size, int *ret_fd, struct err *err)
{
	*ret_fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*ret_fd < 0 || ftruncate(*ret_fd, (off_t)size) < 0 ||
		fcntl(*ret_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		(void)err_errno(err, errno, "%s: file for its output", run->name);
		return -1;
	}
	return 0;
}

/* Nobody reads the pipe of a child that goes on without us, and it would end of that; so its output
 * is a file. */
static int open_file(struct run *run, int *ret_low, struct err *err)
{
	if (open_memory(run, run->max, &run->out, err) < 0) {
		return -1;
	}
	*ret_low = dup(run->out);
	return *ret_low < 0 ? err_errno(err, errno, "%s: file for its output", run->name) : 0;
}

static int open_pipe(struct run *run, int *ret_low, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return err_errno(err, errno, "%s: pipe", run->name);
	}
	run->out = fds[0];
	*ret_low = fds[1];
	return fcntl(run->out, F_SETFL, O_NONBLOCK) < 0
		       ? err_errno(err, errno, "%s: pipe", run->name)
		       : 0;
}

/* What is in the file: all up to the first NUL, which it is filled with. */
static void read_file(struct run *run)
{
	ssize_t n = pread(run->out, run->output, run->max, 0);

	run->len = n > 0 ? strnlen(run->output, (size_t)n) : 0;
}

/* The same for stderr; without memory there is none. */
static void read_errors(const struct run *run, struct spawn_result *ret)
{
	if (run->errors >= 0) {
		ret->errors = calloc(1, SPAWN_ERRORS_MAX + 1);
		if (ret->errors && pread(run->errors, ret->errors, SPAWN_ERRORS_MAX, 0) < 0) {
			ret->errors[0] = '\0';
		}
	}
}

static bool ended(int pidfd)
{
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static int watch(const struct run *run, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->pidfd, &event) < 0 ||
		(!run->goes_on && epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->out, &event) < 0)) {
		return err_errno(err, errno, "%s: epoll", run->name);
	}
	return 0;
}

/* Until the child has ended. What still holds the pipe then, as a grandchild, is not waited for. */
static int wait_end(struct run *run, const struct deadline *dl, struct err *err)
{
	bool open = !run->goes_on;

	while (!ended(run->pidfd)) {
		if (deadline_poll(dl, run->epoll, POLLIN, -1, run->name, err) < 0) {
			return -1;
		}
		if (open && !drain(run)) {
			/* An ended pipe stays readable for ever and would make this loop spin. */
			(void)epoll_ctl(run->epoll, EPOLL_CTL_DEL, run->out, NULL);
			open = false;
		}
	}
	if (run->goes_on) {
		read_file(run);
	} else if (open) {
		(void)drain(run);
	}
	return 0;
}

/* Take the ended child's status. */
static void reap(const struct run *run, struct spawn_result *ret)
{
	int status = 0;

	while (waitpid(run->pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return;
		}
	}
	ret->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Kill the child and all of its group; it is reaped, or stuck in the kernel. Or let it go on. */
static void give_up(struct run *run, struct spawn_result *ret)
{
	struct deadline dl = deadline_in(SPAWN_REAP_MS);

	if (run->goes_on) {
		ret->stuck = true;
		ret->stuck_pid = run->pid;
		return;
	}
	(void)kill(-run->pid, SIGKILL);
	(void)drain(run);
	if (run->pidfd < 0 || deadline_poll(&dl, run->pidfd, POLLIN, -1, run->name, NULL) == 1) {
		reap(run, ret);
		(void)drain(run);
		return;
	}
	ret->stuck = true;
	ret->stuck_pid = run->pid;
}

static int run_child(struct run *run, const struct spawn *what, const struct deadline *dl,
	struct spawn_result *ret, struct err *err)
{
	_cleanup_close_ int low = -1;

	if ((what->goes_on ? open_file(run, &low, err) : open_pipe(run, &low, err)) < 0 ||
		(what->apart && open_memory(run, SPAWN_ERRORS_MAX, &run->errors, err) < 0)) {
		return -1;
	}
	_cleanup_close_ int out = fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
	_cleanup_close_ int pass =
		what->pass_fd >= 0 ? fcntl(what->pass_fd, F_DUPFD_CLOEXEC, HIGH_FD) : -1;
	_cleanup_close_ int hold =
		what->hold_fd > 0 ? fcntl(what->hold_fd, F_DUPFD_CLOEXEC, HIGH_FD) : -1;
	_cleanup_close_ int errors =
		run->errors >= 0 ? fcntl(run->errors, F_DUPFD_CLOEXEC, HIGH_FD) : -1;
	if (out < 0 || (what->pass_fd >= 0 && pass < 0) || (what->hold_fd > 0 && hold < 0) ||
		(run->errors >= 0 && errors < 0)) {
		return err_errno(err, errno, "%s: prepare its descriptors", run->name);
	}
	const struct lent lent = {out, errors, pass, hold};
	int rc = start(what, &lent, &run->pid);
	if (rc) {
		return err_errno(err, rc, "%s: start", run->name);
	}
	/* Our own copies of the write end would keep the pipe from ending. */
	(void)close(TAKE_FD(low));
	(void)close(TAKE_FD(out));
	run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	if (run->pidfd < 0) {
		(void)err_errno(err, errno, "%s: pidfd_open", run->name);
		give_up(run, ret);
		return -1;
	}
	if (watch(run, err) < 0 || wait_end(run, dl, err) < 0) {
		give_up(run, ret);
		return -1;
	}
	reap(run, ret);
	return 0;
}

int spawn_run(const struct spawn *what, const struct deadline *dl, struct spawn_result *ret,
	struct err *err)
{
	struct run run = {.name = what->argv[0],
		.pid = -1,
		.pidfd = -1,
		.out = -1,
		.errors = -1,
		.max = what->output_max ? what->output_max : SPAWN_OUTPUT_MAX,
		.goes_on = what->goes_on};

	*ret = (struct spawn_result){.exit_code = -1, .stuck_pid = -1};
	run.output = malloc(run.max + 1);
	if (!run.output) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", run.name);
	}
	if (deadline_check(dl, run.name, err) < 0) {
		run.output[0] = '\0';
		ret->output = run.output;
		return -1;
	}
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	int result = run.epoll < 0 ? err_errno(err, errno, "%s: epoll", run.name)
				   : run_child(&run, what, dl, ret, err);
	read_errors(&run, ret);
	base_closep(&run.errors);
	base_closep(&run.epoll);
	base_closep(&run.pidfd);
	base_closep(&run.out);
	run.output[run.len] = '\0';
	ret->output = realloc(run.output, run.len + 1);
	if (!ret->output) {
		ret->output = run.output; /* could not be made smaller: keep it as it is */
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
	free(result->errors);
	result->output = NULL;
	result->errors = NULL;
}
