/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines "<time> begin|done|failed <operation> <step> <volume>", each one write(2).
 */
#include "node/core/journal.h"

#include "common/base/clock.h"
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES 512
#define VOLUME_MAX_BYTES 256
/* Steps under way that are looked for in an old file; more cannot be: the locks bound them. */
#define OPEN_STEPS_MAX 4096

struct journal {
	pthread_mutex_t lock;
	int fd;
	size_t size;
	size_t under_way;
	bool failing; /* told already that it cannot be written */
};

struct found {
	journal_told told;
	void *arg;
};

/* "operation step volume" */
static bool tell_one(const char *key, void *value, void *arg)
{
	const struct found *found = arg;
	char line[LINE_MAX_BYTES];

	(void)value;
	(void)snprintf(line, sizeof(line), "%s", key);
	char *rest = line;
	const char *operation = strsep(&rest, " ");
	const char *step = strsep(&rest, " ");
	if (step && rest) {
		found->told(found->arg, operation, rest, step);
	}
	return true;
}

/* Lines of a dead process: what began and did not end. A line cut off by the kill is passed over.
 */
static int tell_unfinished(int dir, const char *path, const struct found *found, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct err why = {0};
	static char mark;
	bool full = false;
	size_t len;

	if (file_read(dir, path, JOURNAL_HARD_MAX + LINE_MAX_BYTES, &text, &len, &why) < 0) {
		return why.code == ERR_NOT_FOUND ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	struct map *begun = map_new(OPEN_STEPS_MAX, NULL);
	if (!begun) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line && rest; line = strsep(&rest, "\n")) {
		(void)strsep(&line, " ");
		const char *kind = strsep(&line, " ");
		if (!kind || !line) {
			continue;
		}
		if (streq(kind, "begin")) {
			if (map_put(begun, line, &mark, &why) < 0) {
				full = map_len(begun) == OPEN_STEPS_MAX;
				break;
			}
		} else {
			(void)map_take(begun, line);
		}
	}
	/* Want of memory passes, and the file is emptied only after all was told. */
	if (why.code != ERR_OK && !full) {
		map_free(begun);
		return err_set(err, why.code, "%s: %s", path, why.msg);
	}
	map_each(begun, tell_one, (void *)found);
	map_free(begun);
	return 0;
}

int journal_open(const char *path, journal_told told, void *arg, struct journal **ret_journal,
	struct err *err)
{
	struct found found = {.told = told, .arg = arg};

	if (told && tell_unfinished(AT_FDCWD, path, &found, err) < 0) {
		return -1;
	}
	struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	journal->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd < 0) {
		int saved = errno;
		free(journal);
		return err_errno(err, saved, "%s", path);
	}
	(void)pthread_mutex_init(&journal->lock, NULL);
	*ret_journal = journal;
	return 0;
}

void journal_free(struct journal *journal)
{
	if (!journal) {
		return;
	}
	(void)close(journal->fd);
	(void)pthread_mutex_destroy(&journal->lock);
	free(journal);
}

/* With the lock held. */
static int append(
	const struct journal_entry *entry, const char *kind, const char *step, struct err *err)
{
	struct journal *journal = entry->journal;
	char line[LINE_MAX_BYTES];
	char volume[VOLUME_MAX_BYTES];

	if ((journal->under_way == 0 && journal->size > JOURNAL_SOFT_MAX) ||
		journal->size > JOURNAL_HARD_MAX) {
		if (ftruncate(journal->fd, 0) < 0) {
			return err_errno(err, errno, "journal");
		}
		journal->size = 0;
	}
	int n = snprintf(line, sizeof(line), "%lld %s %s %s %s\n", (long long)clock_unix_ms(), kind,
		entry->operation, step, printable(entry->volume, volume, sizeof(volume)));
	if (n < 0 || (size_t)n >= sizeof(line)) {
		return err_set(
			err, ERR_INTERNAL, "journal: the line of %s is too long", entry->volume);
	}
	if (write(journal->fd, line, (size_t)n) != n) {
		int saved = errno;
		/* A part of a line would spoil the next one. */
		(void)!ftruncate(journal->fd, (off_t)journal->size);
		return err_errno(err, saved, "journal in the state folder: write");
	}
	journal->size += (size_t)n;
	return 0;
}

static int before(void *self, const char *step, struct err *err)
{
	struct journal_entry *entry = self;

	struct journal *journal = entry->journal;
	struct err why = {0};

	(void)err;
	(void)pthread_mutex_lock(&journal->lock);
	int written = append(entry, "begin", step, &why);
	bool tell = written < 0 && !journal->failing;
	journal->failing = written < 0;
	journal->under_way++;
	(void)pthread_mutex_unlock(&journal->lock);
	/* Nobody's data depends on it, and a full state folder must not keep a volume mounted. */
	if (tell) {
		LOG_WARNING("the journal cannot be written", LOG_ERR(&why));
	}
	return 0;
}

static void after(void *self, const char *step, int result)
{
	struct journal_entry *entry = self;

	(void)pthread_mutex_lock(&entry->journal->lock);
	/* A line that cannot be written is not missed: the step is over, the records say the rest.
	 */
	(void)append(entry, result == 0 ? "done" : "failed", step, NULL);
	entry->journal->under_way--;
	(void)pthread_mutex_unlock(&entry->journal->lock);
}

struct step_journal journal_steps(struct journal_entry *entry)
{
	return (struct step_journal){.before = before, .after = after, .self = entry};
}
