/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision, and the format that follows it in the same process with the device held
 * exclusively, so that nothing can change in between.
 */
#include "node/block/disk_child.h"

#include "common/base/parse.h"
#include "node/block/blank.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define WHAT_SIZE 256
#define RELEASE                                                                                    \
	"it is not formatted; if its content is not needed, delete the volume and make a new one"

static int take_block(void *arg, uint64_t offset, const uint8_t *data, size_t n, struct err *err)
{
	(void)offset;
	(void)err;
	memcpy(arg, data, MIN(n, (size_t)INTENT_BLOCK));
	return 0;
}

/* Return: 1 with @intent when the device carries one, 0 when not, -1. */
static int read_intent(
	int fd, const struct disk_io *io, uint64_t size, struct intent *intent, struct err *err)
{
	uint8_t block[INTENT_BLOCK] = {0};
	const struct read_range first = {0, INTENT_BLOCK};
	const struct reader_job job = {
		.fd = fd, .io = io, .ranges = &first, .n = 1, .fn = take_block, .arg = block};

	if (size < INTENT_BLOCK) {
		return err_set(err, ERR_UNAVAILABLE,
			"the device shows only %llu bytes; its target may be going away",
			(unsigned long long)size);
	}
	if (reader_run(&job, err) < 0) {
		return -1;
	}
	return intent_decode(block, intent, err);
}

/* An unfinished format of ours stands there: may it be redone? */
static int judge_intent(const struct disk_want *want, const struct intent *intent, struct err *err)
{
	if (memcmp(intent->volume, want->volume, sizeof(intent->volume)) != 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"it carries the unfinished format of another volume, of which it is a copy; " RELEASE);
	}
	if (want->written || want->formatted) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"it carries an unfinished format though %s; " RELEASE,
			want->written ? "its content was restored or cloned"
				      : "this node has recorded that it finished it");
	}
	if (want->read_only) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"it carries an unfinished format and cannot be used read-only; stage it read-write once");
	}
	return 0;
}

/* Nothing was found: may it be formatted, should it turn out to be blank? */
static int judge_nothing(const struct disk_want *want, struct err *err)
{
	if (want->read_only) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"it holds no %s filesystem and cannot be used read-only; stage it read-write once",
			want->fstype);
	}
	if (want->written) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"no filesystem was found though its content was restored, cloned or written before; "
			"it may be damaged or encrypted; " RELEASE);
	}
	if (want->formatted) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"no filesystem was found though this node has formatted it before; it may be "
			"damaged; " RELEASE);
	}
	return 0;
}

/* The last word before a format. */
static int judge_blank(int fd, const struct disk_io *io, uint64_t size, struct err *err)
{
	struct blank_result blank;

	if (blank_check(fd, size, io, &blank, err) < 0) {
		return -1;
	}
	if (!blank.blank) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"no known signature, but there is data at offset %llu; " RELEASE,
			(unsigned long long)blank.found_at);
	}
	return 0;
}

static int judge_probe(
	const struct disk_want *want, const struct probe_result *probe, struct err *err)
{
	char what[WHAT_SIZE];

	if (probe->kind == PROBE_FS && streq(probe->type, want->fstype)) {
		return 0;
	}
	probe_print(probe, what, sizeof(what));
	if (probe->kind == PROBE_FS) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"it holds a filesystem of another type than %s: %s; ask for that type, or delete the "
			"volume and make a new one",
			want->fstype, what);
	}
	return err_set(err, ERR_FAILED_PRECONDITION,
		"it should hold a filesystem of type %s, but holds: %s; " RELEASE, want->fstype,
		what);
}

int disk_inspect_here(int fd, const struct disk_want *want, const struct disk_io *io,
	struct disk_state *ret, struct intent *ret_intent, struct err *err)
{
	struct disk_state state = {.verdict = DISK_USE};
	struct intent intent = {0};

	if (blkdev_geometry_read(fd, &state.geometry, err) < 0) {
		return -1;
	}
	int marked = read_intent(fd, io, state.geometry.size, &intent, err);
	if (marked < 0) {
		return -1;
	}
	int result;
	if (marked > 0) {
		state.verdict = DISK_FORMAT;
		state.redo = true;
		result = judge_intent(want, &intent, err);
	} else {
		result = probe_read(fd, &state.geometry, io, &state.probe, err);
		if (result == 0 && state.probe.kind == PROBE_NONE) {
			state.verdict = DISK_FORMAT;
			result = judge_nothing(want, err);
		} else if (result == 0) {
			result = judge_probe(want, &state.probe, err);
		}
	}
	if (result == 0) {
		*ret = state;
	}
	if (result == 0 && ret_intent) {
		*ret_intent = intent;
	} else {
		intent_done(&intent);
	}
	return result;
}

