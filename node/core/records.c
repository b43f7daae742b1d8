/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files "v-<hash of the volume id>" in the state folder, each replaced as one.
 */
#include "node/core/records.h"

#include "common/base/fileio.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#define FILE_PREFIX "v-"
#define FILE_NAME_SIZE 40
#define FILE_MODE 0600
#define TEMPORARY ".tmp-"

struct records {
	int dir;
	pthread_mutex_t lock;  /* of both maps */
	struct map *by_volume; /* struct record */
	struct map *bad;       /* by file name: struct err */
};

static void free_record(void *record)
{
	record_free(record);
}

static void file_name(const char *volume, char out[FILE_NAME_SIZE])
{
	uint8_t uuid[16];
	char hex[33];

	uuid_of_name(volume, uuid);
	hex_print(uuid, sizeof(uuid), hex);
	(void)snprintf(out, FILE_NAME_SIZE, FILE_PREFIX "%s", hex);
}

static int note_bad(
	struct records *records, const char *name, const struct err *why, struct err *err)
{
	struct err *copy = malloc(sizeof(*copy));

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "records: out of memory");
	}
	*copy = *why;
	if (map_put(records->bad, name, copy, err) < 0) {
		free(copy);
		return -1;
	}
	return 0;
}

static int load_one(struct records *records, const char *name, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_record_ struct record *record = NULL;
	char expected[FILE_NAME_SIZE];
	struct err why = {0};
	size_t len;

	if (file_read(records->dir, name, RECORD_TEXT_MAX, &text, &len, &why) < 0 ||
		record_parse(name, text, &record, &why) < 0) {
		/* For want of memory nothing is noted that would stay once there is some. */
		return why.code == ERR_RESOURCE_EXHAUSTED ? err_set(err, why.code, "%s", why.msg)
							  : note_bad(records, name, &why, err);
	}
	file_name(record->volume, expected);
	if (!streq(expected, name)) {
		(void)err_set(&why, ERR_DATA_LOSS,
			"record %s: is about volume %s, whose file would be %s; remove the one that is wrong",
			name, record->volume, expected);
		return note_bad(records, name, &why, err);
	}
	if (map_put(records->by_volume, record->volume, record, err) < 0) {
		return -1;
	}
	record = NULL;
	return 0;
}

struct loading {
	struct records *records;
	struct err *err;
};

static int visit(const char *name, void *arg)
{
	const struct loading *loading = arg;

	if (strncmp(name, TEMPORARY, sizeof(TEMPORARY) - 1) == 0) {
		return file_remove(loading->records->dir, name, loading->err) < 0 ? 1 : 0;
	}
	if (strncmp(name, FILE_PREFIX, sizeof(FILE_PREFIX) - 1) == 0) {
		return load_one(loading->records, name, loading->err) < 0 ? 1 : 0;
	}
	return 0;
}

int records_open(const char *path, struct records **ret_records, struct err *err)
{
	struct records *records = calloc(1, sizeof(*records));
	struct loading loading = {.records = records, .err = err};

	if (!records) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "records: out of memory");
	}
	(void)pthread_mutex_init(&records->lock, NULL);
	records->by_volume = map_new(RECORDS_MAX, free_record);
	records->bad = map_new(RECORDS_MAX, free);
	records->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (records->dir < 0) {
		(void)err_errno(err, errno, "state folder %s", path);
	} else if (!records->by_volume || !records->bad) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "records: out of memory");
	} else if (dir_each(records->dir, ".", visit, &loading, err) == 0) {
		*ret_records = records;
		return 0;
	}
	records_free(records);
	return -1;
}

void records_free(struct records *records)
{
	if (!records) {
		return;
	}
	map_free(records->by_volume);
	map_free(records->bad);
	base_closep(&records->dir);
	(void)pthread_mutex_destroy(&records->lock);
	free(records);
}

int records_get(
	struct records *records, const char *volume, struct record **ret_record, struct err *err)
{
	char name[FILE_NAME_SIZE];
	int result = 0;

	*ret_record = NULL;
	file_name(volume, name);
	(void)pthread_mutex_lock(&records->lock);
	const struct err *why = map_get(records->bad, name);
	const struct record *record = map_get(records->by_volume, volume);
	if (why && faccessat(records->dir, name, F_OK, 0) < 0 && errno == ENOENT) {
		/* Somebody looked, took down what there was, and removed the file, as it asked for.
		 */
		free(map_take(records->bad, name));
		why = NULL;
	}
	if (why) {
		result = err_set(err, why->code, "volume %s: %s", volume, why->msg);
	} else if (record) {
		*ret_record = record_copy(record);
		result = *ret_record
				 ? 0
				 : err_set(err, ERR_RESOURCE_EXHAUSTED, "records: out of memory");
	}
	(void)pthread_mutex_unlock(&records->lock);
	return result;
}

