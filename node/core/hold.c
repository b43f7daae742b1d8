/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file an operation: made, locked (flock) and described before its first child exists, removed
 * at its end. A file is only ever removed under its lock, so nobody can wait for the lock of a file
 * that is gone, and what lies there unlocked is of nobody.
 */
#include "node/core/hold.h"

#include "common/base/clock.h"
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FOLDER "busy"
#define TEXT_MAX 512
/* Most that a plugin can leave behind: its workers are fewer. */
#define OLD_MAX 256

static const char *const kind_ends[HOLD_KINDS] = {
	[HOLD_VOLUME] = "", [HOLD_STATISTICS] = ".statistics", [HOLD_RECLAIM] = ".reclaim"};

struct holds {
	int dir;
	int64_t opened_unix;
	pthread_mutex_t lock; /* so that a look at a lock never hinders an operation */
	char old[OLD_MAX][sizeof(((struct hold *)NULL)->name)];
	size_t n_old;
};

/* "<since 1970, ms> <operation> <volume>\n" */
struct text {
	char bytes[TEXT_MAX];
	int64_t since_ms; /* 0: not known */
	const char *operation;
	const char *volume;
};

int holds_open(const char *state_dir, struct holds **ret_holds, struct err *err)
{
	struct holds *holds = calloc(1, sizeof(*holds));

	if (!holds) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", state_dir);
	}
	(void)pthread_mutex_init(&holds->lock, NULL);
	holds->opened_unix = clock_unix_ms();
	_cleanup_close_ int state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	holds->dir = -1;
	if (state < 0) {
		(void)err_errno(err, errno, "%s", state_dir);
	} else if (dir_make(state, FOLDER, 0700, err) == 0) {
		holds->dir = openat(state, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (holds->dir >= 0) {
			*ret_holds = holds;
			return 0;
		}
		(void)err_errno(err, errno, "%s/" FOLDER, state_dir);
	}
	holds_free(holds);
	return -1;
}

void holds_free(struct holds *holds)
{
	if (holds) {
		base_closep(&holds->dir);
		(void)pthread_mutex_destroy(&holds->lock);
		free(holds);
	}
}

static void read_text(int fd, struct text *ret)
{
	ssize_t n = pread(fd, ret->bytes, sizeof(ret->bytes) - 1, 0);
	char *rest = ret->bytes;

	ret->bytes[n > 0 ? n : 0] = '\0';
	ret->bytes[strcspn(ret->bytes, "\n")] = '\0';
	const char *since = strsep(&rest, " ");
	const char *operation = strsep(&rest, " ");
	bool whole = rest && parse_i64("since", since, 1, INT64_MAX, &ret->since_ms, NULL) == 0;
	if (!whole) {
		/* Killed before it was written. */
		ret->since_ms = 0;
	}
	ret->operation = whole ? operation : "not known";
	ret->volume = whole ? rest : "";
}

static int refuse(int fd, enum hold_kind kind, const char *volume, struct err *err)
{
	struct text text;

	read_text(fd, &text);
	int64_t seconds = text.since_ms ? MAX(clock_unix_ms() - text.since_ms, 0) / 1000 : 0;
	return err_set(err, ERR_ABORTED,
		"%svolume %s: a process that this plugin started before its last restart (%s, begun %" PRId64
		" s ago) is not done with it: it hangs in the kernel, as the device or the target does "
		"not answer, or checks a filesystem; it is left alone until it ends; retry",
		kind == HOLD_STATISTICS ? "statistics of " : "", volume, text.operation, seconds);
}

/* Under the lock. Without a file there is no protection over restarts, and that is better than a
 * volume that stays mounted because the state folder is full. */
static int take_locked(struct holds *holds, enum hold_kind kind, const char *volume,
	struct hold *hold, struct err *err)
{
	_cleanup_close_ int fd = openat(
		holds->dir, hold->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		hold->fd = TAKE_FD(fd);
		return 0;
	}
	if (fd >= 0 && errno == EWOULDBLOCK) {
		return refuse(fd, kind, volume, err);
	}
	struct err why = {0};
	(void)err_errno(&why, errno, "state folder: " FOLDER "/%s", hold->name);
	LOG_WARNING("who is at work on a volume cannot be kept; going on",
		LOG_STR("volume_id", volume), LOG_ERR(&why));
	return 0;
}

static void file_name(
	enum hold_kind kind, const char *volume, char out[sizeof(((struct hold *)NULL)->name)])
{
	char hex[33];
	uint8_t uuid[16];

