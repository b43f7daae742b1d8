/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper process: a loop that takes a socket from a socket and forks. Every call has a socket
 * pair of its own, over which the child sends its pidfd first and its answer last; in between it
 * gets its arguments and what is lent to it. So the helper process itself never holds a descriptor
 * of a device, whose close could hang.
 */
#include "common/base/helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct helper {
	int control;
	pid_t pid;
	int pidfd;
};

struct helper_stuck {
	int pidfd;
};

/* What a child says at its end; the text follows. */
struct answer {
	int32_t result;
	struct err err;
	char out[HELPER_OUTPUT_MAX];
};

static int send_with_fds(int sock, const void *data, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Receive one message; descriptors that came along go to @fds (-1 where none). Return: length. */
static ssize_t receive_with_fds(int sock, void *data, size_t size, int fds[2])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	ssize_t len;

	fds[0] = fds[1] = -1;
	do {
		len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0) {
		return -1;
	}
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), MIN(n, (size_t)2) * sizeof(int));
	}
	return len;
}

/* What comes before the arguments of a call. */
struct lending {
	bool fd;
	bool hold;
	bool take; /* the caller says when it has closed its own copy */
};

struct call {
	struct lending lending;
	char args[HELPER_ARGS_SIZE];
	size_t len; /* of args */
	int fd;
	int hold;
};

/* In the child: the call, and what it was lent. Return: false when the caller is gone. */
static bool receive_call(int sock, struct call *call)
{
	static char message[sizeof(struct lending) + HELPER_ARGS_SIZE];
	int fds[2];
	ssize_t len = receive_with_fds(sock, message, sizeof(message) - 1, fds);
	char gone;

	if (len < (ssize_t)sizeof(call->lending)) {
		return false;
	}
	memcpy(&call->lending, message, sizeof(call->lending));
	call->len = (size_t)len - sizeof(call->lending);
	memcpy(call->args, message + sizeof(call->lending), call->len);
	call->args[call->len] = '\0';
	call->fd = call->lending.fd ? fds[0] : -1;
	call->hold = call->lending.hold ? fds[call->lending.fd ? 1 : 0] : -1;
	if (call->lending.take) {
		int none[2];
		/* Its end closes its copy, too. */
		(void)receive_with_fds(sock, &gone, 1, none);
	}
	return true;
}

static int verb_close(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)fd;
	(void)out;
	(void)err;
	return 0;
}

static const struct helper_verb *find_verb(
	const struct helper_verb *verbs, size_t n, const char *name)
{
	static const struct helper_verb own = {HELPER_CLOSE, verb_close};

	for (size_t i = 0; i < n; i++) {
		if (streq(verbs[i].name, name)) {
			return &verbs[i];
		}
	}
	return streq(name, own.name) ? &own : NULL;
}

/* In the child: find the verb, run it, answer, end. */
static _Noreturn void child_main(const struct helper_verb *verbs, size_t n, int sock)
{
	static struct answer answer;
	static struct call call;
	const char *argv[HELPER_ARGS_MAX + 1] = {0};
	struct strbuf out = sb_init(HELPER_OUTPUT_MAX - 1);
	int argc = 0;
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	/* The caller's handle on us comes first: without it, nobody could end a hanging call. */
	if (self < 0 || send_with_fds(sock, "p", 1, &self, 1) < 0) {
		_exit(1);
	}
	(void)close(self);
	(void)signal(SIGCHLD, SIG_DFL);
	if (!receive_call(sock, &call)) {
		_exit(1);
	}
	for (char *p = call.args; p < call.args + call.len && argc < HELPER_ARGS_MAX;
		p += strlen(p) + 1) {
		argv[argc++] = p;
	}
	const struct helper_verb *verb = find_verb(verbs, n, argc ? argv[0] : "");
	if (verb) {
		answer.result = verb->run(argc, argv, call.fd, &out, &answer.err);
	} else {
		answer.result = err_set(&answer.err, ERR_INTERNAL, "helper: unknown verb '%s'",
			argc ? argv[0] : "");
	}
	memcpy(answer.out, sb_str(&out), strlen(sb_str(&out)) + 1);
	/* What was lent must be free by the time the caller reads the answer: it may unmount next.
	 * The lock goes last, since the close before may hang. */
	base_closep(&call.fd);
	base_closep(&call.hold);
	(void)send_with_fds(sock, &answer, sizeof(answer), NULL, 0);
	_exit(0);
}

