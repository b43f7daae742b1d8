/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points: what NVMETCP_FAULTS says, and what is done about it.
 */
#include "common/base/fault.h"

#ifdef NV_FAULTS

#include "common/base/clock.h"
#include "common/base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define FAULTS_MAX 16
#define FAULT_NAME_MAX 128
#define FAULTS_TEXT_MAX 4096

enum fault_action { FAULT_KILL, FAULT_FAIL, FAULT_DROP, FAULT_DELAY, FAULT_HANG, FAULT_TRACE };

struct fault {
	char point[FAULT_NAME_MAX];
	enum fault_action action;
	enum err_code code; /* of fail */
	uint64_t ms;	    /* of delay */
	uint64_t passage;   /* 0: every one */
};

struct faults {
	char text[FAULTS_TEXT_MAX];
	const char *file; /* NULL: the variable itself holds the text */
	struct fault list[FAULTS_MAX];
	size_t n;
};

/* How often each entry was passed, as long as the text stays the same. */
struct passages {
	pthread_mutex_t lock;
	char text[FAULTS_TEXT_MAX];
	uint64_t count[FAULTS_MAX];
};

/* Set by main() before any thread exists. */
static const struct fault_table *points;

/* --- the table --- */

static bool is_answer(const char *point)
{
	size_t len = strlen(point);

	return len > sizeof(FAULT_ANSWER) &&
	       streq(point + len - strlen("." FAULT_ANSWER), "." FAULT_ANSWER);
}

/* Call @fn with each point of @row until it returns true. Return: did it? */
static bool each_point(
	const struct fault_row *row, bool (*fn)(const char *point, void *arg), void *arg)
{
	char point[FAULT_NAME_MAX];
	const char *change = row->changes ? row->changes : "";

	(void)snprintf(point, sizeof(point), "%s.%s", row->operation, row->step);
	if (fn(point, arg)) {
		return true;
	}
	if (streq(row->step, FAULT_ANSWER)) {
		return false;
	}
	while (*change) {
		int len = (int)strcspn(change, " ");
		(void)snprintf(
			point, sizeof(point), "%s.%s.%.*s", row->operation, row->step, len, change);
		if (fn(point, arg)) {
			return true;
		}
		change += len + (change[len] == ' ');
	}
	(void)snprintf(point, sizeof(point), "%s.%s.done", row->operation, row->step);
	return fn(point, arg);
}

static bool is_same(const char *point, void *arg)
{
	return streq(point, arg);
}

static bool is_known(const char *point)
{
	for (size_t i = 0; points && i < points->n; i++) {
		const char *operation = points->rows[i].operation;
		/* Spelling out all of them each time would slow a test down. */
		if (strncmp(point, operation, strlen(operation)) == 0 &&
			each_point(&points->rows[i], is_same, (void *)point)) {
			return true;
		}
	}
	return false;
}

static bool print_point(const char *point, void *arg)
{
	(void)arg;
	(void)puts(point);
	return false;
}

bool faults_told(int argc, char **argv, const struct fault_table *table)
{
	if (argc != 2 || !streq(argv[1], "--fault-points")) {
		return false;
	}
	for (size_t i = 0; i < table->n; i++) {
		(void)each_point(&table->rows[i], print_point, NULL);
	}
	return true;
}

/* --- what the variable says --- */

