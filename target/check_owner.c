/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens at a port: the inode of the socket from /proc/net, then the process that has it open.
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "target/check_priv.h"

#include <fcntl.h>

#define TABLE_MAX ((size_t)16 * 1024 * 1024)
#define STATE_LISTEN "0A"
/** Columns of /proc/net/tcp: "sl local_address rem_address st ... inode". */
enum { COLUMN_LOCAL = 1, COLUMN_STATE = 3, COLUMN_INODE = 9, COLUMNS = 10 };

static bool row_split(char *line, char *columns[COLUMNS])
{
	size_t n = 0;

	for (char *word; n < COLUMNS && (word = strsep(&line, " "));) {
		if (*word) {
			columns[n++] = word;
		}
	}
	return n == COLUMNS;
}

/* The inode of a socket that listens at @port, "" when there is none. */
static void find_inode(const char *table, uint16_t port, char ret_inode[32])
{
	_cleanup_free_ char *text = NULL;
	char *columns[COLUMNS];
	uint8_t bytes[2];

	if (file_read(AT_FDCWD, table, TABLE_MAX, &text, NULL, NULL) < 0) {
		return;
	}
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		char *colon;

		if (!row_split(line, columns) || !streq(columns[COLUMN_STATE], STATE_LISTEN)) {
			continue;
		}
		colon = strrchr(columns[COLUMN_LOCAL], ':');
		if (colon && parse_hex("port", colon + 1, bytes, sizeof(bytes), NULL) == 0 &&
			(bytes[0] << 8 | bytes[1]) == port) {
			(void)snprintf(ret_inode, 32, "%s", columns[COLUMN_INODE]);
			return;
		}
	}
}

struct search {
	char socket[48]; /* "socket:[4711]" */
	const char *pid;
};

static int look_at_fd(const char *fd, void *arg)
{
	const struct search *search = arg;
	char path[PATH_MAX];
	char target[48];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", search->pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		return 0;
	}
	target[n] = '\0';
	return streq(target, search->socket) ? 1 : 0;
}

static int look_at_process(const char *name, void *arg)
{
	struct search *search = arg;
	char folder[PATH_MAX];
	uint64_t pid;

	if (parse_u64("process", name, 1, INT32_MAX, &pid, NULL) < 0) {
		return 0;
	}
	search->pid = name;
	(void)snprintf(folder, sizeof(folder), "/proc/%s/fd", name);
	/* A process that ended meanwhile is no error. */
	return dir_each(AT_FDCWD, folder, look_at_fd, search, NULL) > 0 ? (int)pid : 0;
}

pid_t check_owner_of(uint16_t port, char *ret_name, size_t size)
{
	struct search search = {.pid = ""};
	char inode[32] = "";
	char path[64];
	char name[32];
	int pid;

	find_inode("/proc/net/tcp", port, inode);
	if (!inode[0]) {
		find_inode("/proc/net/tcp6", port, inode);
	}
	(void)snprintf(search.socket, sizeof(search.socket), "socket:[%s]", inode);
	pid = inode[0] ? dir_each(AT_FDCWD, "/proc", look_at_process, &search, NULL) : 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (pid > 0 && attr_read(AT_FDCWD, path, name, sizeof(name), NULL) == 0) {
		(void)snprintf(ret_name, size, "%s (process %d)", name, pid);
		return pid;
	}
	(void)snprintf(ret_name, size, "the kernel or a process that cannot be seen");
	return 0;
}
