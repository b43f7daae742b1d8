/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocking halves of connect and disconnect, in a process of their own each. They look at
 * nothing but their arguments and may be killed at any point.
 */
#include "node/nvme/fab_verbs.h"

#include "common/base/fileio.h"
#include "common/base/step.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/subsys_read.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#define FABRICS "nvme-fabrics"
/* Longest answer of /dev/nvme-fabrics: it is at most a page. */
#define FABRICS_ANSWER 4000

/* Most controllers in one call. */
#define DELETE_MAX 64

const struct helper_verb *fab_verbs(size_t *ret_n)
{
	static const struct helper_verb verbs[] = {
		{VERB_OPTIONS, verb_options},
		{VERB_CONNECT, verb_connect},
		{VERB_DELETE, verb_delete},
		{VERB_HEAD_OPEN, verb_head_open},
		{VERB_HEAD_HELD, verb_head_held},
	};

	*ret_n = ARRAY_SIZE(verbs);
	return verbs;
}

static int read_answer(int fd, struct strbuf *out, struct err *err)
{
	char text[FABRICS_ANSWER];
	ssize_t n = read(fd, text, sizeof(text));

	if (n < 0) {
		return err_errno(err, errno, "/dev/" FABRICS ": read");
	}
	sb_addn(out, text, (size_t)n);
	return 0;
}

int verb_options(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	_cleanup_close_ int fabrics = openat(fd, FABRICS, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fabrics < 0) {
		return err_errno(err, errno, "/dev/" FABRICS);
	}
	return read_answer(fabrics, out, err);
}

struct connect_job {
	const char *text;
	int dev;
	struct strbuf *out;
};

static int connect_step(const struct step *in, void *arg, struct err *err)
{
	struct connect_job *job = arg;
	size_t n = strlen(job->text);

	(void)in;
	_cleanup_close_ int fabrics = openat(job->dev, FABRICS, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fabrics < 0) {
		return err_errno(err, errno, "/dev/" FABRICS);
	}
	/* One write is one connect: it returns when the controller is live or has failed. */
	ssize_t written = write(fabrics, job->text, n);
	if (written != (ssize_t)n) {
		sb_addf(job->out, "errno=%d", written < 0 ? errno : EIO);
		return 0;
	}
	return read_answer(fabrics, job->out, err);
}

int verb_connect(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};

	if (argc != 2) {
		return err_set(err, ERR_INTERNAL, VERB_CONNECT ": %d arguments", argc);
	}
	struct connect_job job = {.text = argv[1], .dev = fd, .out = out};
	return step_run(&steps, "connect", connect_step, &job, err);
}

struct delete_job {
	const char *name;
	int dirfd; /* of the controller in sysfs */
	int errnum;
	pthread_t thread;
	bool started;
};

struct delete_all {
	struct delete_job jobs[DELETE_MAX];
	size_t n;
};

static int delete_step(const struct step *in, void *arg, struct err *err)
{
	struct delete_job *job = arg;

	(void)in;
	if (attr_write(job->dirfd, "delete_controller", "1", err) < 0) {
		job->errnum = errno;
	}
	return 0;
}

static void *delete_thread(void *arg)
{
	struct delete_job *job = arg;
	struct steps steps = {.operation = "helper"};
	struct err err = {0};

	if (step_run(&steps, "delete-controller", delete_step, job, &err) < 0 && !job->errnum) {
		job->errnum = EIO;
	}
	return NULL;
}

/* The open folder of the controller @name, only if it still is ours and of that subsystem. */
static int open_own_ctrl(int sysfs, const char *name, const char *const *argv)
{
	char nqn[NQN_SIZE + 16];
	struct subsys_ctrl ctrl;
	struct host_identity us;

	(void)snprintf(us.nqn, sizeof(us.nqn), "%s", argv[2]);
	(void)snprintf(us.id, sizeof(us.id), "%s", argv[3]);
	_cleanup_close_ int dirfd = sys_open_dirf(sysfs, "class/nvme/%s", name);
	if (dirfd < 0) {
		return -1;
	}
	sys_attr(dirfd, "subsysnqn", nqn, sizeof(nqn));
	sys_read_ctrl(dirfd, name, &us, &ctrl);
	if (!ctrl.ours || !streq(nqn, argv[1])) {
		return -1;
	}
	return TAKE_FD(dirfd);
}

int verb_delete(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	_cleanup_free_ struct delete_all *all = calloc(1, sizeof(*all));
	_cleanup_free_ char *names = argc == 5 ? strdup(argv[4]) : NULL;
	char *rest = names;
	char *name;

	if (!all || !names) {
		return err_set(
			err, ERR_INTERNAL, VERB_DELETE ": %d arguments, or out of memory", argc);
	}
	while ((name = strsep(&rest, ",")) && all->n < DELETE_MAX) {
		struct delete_job *job = &all->jobs[all->n++];
		job->name = name;
		job->dirfd = sys_is_ctrl(name, NULL) ? open_own_ctrl(fd, name, argv) : -1;
		job->errnum = job->dirfd < 0 ? ENOENT : 0;
	}
	/* All at once: each waits for the kernel to stop its queues, and a dead path waits longest.
	 */
	for (size_t i = 0; i < all->n; i++) {
		struct delete_job *job = &all->jobs[i];
		if (job->dirfd >= 0 && i + 1 < all->n) {
			job->started = pthread_create(&job->thread, NULL, delete_thread, job) == 0;
		}
		if (job->dirfd >= 0 && !job->started) {
			(void)delete_thread(job);
		}
	}
	for (size_t i = 0; i < all->n; i++) {
		struct delete_job *job = &all->jobs[i];
		if (job->started) {
			(void)pthread_join(job->thread, NULL);
		}
		sb_addf(out, "%s%s=%d", i > 0 ? "," : "", job->name, job->errnum);
		if (job->dirfd >= 0) {
			(void)close(job->dirfd);
		}
	}
	return 0;
}