static int parse_code(const char *text, enum err_code *ret, struct err *err)
{
	for (int code = ERR_CANCELLED; code <= ERR_UNAUTHENTICATED; code++) {
		if (streq(err_code_name((enum err_code)code), text)) {
			*ret = (enum err_code)code;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"NVMETCP_FAULTS: \"%s\" is no code; they are as in UNAVAILABLE", text);
}

/* "action" or "action:argument". */
static int parse_action(char *text, struct fault *ret, struct err *err)
{
	static const char *const actions[] = {
		"kill", "fail", "drop", "delay", "hang", "trace", NULL};
	char *argument = strchr(text, ':');
	int action;

	if (argument) {
		*argument++ = '\0';
	}
	if (parse_choice("NVMETCP_FAULTS", text, actions, &action, err) < 0) {
		return -1;
	}
	ret->action = (enum fault_action)action;
	ret->code = ERR_UNAVAILABLE;
	if (ret->action == FAULT_DELAY) {
		return parse_u64("NVMETCP_FAULTS: delay", argument ? argument : "", 1, 3600000,
			&ret->ms, err);
	}
	if (argument && ret->action != FAULT_FAIL) {
		return err_set(
			err, ERR_INVALID_ARGUMENT, "NVMETCP_FAULTS: %s takes no argument", text);
	}
	return argument ? parse_code(argument, &ret->code, err) : 0;
}

static int check_fault(const struct faults *faults, const struct fault *fault, struct err *err)
{
	size_t len = strlen(fault->point);

	if (fault->action == FAULT_TRACE && !faults->file) {
		return err_set(
			err, ERR_INVALID_ARGUMENT, "NVMETCP_FAULTS: trace needs the form @FILE");
	}
	if (len > 0 && fault->point[len - 1] == '*') {
		return 0;
	}
	if (fault->action == FAULT_DROP && !is_answer(fault->point)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"NVMETCP_FAULTS: %s is no answer and cannot be dropped", fault->point);
	}
	return !points || is_known(fault->point)
		       ? 0
		       : err_set(err, ERR_INVALID_ARGUMENT,
				 "NVMETCP_FAULTS: there is no point %s (see --fault-points)",
				 fault->point);
}

/* One entry: "point=action" or "point=action@N". */
static int parse_fault(
	struct faults *faults, const char *text, size_t len, struct fault *ret, struct err *err)
{
	char entry[FAULT_NAME_MAX + 64];

	if (len >= sizeof(entry)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "NVMETCP_FAULTS: an entry is too long");
	}
	memcpy(entry, text, len);
	entry[len] = '\0';
	char *equals = strchr(entry, '=');
	if (!equals || equals - entry >= FAULT_NAME_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"NVMETCP_FAULTS: '%s' is not point=action", entry);
	}
	*equals = '\0';
	char *at = strchr(equals + 1, '@');
	ret->passage = 0;
	if (at) {
		*at = '\0';
		if (parse_u64("NVMETCP_FAULTS", at + 1, 1, 1000000, &ret->passage, err) < 0) {
			return -1;
		}
	}
	memcpy(ret->point, entry, (size_t)(equals - entry) + 1);
	if (parse_action(equals + 1, ret, err) < 0) {
		return -1;
	}
	return check_fault(faults, ret, err);
}

/* A file that is not there says nothing. */
static int read_text(struct faults *faults, struct err *err)
{
	_cleanup_close_ int fd = open(faults->file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, faults->text, sizeof(faults->text) - 1);

	if (n < 0 || (fd < 0 && errno != ENOENT)) {
		return err_errno(err, errno, "NVMETCP_FAULTS: %s", faults->file);
	}
	faults->text[n] = '\0';
	faults->text[strcspn(faults->text, "\n")] = '\0';
	return 0;
}

static int read_faults(struct faults *faults, struct err *err)
{
	/* Set before the program starts and never changed: safe to read from any thread. */
	const char *value = getenv("NVMETCP_FAULTS"); // NOLINT(concurrency-mt-unsafe)

	faults->n = 0;
	faults->text[0] = '\0';
	faults->file = value && value[0] == '@' ? value + 1 : NULL;
	if (faults->file && read_text(faults, err) < 0) {
		return -1;
	}
	if (!faults->file && value) {
		if (strlen(value) >= sizeof(faults->text)) {
			return err_set(err, ERR_INVALID_ARGUMENT, "NVMETCP_FAULTS: is too long");
		}
		memcpy(faults->text, value, strlen(value) + 1);
	}
	for (const char *text = faults->text; *text;) {
		size_t len = strcspn(text, ",");
		if (faults->n == FAULTS_MAX) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"NVMETCP_FAULTS: more than %d entries", FAULTS_MAX);
		}
		if (parse_fault(faults, text, len, &faults->list[faults->n], err) < 0) {
			return -1;
		}
		faults->n++;
		text += len + (text[len] == ',');
	}
	return 0;
}