/* Is the image what was asked for? Options can make an ext4 that everybody else calls ext3. */
static int check_image(const struct format_image *image, const char *fstype, struct err *err)
{
	struct blkdev_geometry geometry;
	struct probe_result made;
	char what[WHAT_SIZE];

	if (blkdev_geometry_read(image->fd, &geometry, err) < 0 ||
		probe_read(image->fd, &geometry, NULL, &made, err) < 0) {
		return -1;
	}
	if (made.kind != PROBE_FS || !streq(made.type, fstype)) {
		probe_print(&made, what, sizeof(what));
		return err_set(err, ERR_INVALID_ARGUMENT,
			"mkfsOptions: with them mkfs.%s makes something else: %s", fstype, what);
	}
	return 0;
}

/* Does the device now begin as the image does? */
static int verify(
	int fd, const struct format_image *image, const struct disk_io *io, struct err *err)
{
	uint8_t want[INTENT_BLOCK];
	uint8_t seen[INTENT_BLOCK] = {0};
	const struct read_range first = {0, INTENT_BLOCK};
	const struct reader_job job = {
		.fd = fd, .io = io, .ranges = &first, .n = 1, .fn = take_block, .arg = seen};

	if (reader_run(&job, err) < 0) {
		return -1;
	}
	if (pread(image->fd, want, sizeof(want), 0) != (ssize_t)sizeof(want) ||
		memcmp(want, seen, sizeof(want)) != 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"format: the device does not show the filesystem that was written; retry");
	}
	return 0;
}

static int make_and_copy(int fd, const struct disk_format_job *job, const struct disk_state *state,
	const struct intent *intent, struct err *err)
{
	const struct disk_want *want = job->want;
	struct format_image image = {.fd = -1};
	struct format_target target = {
		.fd = fd,
		.fstype = want->fstype,
		.redo = state->redo ? intent : NULL,
		.io = job->io,
	};

	memcpy(target.volume, want->volume, sizeof(target.volume));
	if (format_image_make(want->fstype, job->options, &state->geometry, job->dl, &image, err) <
		0) {
		return -1;
	}
	int result = check_image(&image, want->fstype, err);
	if (result == 0) {
		result = format_image_copy(&image, &target, err);
	}
	if (result == 0) {
		result = verify(fd, &image, job->io, err);
	}
	format_image_done(&image);
	return result;
}

int disk_format_here(const struct step *in, const struct disk_format_job *job, struct err *err)
{
	struct intent intent = {0};
	struct disk_state state = {0};
	int result;

	(void)in;
	_cleanup_close_ int fd = reader_open_direct(job->fd, O_RDWR | O_EXCL, err);
	if (fd < 0) {
		return err_wrap(err, "format: hold the device exclusively");
	}
	if (disk_inspect_here(fd, job->want, job->io, &state, &intent, err) < 0) {
		return -1;
	}
	if (state.verdict == DISK_USE) {
		return 0;
	}
	if (state.geometry.read_only) {
		result = err_set(err, ERR_FAILED_PRECONDITION, "format: the device is read-only");
	} else {
		/* What stands beside an unfinished format of ours is that format's. */
		result = state.redo ? 0 : judge_blank(fd, job->io, state.geometry.size, err);
	}
	if (result == 0) {
		result = make_and_copy(fd, job, &state, &intent, err);
	}
	intent_done(&intent);
	return result;
}

int verb_inspect(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct disk_want want;
	struct disk_state state;

	if (argc != 5) {
		return err_set(err, ERR_INTERNAL, VERB_INSPECT ": %d arguments", argc);
	}
	if (disk_want_parse(argv + 1, &want, err) < 0 ||
		disk_inspect_here(fd, &want, NULL, &state, NULL, err) < 0) {
		return -1;
	}
	disk_state_print(&state, out);
	return 0;
}

static int format_step(const struct step *in, void *arg, struct err *err)
{
	return disk_format_here(in, arg, err);
}

int verb_format(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct disk_want want;
	struct mkfs_options options;
	int64_t left;

	(void)out;
	if (argc != 7) {
		return err_set(err, ERR_INTERNAL, VERB_FORMAT ": %d arguments", argc);
	}
	if (disk_want_parse(argv + 1, &want, err) < 0 ||
		mkfs_options_parse("mkfsOptions", want.fstype, argv[5], &options, err) < 0 ||
		parse_i64("deadline", argv[6], 0, INT32_MAX, &left, err) < 0) {
		return -1;
	}
	struct deadline dl = deadline_in(left);
	struct disk_format_job job = {.fd = fd, .want = &want, .options = &options, .dl = &dl};
	return step_run(&steps, "format", format_step, &job, err);
}
