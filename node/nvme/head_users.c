/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who uses a disk: its holders and those of its partitions.
 */
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "node/nvme/head.h"

#include <limits.h>
#include <stdio.h>

#define USERS_MAX 1024
#define NAME_SIZE 128
#define FOLDER_SIZE 512

struct users {
	const struct host_paths *host;
	const char *disk;
	struct strbuf text;
};

/* A device mapper's device has a name that people know. */
static int add_holder(const char *holder, void *arg)
{
	struct users *users = arg;
	char path[PATH_MAX];
	char name[NAME_SIZE];
	struct err why = {0};

	(void)snprintf(path, sizeof(path), "block/%s/dm/name", holder);
	bool named = attr_read(users->host->sysfs, path, name, sizeof(name), &why) == 0;
	sb_addf(&users->text, "%s%s%s%s", users->text.len ? ", " : "", holder, named ? " " : "",
		named ? name : "");
	return 0;
}

/* Who cannot be told is not told: the message is about more than that. */
static void look(struct users *users, const char *path, int (*fn)(const char *name, void *arg))
{
	struct err why = {0};

	if (dir_each(users->host->sysfs, path, fn, users, &why) < 0 && why.code != ERR_NOT_FOUND) {
		LOG_DEBUG("sysfs does not tell who uses a disk", LOG_ERR(&why));
	}
}

static void add_holders(struct users *users, const char *folder)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "block/%s/holders", folder);
	look(users, path, add_holder);
}

static int add_partition(const char *name, void *arg)
{
	struct users *users = arg;
	char folder[FOLDER_SIZE];

	if (strncmp(name, users->disk, strlen(users->disk)) == 0) {
		(void)snprintf(folder, sizeof(folder), "%s/%s", users->disk, name);
		add_holders(users, folder);
	}
	return 0;
}

void head_users(const struct host_paths *host, const char *disk, char *out, size_t size)
{
	struct users users = {.host = host, .disk = disk, .text = sb_init(USERS_MAX)};
	char path[PATH_MAX];

	add_holders(&users, disk);
	(void)snprintf(path, sizeof(path), "block/%s", disk);
	look(&users, path, add_partition);
	bool some = users.text.len > 0;
	(void)snprintf(out, size, "%s%s%s%s", disk, some ? " (used by " : "",
		some ? sb_str(&users.text) : "", some ? ")" : "");
	sb_done(&users.text);
}
