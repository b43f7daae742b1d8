/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device mapper's control device, and the status lines of dm-thin (drivers/md/dm-thin.c).
 */
#include "target/store/dm.h"

#include "common/base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define CONTROL "/dev/" DM_DIR "/" DM_CONTROL_NODE
#define SECTOR INT64_C(512)
/** Blocks of a thin pool's metadata device. */
#define META_BLOCK INT64_C(4096)
#define WORDS_MAX 24

/* The request, and room behind it for the target's line. */
union request {
	struct dm_ioctl head;
	char room[2048];
};

static int take_target(const union request *request, struct dm_device *ret)
{
	struct dm_target_spec target;
	size_t at = request->head.data_start;

	if (request->head.target_count != 1 || at + sizeof(target) >= sizeof(request->room)) {
		errno = EPROTO;
		return -1;
	}
	memcpy(&target, request->room + at, sizeof(target));
	ret->size = (int64_t)target.length * SECTOR;
	(void)snprintf(ret->target, sizeof(ret->target), "%.*s",
		(int)MIN(sizeof(target.target_type), sizeof(ret->target) - 1), target.target_type);
	(void)snprintf(ret->status, sizeof(ret->status), "%.*s",
		(int)(sizeof(request->room) - at - sizeof(target) - 1),
		request->room + at + sizeof(target));
	return 0;
}

static int dm_device(const char *name, struct dm_device *ret)
{
	_cleanup_close_ int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	/* Without a flush: a question must not wait for the pool to write its metadata. */
	union request request = {.head = {.version = {DM_VERSION_MAJOR, 0, 0},
					 .data_size = sizeof(request),
					 .data_start = sizeof(struct dm_ioctl),
					 .flags = DM_NOFLUSH_FLAG}};

	if (fd < 0) {
		/* Without the module there is no device either. */
		errno = errno == ENOENT || errno == ENODEV ? ENXIO : errno;
		return -1;
	}
	if (strlen(name) >= sizeof(request.head.name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(request.head.name, name, strlen(name) + 1);
	if (ioctl(fd, DM_TABLE_STATUS, &request) < 0) {
		return -1;
	}
	*ret = (struct dm_device){
		.number = makedev(major(request.head.dev), minor(request.head.dev)),
		.suspended = (request.head.flags & DM_SUSPEND_FLAG) != 0,
	};
	(void)snprintf(ret->uuid, sizeof(ret->uuid), "%.*s", (int)sizeof(ret->uuid) - 1,
		request.head.uuid);
	return take_target(&request, ret);
}

const struct dm_ops dm_linux = {.device = dm_device};

static int not_understood(const char *what, const char *status, struct err *err)
{
	char shown[DM_DEVICE_STATUS_SIZE + 16];

	return err_set(err, ERR_UNAVAILABLE, "%s: its status is \"%s\"", what,
		printable(status, shown, sizeof(shown)));
}

/* "12/256" in units of @unit. */
static int parse_pair(const char *text, int64_t unit, int64_t *ret_used, int64_t *ret_size)
{
	const char *slash = strchr(text, '/');
	char first[24];
	uint64_t used;
	uint64_t size;

	if (!slash || (size_t)(slash - text) >= sizeof(first)) {
		return -1;
	}
	(void)snprintf(first, sizeof(first), "%.*s", (int)(slash - text), text);
	if (parse_u64("used", first, 0, (uint64_t)(INT64_MAX / unit), &used, NULL) < 0 ||
		parse_u64("size", slash + 1, 0, (uint64_t)(INT64_MAX / unit), &size, NULL) < 0) {
		return -1;
	}
	*ret_used = (int64_t)used * unit;
	*ret_size = (int64_t)size * unit;
	return 0;
}

/*
 * "<transaction> <used>/<total metadata blocks> <used>/<total data chunks> <held root> <mode>
 * <discards> <when full> <needs_check> <watermark>", or "Fail", or "Error".
 */
int dm_pool_parse(const char *status, int64_t chunk, struct dm_pool *ret, struct err *err)
{
	char copy[DM_DEVICE_STATUS_SIZE];
	char *words[WORDS_MAX] = {NULL};
	char *rest = copy;
	size_t n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", status);
	for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));) {
		if (*word) {
			words[n++] = word;
		}
	}
	*ret = (struct dm_pool){0};
	if (n < 7 || parse_pair(words[1], META_BLOCK, &ret->meta_used, &ret->meta_size) < 0 ||
		parse_pair(words[2], chunk, &ret->data_used, &ret->data_size) < 0) {
		return not_understood("thin pool", status, err);
	}
	for (size_t i = 4; i < n; i++) {
		ret->full = ret->full || streq(words[i], "out_of_data_space");
		ret->read_only =
			ret->read_only || streq(words[i], "ro") || streq(words[i], "needs_check");
	}
	return 0;
}

/* "<mapped sectors> <highest mapped sector>", "-" for what is not there, or "Fail", or "Error". */
int dm_thin_parse(const char *status, int64_t *ret_bytes, struct err *err)
{
	char first[24];
	uint64_t sectors;

	(void)snprintf(
		first, sizeof(first), "%.*s", (int)MIN(strcspn(status, " "), (size_t)23), status);
	if (parse_u64("mapped", first, 0, (uint64_t)(INT64_MAX / SECTOR), &sectors, NULL) < 0) {
		return not_understood("thin volume", status, err);
	}
	*ret_bytes = (int64_t)sectors * SECTOR;
	return 0;
}