int records_put(struct records *records, const struct record *record, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = sb_init(RECORD_TEXT_MAX);
	_cleanup_free_ char *data = NULL;
	char name[FILE_NAME_SIZE];

	record_print(record, &text);
	size_t len = text.len;
	if (sb_take(&text, "the record of a volume", &data, err) < 0) {
		return -1;
	}
	_cleanup_record_ struct record *copy = record_copy(record);
	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "records: out of memory");
	}
	file_name(record->volume, name);
	/* The volume's lock keeps other writers of this file away; memory follows the file. */
	if (file_write_atomic(records->dir, name, data, len, FILE_MODE, err) < 0) {
		return err_wrap(err, "volume %s: its record cannot be written", record->volume);
	}
	(void)pthread_mutex_lock(&records->lock);
	int result = map_put(records->by_volume, copy->volume, copy, err);
	(void)pthread_mutex_unlock(&records->lock);
	if (result == 0) {
		copy = NULL;
	}
	return result;
}

int records_remove(struct records *records, const char *volume, struct err *err)
{
	char name[FILE_NAME_SIZE];

	file_name(volume, name);
	if (file_remove(records->dir, name, err) < 0) {
		return err_wrap(err, "volume %s: its record cannot be removed", volume);
	}
	(void)pthread_mutex_lock(&records->lock);
	record_free(map_take(records->by_volume, volume));
	(void)pthread_mutex_unlock(&records->lock);
	return 0;
}

struct counting {
	const char *nqn;
	const char *boot;
	const char *except;
	enum record_state state;
	size_t n;
};

static bool count_user(const char *volume, void *value, void *arg)
{
	const struct record *record = value;
	struct counting *counting = arg;

	if (record->state != RECORD_IDLE && streq(record->nqn, counting->nqn) &&
		streq(record->boot, counting->boot) && !streq(volume, counting->except)) {
		counting->n++;
	}
	return true;
}

static bool count_state(const char *volume, void *value, void *arg)
{
	const struct record *record = value;
	struct counting *counting = arg;

	(void)volume;
	counting->n += record->state == counting->state ? 1 : 0;
	return true;
}

size_t records_users(struct records *records, const char *nqn, const char *boot, const char *except)
{
	struct counting counting = {.nqn = nqn, .boot = boot, .except = except};

	(void)pthread_mutex_lock(&records->lock);
	map_each(records->by_volume, count_user, &counting);
	(void)pthread_mutex_unlock(&records->lock);
	return counting.n;
}

size_t records_count(struct records *records, enum record_state state)
{
	struct counting counting = {.state = state};

	(void)pthread_mutex_lock(&records->lock);
	map_each(records->by_volume, count_state, &counting);
	(void)pthread_mutex_unlock(&records->lock);
	return counting.n;
}

static bool take_reason(const char *name, void *value, void *arg)
{
	(void)name;
	if (arg) {
		*(struct err *)arg = *(const struct err *)value;
	}
	return false;
}

size_t records_bad(struct records *records, struct err *err)
{
	(void)pthread_mutex_lock(&records->lock);
	size_t n = map_len(records->bad);
	map_each(records->bad, take_reason, err);
	(void)pthread_mutex_unlock(&records->lock);
	return n;
}

struct showing {
	void (*fn)(const struct record *record, void *arg);
	void *arg;
};

static bool show_one(const char *volume, void *value, void *arg)
{
	const struct showing *showing = arg;

	(void)volume;
	showing->fn(value, showing->arg);
	return true;
}

void records_each(
	struct records *records, void (*fn)(const struct record *record, void *arg), void *arg)
{
	struct showing showing = {.fn = fn, .arg = arg};

	(void)pthread_mutex_lock(&records->lock);
	map_each(records->by_volume, show_one, &showing);
	(void)pthread_mutex_unlock(&records->lock);
}

struct listing {
	char **volumes;
	size_t n;
};

static bool list_one(const char *volume, void *value, void *arg)
{
	struct listing *listing = arg;

	(void)value;
	listing->volumes[listing->n] = strdup(volume);
	return listing->volumes[listing->n++] != NULL;
}

char **records_volumes(struct records *records)
{
	struct listing listing = {0};

	(void)pthread_mutex_lock(&records->lock);
	size_t n = map_len(records->by_volume);
	listing.volumes = calloc(n + 1, sizeof(*listing.volumes));
	if (listing.volumes) {
		map_each(records->by_volume, list_one, &listing);
	}
	(void)pthread_mutex_unlock(&records->lock);
	if (listing.volumes && n > 0 && !listing.volumes[n - 1]) {
		records_volumes_free(listing.volumes);
		return NULL;
	}
	return listing.volumes;
}

void records_volumes_free(char **volumes)
{
	for (size_t i = 0; volumes && volumes[i]; i++) {
		free(volumes[i]);
	}
	free(volumes);
}