static _Noreturn void helper_main(const struct helper_verb *verbs, size_t n, int control)
{
	sigset_t none;

	(void)prctl(PR_SET_NAME, "nvmetcp-helper");
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	/* The program is told to stop by its own process; the helper ends when that one has ended.
	 */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	/* Ended children leave no zombies; their pidfds tell of their end all the same. */
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		char begin;
		int fds[2];

		if (receive_with_fds(control, &begin, 1, fds) <= 0) {
			_exit(0);
		}
		if (fds[0] >= 0 && fork() == 0) {
			(void)close(control);
			(void)prctl(PR_SET_NAME, "nvmetcp-call");
			child_main(verbs, n, fds[0]);
		}
		for (int i = 0; i < 2; i++) {
			if (fds[i] >= 0) {
				(void)close(fds[i]);
			}
		}
	}
}

int helper_start(
	const struct helper_verb *verbs, size_t n, struct helper **ret_helper, struct err *err)
{
	int pair[2];
	struct helper *helper = calloc(1, sizeof(*helper));

	if (!helper) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "helper: out of memory");
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(helper);
		return err_errno(err, errno, "helper: socketpair");
	}
	helper->control = pair[0];
	helper->pid = fork();
	if (helper->pid == 0) {
		(void)close(pair[0]);
		helper_main(verbs, n, pair[1]);
	}
	(void)close(pair[1]);
	if (helper->pid < 0) {
		int saved = errno;
		(void)close(pair[0]);
		free(helper);
		return err_errno(err, saved, "helper: fork");
	}
	/* It stays a zombie until helper_stop(), so the number is still its own. */
	helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
	if (helper->pidfd < 0) {
		int saved = errno;
		(void)close(pair[0]);
		(void)waitpid(helper->pid, NULL, 0);
		free(helper);
		return err_errno(err, saved, "helper: pidfd_open");
	}
	*ret_helper = helper;
	return 0;
}

int helper_pidfd(const struct helper *helper)
{
	return helper->pidfd;
}

bool helper_gone(const struct helper *helper)
{
	struct pollfd gone = {.fd = helper ? helper->pidfd : -1, .events = POLLIN};

	return helper && poll(&gone, 1, 0) == 1;
}

void helper_stop(struct helper *helper)
{
	if (!helper) {
		return;
	}
	(void)close(helper->control);
	(void)waitpid(helper->pid, NULL, 0);
	(void)close(helper->pidfd);
	free(helper);
}

/* Kill a child that is too late; tell when it cannot be killed. Takes @pidfd. */
static void give_up(int pidfd, struct helper_stuck **ret_stuck)
{
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};

	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (poll(&gone, 1, HELPER_REAP_MS) != 1 && ret_stuck) {
		struct helper_stuck *stuck = calloc(1, sizeof(*stuck));
		if (stuck) {
			stuck->pidfd = pidfd;
			*ret_stuck = stuck;
			return;
		}
	}
	(void)close(pidfd);
}

static int pack(const char *const *argv, char *args, size_t *ret_len, struct err *err)
{
	size_t len = 0;

	for (int i = 0; argv[i]; i++) {
		size_t n = strlen(argv[i]) + 1;
		if (i >= HELPER_ARGS_MAX || len + n > HELPER_ARGS_SIZE - 1) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"helper %s: more than %d arguments or %d bytes of them", argv[0],
				HELPER_ARGS_MAX, HELPER_ARGS_SIZE);
		}
		memcpy(args + len, argv[i], n);
		len += n;
	}
	*ret_len = len;
	return 0;
}