	uuid_of_name(volume, uuid);
	hex_print(uuid, sizeof(uuid), hex);
	(void)snprintf(out, sizeof(((struct hold *)NULL)->name), "%s%s", hex, kind_ends[kind]);
}

int hold_check(struct holds *holds, enum hold_kind kind, const char *volume, struct err *err)
{
	char name[sizeof(((struct hold *)NULL)->name)];
	int result = 0;

	file_name(kind, volume, name);
	(void)pthread_mutex_lock(&holds->lock);
	_cleanup_close_ int fd =
		openat(holds->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		result = refuse(fd, kind, volume, err);
	}
	base_closep(&fd);
	fd = -1;
	(void)pthread_mutex_unlock(&holds->lock);
	return result;
}

bool hold_is_old(struct holds *holds, enum hold_kind kind, const char *volume, struct hold_old *ret)
{
	char name[sizeof(((struct hold *)NULL)->name)];
	struct text text = {.operation = ""};
	bool held;

	file_name(kind, volume, name);
	(void)pthread_mutex_lock(&holds->lock);
	_cleanup_close_ int fd =
		openat(holds->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (held) {
		read_text(fd, &text);
		ret->since_unix = text.since_ms;
		(void)snprintf(ret->operation, sizeof(ret->operation), "%s", text.operation);
	}
	base_closep(&fd);
	fd = -1;
	(void)pthread_mutex_unlock(&holds->lock);
	if (!held || text.since_ms > holds->opened_unix) {
		return false;
	}
	for (size_t i = 0; i < holds->n_old; i++) {
		if (streq(holds->old[i], name)) {
			return true;
		}
	}
	return false;
}

int hold_take(struct holds *holds, enum hold_kind kind, const char *volume, const char *operation,
	struct hold *ret, struct err *err)
{
	char text[TEXT_MAX];

	*ret = (struct hold){0};
	file_name(kind, volume, ret->name);
	(void)pthread_mutex_lock(&holds->lock);
	int result = take_locked(holds, kind, volume, ret, err);
	(void)pthread_mutex_unlock(&holds->lock);
	if (result < 0 || ret->fd == 0) {
		return result;
	}
	int n = snprintf(
		text, sizeof(text), "%" PRId64 " %s %s\n", clock_unix_ms(), operation, volume);
	/* Only for people to read: a full state folder must not keep a volume mounted. */
	(void)!pwrite(ret->fd, text, MIN((size_t)n, sizeof(text) - 1), 0);
	return 0;
}

void hold_release(struct holds *holds, struct hold *hold)
{
	if (hold->fd <= 0) {
		return;
	}
	(void)unlinkat(holds->dir, hold->name, 0);
	/* Also where a child that has answered has not quite ended yet. */
	(void)flock(hold->fd, LOCK_UN);
	hold_leave(hold);
}

void hold_leave(struct hold *hold)
{
	if (hold->fd > 0) {
		(void)close(hold->fd);
	}
	hold->fd = 0;
}

/* Is the file @name locked by somebody else? When not, it is removed with @remove. */
static bool is_held(struct holds *holds, const char *name, bool remove)
{
	(void)pthread_mutex_lock(&holds->lock);
	_cleanup_close_ int fd =
		openat(holds->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (remove && fd >= 0 && !held) {
		(void)unlinkat(holds->dir, name, 0);
	}
	base_closep(&fd);
	fd = -1;
	(void)pthread_mutex_unlock(&holds->lock);
	return held;
}

struct look {
	struct holds *holds;
	hold_found found;
	void *arg;
};

static int look_at(const char *name, void *arg)
{
	const struct look *look = arg;
	struct holds *holds = look->holds;
	struct text text;

	if (!is_held(holds, name, true)) {
		return 0;
	}
	_cleanup_close_ int fd = openat(holds->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		read_text(fd, &text);
		look->found(look->arg, text.volume,
			"a process of before the restart is not done with it; calls about it are answered "
			"ABORTED until it ends");
	}
	if (holds->n_old < OLD_MAX) {
		(void)snprintf(holds->old[holds->n_old++], sizeof(holds->old[0]), "%s", name);
	}
	return 0;
}

int holds_look(struct holds *holds, hold_found found, void *arg, struct err *err)
{
	struct look look = {.holds = holds, .found = found, .arg = arg};

	return dir_each(holds->dir, ".", look_at, &look, err) == 0 ? 0 : -1;
}

size_t holds_left(struct holds *holds)
{
	size_t left = 0;

	for (size_t i = 0; i < holds->n_old; i++) {
		left += is_held(holds, holds->old[i], false);
	}
	return left;
}
