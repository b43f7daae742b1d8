/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel behind the helper's verbs: connects and deletes change the /sys of a fixture. What the
 * test and the children tell each other is in one shared page.
 */
#pragma once

#include "common/base/fdpass.h"
#include "common/base/step.h"
#include "node/nvme/fab_verbs.h"
#include "node/nvme/fabrics.h"
#include "test/unit/node/nvme/fixture.h"

#include <sys/mman.h>

#define KERNEL_OPTIONS                                                                             \
	"instance=-1,cntlid=-1,nqn=%s,transport=%s,traddr=%s,trsvcid=%s,hostnqn=%s,hostid=%s,"     \
	"nr_io_queues=%d,nr_write_queues=%d,queue_size=%d,keep_alive_tmo=%d,reconnect_delay=%d,"   \
	"ctrl_loss_tmo=%d,fast_io_fail_tmo=%d,tos=%d,hdr_digest,data_digest\n"

/* What the test tells the children and hears from them: one shared page. */
struct kernel_page {
	char root[64]; /* of the fixture */
	char options[1000];
	char string[1000]; /* the last connection string */
	int connects;
	int deletes;
	int errnum;	       /* connects fail with it */
	int hang;	       /* connects do not return */
	int keep;	       /* deletes leave the controllers where they are */
	char descriptors[200]; /* what head-open answers */
	char disk[64];	       /* what it opens, below root; "": a memfd of disk_size */
	long disk_size;
	int fail_open;
};

static struct kernel_page *kernel;
static struct helper *kernel_helper;

static inline int kernel_verb_options(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)fd;
	(void)err;
	sb_add(out, kernel->options);
	return 0;
}

static inline void kernel_part(const char *key, char *out, size_t size)
{
	const char *at = strstr(kernel->string, key);

	out[0] = '\0';
	if (at) {
		at += strlen(key);
		(void)snprintf(out, size, "%.*s", (int)strcspn(at, ","), at);
	}
}

static inline void kernel_put(int dirfd, const char *name, const char *value)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0) {
		(void)dprintf(fd, "%s\n", value);
	}
}

static inline int kernel_verb_connect(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	char path[200];
	char value[300];
	char part[200];

	(void)argc;
	(void)fd;
	(void)snprintf(kernel->string, sizeof(kernel->string), "%s", argv[1]);
	int number = 100 + kernel->connects++;
	while (kernel->hang) {
		(void)pause();
	}
	if (kernel->errnum) {
		sb_addf(out, "errno=%d", kernel->errnum);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/sys/class/nvme/nvme%d", kernel->root, number);
	if (dir_make(AT_FDCWD, path, 0755, err) < 0) {
		return -1;
	}
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const copied[][2] = {
		{"hostnqn=", "hostnqn"}, {"hostid=", "hostid"}, {"transport=", "transport"}};
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		kernel_part(copied[i][0], part, sizeof(part));
		kernel_put(dir, copied[i][1], part);
	}
	kernel_part("traddr=", part, sizeof(part));
	int n = snprintf(value, sizeof(value), "traddr=%s", part);
	kernel_part("trsvcid=", part, sizeof(part));
	(void)snprintf(value + n, sizeof(value) - (size_t)n, ",trsvcid=%s", part);
	kernel_put(dir, "address", value);
	kernel_put(dir, "state", "live");
	kernel_put(dir, "cntlid", "1");
	kernel_part("nqn=", part, sizeof(part));
	/* Last: from here on it is seen. */
	kernel_put(dir, "subsysnqn", part);
	sb_addf(out, "instance=%d,cntlid=1\n", number);
	return 0;
}

static inline int kernel_verb_delete(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	_cleanup_free_ char *names = strdup(argv[4]);
	char *rest = names;
	char *name;
	char path[256];

	(void)argc;
	(void)fd;
	(void)err;
	kernel->deletes++;
	while (!kernel->keep && (name = strsep(&rest, ","))) {
		(void)snprintf(
			path, sizeof(path), "%s/sys/class/nvme/%s/subsysnqn", kernel->root, name);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/sys/class/nvme-subsystem/nvme-subsys0/%s",
			kernel->root, name);
		(void)unlink(path);
		sb_addf(out, "%s=0,", name);
	}
	return 0;
}

static inline int kernel_verb_open(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	char path[256];
	int dirs[2];

	(void)argc;
	(void)argv;
	if (fdpass_receive(fd, dirs, 2, err) < 0) {
		return -1;
	}
	if (kernel->fail_open) {
		return err_set(err, ERR_UNAVAILABLE, "%s: open: made to fail", argv[1]);
	}
	int disk = memfd_create("disk", MFD_CLOEXEC);
	if (kernel->disk[0]) {
		(void)snprintf(path, sizeof(path), "%s/%s", kernel->root, kernel->disk);
		disk = open(path, O_RDONLY | O_CLOEXEC);
	} else if (ftruncate(disk, kernel->disk_size) < 0) {
		return err_set(err, ERR_INTERNAL, "memfd");
	}
	sb_add(out, kernel->descriptors);
	return fdpass_send(fd, &disk, 1, err);
}

static inline int kernel_start(void **state)
{
	static const struct helper_verb verbs[] = {
		{VERB_OPTIONS, kernel_verb_options},
		{VERB_CONNECT, kernel_verb_connect},
		{VERB_DELETE, kernel_verb_delete},
		{VERB_HEAD_OPEN, kernel_verb_open},
	};
	struct err err = {0};

	(void)state;
	kernel = mmap(
		NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kernel == MAP_FAILED) {
		return -1;
	}
	return helper_start(verbs, ARRAY_SIZE(verbs), &kernel_helper, &err);
}

static inline int kernel_stop(void **state)
{
	(void)state;
	helper_stop(kernel_helper);
	return munmap(kernel, sizeof(*kernel));
}

/* kernel_use - from now on the kernel has fixture @f; its modules are there. */
static inline void kernel_use(const struct fixture *f)
{
	struct err err = {0};

	*kernel = (struct kernel_page){0};
	(void)snprintf(kernel->root, sizeof(kernel->root), "%s", f->root);
	(void)snprintf(kernel->options, sizeof(kernel->options), "%s", KERNEL_OPTIONS);
	assert_int_equal(dir_make(f->sysfs, "module/nvme_tcp", 0755, &err), 0);
	_cleanup_close_ int fd =
		openat(f->host.dev, "nvme-fabrics", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
}

static inline struct guard kernel_guard(int64_t ms)
{
	return (struct guard){.helper = kernel_helper, .dl = deadline_in(ms)};
}

static const struct portal portal_1 UNUSED = {.addr = "10.0.0.5", .port = 4420};
static const struct portal portal_2 UNUSED = {.addr = "fd00::5", .port = 4421, .v6 = true};