static int take_answer(const char *verb, int sock, char **ret_out, struct err *err)
{
	_cleanup_free_ struct answer *answer = calloc(1, sizeof(*answer));
	int fds[2];

	if (!answer) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "helper %s: out of memory", verb);
	}
	if (receive_with_fds(sock, answer, sizeof(*answer), fds) != (ssize_t)sizeof(*answer)) {
		return err_set(err, ERR_UNAVAILABLE,
			"helper %s: ended without an answer, so its outcome is unknown; retry",
			verb);
	}
	if (answer->result < 0) {
		return err_set(err, answer->err.code, "%s", answer->err.msg);
	}
	if (ret_out) {
		*ret_out = strdup(answer->out);
		if (!*ret_out) {
			return err_set(
				err, ERR_RESOURCE_EXHAUSTED, "helper %s: out of memory", verb);
		}
	}
	return 0;
}

/* Begin a child; @ret_sock is the caller's end of its socket. Return: its pidfd, or -1. */
static int begin(struct helper *helper, const char *verb, int *ret_sock, struct err *err)
{
	int pair[2];
	char hello;
	int got[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return err_errno(err, errno, "helper %s: socketpair", verb);
	}
	_cleanup_close_ int mine = pair[0];
	int sent = send_with_fds(helper->control, "b", 1, &pair[1], 1);
	int saved = errno;
	(void)close(pair[1]);
	if (sent < 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"helper %s: the helper process is gone (%s); restart the plugin", verb,
			strerrordesc_np(saved));
	}
	/* The pidfd comes at once: neither the helper process nor the new child has blocked yet. */
	if (receive_with_fds(mine, &hello, 1, got) != 1 || got[0] < 0) {
		return err_set(err, ERR_UNAVAILABLE, "helper %s: no child could be started", verb);
	}
	*ret_sock = TAKE_FD(mine);
	return got[0];
}

/* Give the child its arguments and what is lent to it. */
static int lend(int sock, const char *const *argv, const struct helper_lent *lent, struct err *err)
{
	char message[sizeof(struct lending) + HELPER_ARGS_SIZE];
	const struct lending lending = {
		.fd = lent->fd > 0, .hold = lent->hold > 0, .take = lent->take && lent->fd > 0};
	int fds[2];
	size_t n = 0;
	size_t len = 0;

	memcpy(message, &lending, sizeof(lending));
	if (pack(argv, message + sizeof(lending), &len, err) < 0) {
		return -1;
	}
	if (lending.fd) {
		fds[n++] = lent->fd;
	}
	if (lending.hold) {
		fds[n++] = lent->hold;
	}
	return send_with_fds(sock, message, sizeof(lending) + len, fds, n) < 0
		       ? err_errno(err, errno, "helper %s: its arguments", argv[0])
		       : 0;
}

int helper_run(struct helper *helper, const char *const *argv, const struct helper_lent *lent,
	const struct deadline *dl, char **ret_out, struct helper_stuck **ret_stuck, struct err *err)
{
	_cleanup_close_ int mine = -1;

	if (ret_stuck) {
		*ret_stuck = NULL;
	}
	int pidfd = begin(helper, argv[0], &mine, err);
	if (pidfd < 0 || mine < 0) {
		return -1;
	}
	if (lend(mine, argv, lent, err) < 0) {
		give_up(pidfd, ret_stuck);
		return -1;
	}
	if (lent->take && lent->fd > 0) {
		/* The child has it: this close is not the last one. */
		(void)close(lent->fd);
		(void)send_with_fds(mine, "c", 1, NULL, 0);
	}
	if (deadline_poll(dl, mine, POLLIN, -1, argv[0], err) < 0) {
		give_up(pidfd, ret_stuck);
		return -1;
	}
	(void)close(pidfd);
	return take_answer(argv[0], mine, ret_out, err);
}

int helper_call(struct helper *helper, const char *const *argv, int fd, const struct deadline *dl,
	char **ret_out, struct helper_stuck **ret_stuck, struct err *err)
{
	return helper_run(
		helper, argv, &(struct helper_lent){.fd = fd}, dl, ret_out, ret_stuck, err);
}

bool helper_stuck_gone(struct helper_stuck *stuck)
{
	struct pollfd gone = {.fd = stuck->pidfd, .events = POLLIN};

	if (poll(&gone, 1, 0) != 1) {
		return false;
	}
	(void)close(stuck->pidfd);
	free(stuck);
	return true;
}

void helper_stuck_forget(struct helper_stuck *stuck)
{
	(void)close(stuck->pidfd);
	free(stuck);
}