int faults_use(const struct fault_table *table, struct err *err)
{
	struct faults faults;

	points = table;
	return read_faults(&faults, err);
}

/* --- what is done --- */

static bool fault_is_at(const struct fault *fault, const char *point)
{
	size_t len = strlen(fault->point);

	if (len > 0 && fault->point[len - 1] == '*') {
		return strncmp(fault->point, point, len - 1) == 0;
	}
	return streq(fault->point, point);
}

/* Is this the passage of entry @i at which it is to act? */
static bool is_due(const struct faults *faults, size_t i)
{
	static struct passages passages = {.lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t passage;

	(void)pthread_mutex_lock(&passages.lock);
	if (!streq(passages.text, faults->text)) {
		memset(passages.count, 0, sizeof(passages.count));
		memcpy(passages.text, faults->text, sizeof(passages.text));
	}
	passage = ++passages.count[i];
	(void)pthread_mutex_unlock(&passages.lock);
	return faults->list[i].passage == 0 || faults->list[i].passage == passage;
}

static void write_trace(const struct faults *faults, const char *point)
{
	char path[FAULTS_TEXT_MAX];
	char line[FAULT_NAME_MAX + 1];

	(void)snprintf(path, sizeof(path), "%s.trace", faults->file);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int len = snprintf(line, sizeof(line), "%s\n", point);
	if (fd < 0 || write(fd, line, (size_t)len) != len) {
		(void)fprintf(stderr, "fault points: %s cannot be written\n", path);
		abort();
	}
}

/* Return: is the step to fail, or the answer lost? */
static bool act(const struct faults *faults, const struct fault *fault, const char *point)
{
	switch (fault->action) {
	case FAULT_KILL:
		(void)raise(SIGKILL);
		break;
	case FAULT_FAIL:
	case FAULT_DROP:
		return true;
	case FAULT_DELAY:
		(void)poll(NULL, 0, (int)fault->ms);
		break;
	case FAULT_HANG:
		for (;;) {
			(void)pause();
		}
	case FAULT_TRACE:
		write_trace(faults, point);
		break;
	}
	return false;
}

static int pass(const char *point, struct err *err)
{
	struct faults faults;

	if (read_faults(&faults, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < faults.n; i++) {
		const struct fault *fault = &faults.list[i];
		if (fault_is_at(fault, point) && is_due(&faults, i) && act(&faults, fault, point)) {
			return err_set(err, fault->code, "fault point %s", point);
		}
	}
	return 0;
}

int fault_point(const char *operation, const char *step, const char *suffix, struct err *err)
{
	char point[FAULT_NAME_MAX];

	(void)snprintf(point, sizeof(point), "%s.%s%s", operation, step, suffix);
	if (points && !is_known(point)) {
		(void)fprintf(
			stderr, "fault points: %s is not in %s; add it\n", point, points->file);
		abort();
	}
	return pass(point, err);
}

bool fault_answer(const char *operation)
{
	char point[FAULT_NAME_MAX];

	(void)snprintf(point, sizeof(point), "%s." FAULT_ANSWER, operation);
	return (!points || is_known(point)) && pass(point, NULL) < 0;
}

#else

int faults_use(const struct fault_table *table UNUSED, struct err *err)
{
	if (getenv("NVMETCP_FAULTS")) { // NOLINT(concurrency-mt-unsafe): read once, at the start
		return err_set(err, ERR_INVALID_ARGUMENT,
			"NVMETCP_FAULTS is set, but this build has no fault points");
	}
	return 0;
}

bool faults_told(int argc UNUSED, char **argv UNUSED, const struct fault_table *table UNUSED)
{
	return false;
}

#endif
