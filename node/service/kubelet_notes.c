/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the notes by the paths that kubelet gives, and syncing them. A new file's folders reach
 * the disk with it on the journaling filesystems that kubelet lives on.
 */
#include "node/service/kubelet_notes.h"

#include "common/base/base.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE "vol_data.json"

static bool sync_file(const char *path)
{
	struct stat st;

	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fsync(fd) == 0;
}

/* struct place - a path without slashes at its end: where its folder and its name are. */
struct place {
	const char *path;
	int folder; /* bytes in front of the last slash */
	int name;   /* bytes after it */
};

static struct place place_of(const char *path, size_t n)
{
	struct place place = {.path = path};
	size_t end = n;
	size_t slash;

	while (end > 0 && path[end - 1] == '/') {
		end--;
	}
	slash = end;
	while (slash > 0 && path[slash - 1] != '/') {
		slash--;
	}
	place.folder = slash > 0 ? (int)(slash - 1) : 0;
	place.name = (int)(end - slash);
	return place;
}

static size_t keep_beside(const struct place *place)
{
	char note[PATH_MAX];
	int n = snprintf(note, sizeof(note), "%.*s/" NOTE, place->folder, place->path);

	return n > 0 && (size_t)n < sizeof(note) && sync_file(note) ? 1 : 0;
}

/* volumeDevices/staging/<name>: the note is in volumeDevices/<name>/data. */
static size_t keep_of_block(const struct place *staging)
{
	struct place folder = place_of(staging->path, (size_t)staging->folder);
	const char *name = staging->path + staging->folder + 1;
	char note[PATH_MAX];
	int n = snprintf(note, sizeof(note), "%.*s/%.*s/data/" NOTE, folder.folder, folder.path,
		staging->name, name);

	return n > 0 && (size_t)n < sizeof(note) && sync_file(note) ? 1 : 0;
}

size_t kubelet_notes_keep(const char *staging, const char *target)
{
	size_t kept = 0;

	if (staging) {
		struct place place = place_of(staging, strnlen(staging, PATH_MAX));

		kept += keep_beside(&place) + keep_of_block(&place);
	}
	if (target) {
		struct place place = place_of(target, strnlen(target, PATH_MAX));

		kept += keep_beside(&place);
	}
	return kept;
}
