/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper process: a loop that takes a call from a socket and forks. Every call has a socket
 * pair of its own, over which the child sends its pidfd first and its answer second.
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

/* In the child: find the verb, run it, answer, end. */
static _Noreturn void child_main(
	const struct helper_verb *verbs, size_t n, char *args, size_t len, const int fds[2])
{
	static struct answer answer;
	const char *argv[HELPER_ARGS_MAX + 1] = {0};
	struct strbuf out = sb_init(HELPER_OUTPUT_MAX - 1);
	int argc = 0;
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	/* The caller's handle on us comes first: without it, nobody could end a hanging call. */
	if (self < 0 || send_with_fds(fds[0], "p", 1, &self, 1) < 0) {
		_exit(1);
	}
	(void)close(self);
	(void)signal(SIGCHLD, SIG_DFL);
	for (char *p = args; p < args + len && argc < HELPER_ARGS_MAX; p += strlen(p) + 1) {
		argv[argc++] = p;
	}
	answer.result = -1;
	(void)err_set(&answer.err, ERR_INTERNAL, "helper: unknown verb '%s'", argc ? argv[0] : "");
	for (size_t i = 0; i < n && argc; i++) {
		if (streq(verbs[i].name, argv[0])) {
			answer.err = (struct err){0};
			answer.result = verbs[i].run(argc, argv, fds[1], &out, &answer.err);
			break;
		}
	}
	memcpy(answer.out, sb_str(&out), strlen(sb_str(&out)) + 1);
	/* What was lent must be free by the time the caller reads the answer: it may unmount next.
	 */
	if (fds[1] >= 0) {
		(void)close(fds[1]);
	}
	(void)send_with_fds(fds[0], &answer, sizeof(answer), NULL, 0);
	_exit(0);
}

static _Noreturn void helper_main(const struct helper_verb *verbs, size_t n, int control)
{
	static char args[HELPER_ARGS_SIZE];
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
		int fds[2];
		ssize_t len = receive_with_fds(control, args, sizeof(args) - 1, fds);

		if (len <= 0) {
			_exit(0);
		}
		args[len] = '\0';
		if (fds[0] >= 0 && fork() == 0) {
			(void)close(control);
			(void)prctl(PR_SET_NAME, "nvmetcp-call");
			child_main(verbs, n, args, (size_t)len, fds);
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

int helper_call(struct helper *helper, const char *const *argv, int fd, const struct deadline *dl,
	char **ret_out, struct helper_stuck **ret_stuck, struct err *err)
{
	char args[HELPER_ARGS_SIZE];
	size_t len = 0;
	int pair[2];
	char hello;
	int got[2];

	if (ret_stuck) {
		*ret_stuck = NULL;
	}
	if (pack(argv, args, &len, err) < 0) {
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return err_errno(err, errno, "helper %s: socketpair", argv[0]);
	}
	_cleanup_close_ int mine = pair[0];
	int passed[2] = {pair[1], fd};
	int sent = send_with_fds(helper->control, args, len, passed, fd >= 0 ? 2 : 1);
	int saved = errno;
	(void)close(pair[1]);
	if (sent < 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"helper %s: the helper process is gone (%s); restart the plugin", argv[0],
			strerrordesc_np(saved));
	}
	/* The pidfd comes at once: neither the helper process nor the new child has blocked yet. */
	if (receive_with_fds(mine, &hello, 1, got) != 1 || got[0] < 0) {
		return err_set(
			err, ERR_UNAVAILABLE, "helper %s: no child could be started", argv[0]);
	}
	if (deadline_poll(dl, mine, POLLIN, -1, argv[0], err) < 0) {
		give_up(got[0], ret_stuck);
		return -1;
	}
	(void)close(got[0]);
	return take_answer(argv[0], mine, ret_out, err);
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
