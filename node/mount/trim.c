/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of a trim: the call of the helper, and the ioctl in its child.
 */
#include "node/mount/trim.h"

#include "common/base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

int mount_trim(const struct step *in, const struct trim_part *part, struct guard *guard,
	struct trim_done *ret, struct err *err)
{
	const uint64_t numbers[] = {(uint64_t)part->dev, part->start, part->length, part->piece};
	char texts[ARRAY_SIZE(numbers)][24];
	_cleanup_free_ char *answer = NULL;
	struct trim_done done;

	(void)in;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, numbers[i]);
	}
	const char *const argv[] = {
		"trim", part->path, texts[0], texts[1], texts[2], texts[3], NULL};
	if (guard_call(guard, argv, -1, &answer, err) < 0) {
		return -1;
	}
	char *rest = answer;
	const char *bytes = strsep(&rest, " ");
	const char *left = strsep(&rest, " ");
	if (!rest || parse_u64("trim", bytes, 0, UINT64_MAX, &done.bytes, err) < 0 ||
		parse_u64("trim", left, 0, UINT64_MAX, &done.free, err) < 0) {
		return err_set(
			err, ERR_INTERNAL, "%s: trim: the answer is not understood", part->path);
	}
	done.end = streq(rest, "end");
	*ret = done;
	return 0;
}

/* --- in the child --- */

struct trim_job {
	const char *path;
	int fd;
	struct fstrim_range range;
	bool end;
};

static int explain(int errnum, const char *path, struct err *err)
{
	switch (errnum) {
	case EOPNOTSUPP:
	case ENOTTY:
		return err_set(err, ERR_UNIMPLEMENTED,
			"%s: the device does not take back free blocks (no discard), so nothing can be "
			"given back; leave reclaim out, or \"off\", for volumes of this target",
			path);
	default:
		return err_set(err, ERR_UNAVAILABLE, "%s: free blocks were not given back: %s",
			path, strerrordesc_np(errnum));
	}
}

static int step_trim(const struct step *in, void *arg, struct err *err)
{
	struct trim_job *job = arg;
	const uint64_t start = job->range.start;

	(void)in;
	if (ioctl(job->fd, FITRIM, &job->range) == 0) {
		return 0;
	}
	/* So both filesystems say that they end before the range. */
	if (errno == EINVAL && start > 0) {
		job->range.len = 0;
		job->end = true;
		return 0;
	}
	return explain(errno, job->path, err);
}

int verb_trim(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct trim_job job = {.fd = -1};
	struct statvfs fs;
	struct stat st;
	uint64_t dev;
	uint64_t start;
	uint64_t length;
	uint64_t piece;

	(void)fd;
	if (argc != 6) {
		return err_set(err, ERR_INTERNAL, "helper trim: wrong arguments");
	}
	if (parse_u64("device", argv[2], 0, UINT64_MAX, &dev, err) < 0 ||
		parse_u64("start", argv[3], 0, UINT64_MAX, &start, err) < 0 ||
		parse_u64("length", argv[4], 0, UINT64_MAX, &length, err) < 0 ||
		parse_u64("piece", argv[5], 0, UINT64_MAX, &piece, err) < 0) {
		return -1;
	}
	/* Closed before the answer goes out: the caller may unmount as soon as it has it. */
	_cleanup_close_ int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || fstat(folder, &st) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s: cannot be opened to trim it: %s", argv[1],
			strerrordesc_np(errno));
	}
	if (st.st_dev != dev) {
		return err_set(err, ERR_NOT_FOUND, "%s: the volume is not mounted there", argv[1]);
	}
	job.path = argv[1];
	job.fd = folder;
	job.range = (struct fstrim_range){.start = start, .len = length, .minlen = piece};
	if (step_run(&steps, "trim", step_trim, &job, err) < 0) {
		return -1;
	}
	if (fstatvfs(folder, &fs) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s: after a trim: %s", argv[1],
			strerrordesc_np(errno));
	}
	sb_addf(out, "%llu %llu %s", (unsigned long long)job.range.len,
		(unsigned long long)fs.f_bfree * fs.f_frsize, job.end ? "end" : "more");
	return 0;
}
