/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to text and back. The last line is "end", so that a text cut off anywhere is told from a
 * whole one.
 */
#include "node/core/record.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <stdio.h>

#define MAGIC "nvmetcp-record "

static const char *const STATES[] = {"idle", "staging", "staged", "unstaging", NULL};

/* Where each connection option is kept. */
static const struct {
	const char *key;
	size_t offset;
} NUMBERS[] = {
	{"nrIoQueues", offsetof(struct connect_options, nr_io_queues)},
	{"nrWriteQueues", offsetof(struct connect_options, nr_write_queues)},
	{"queueSize", offsetof(struct connect_options, queue_size)},
	{"keepAliveTmo", offsetof(struct connect_options, keep_alive_tmo)},
	{"reconnectDelay", offsetof(struct connect_options, reconnect_delay)},
	{"ctrlLossTmo", offsetof(struct connect_options, ctrl_loss_tmo)},
	{"fastIoFailTmo", offsetof(struct connect_options, fast_io_fail_tmo)},
	{"tos", offsetof(struct connect_options, tos)},
};

/* Truths of a record and of its options. */
static const struct {
	const char *key;
	size_t offset;
} TRUTHS[] = {
	{"tls", offsetof(struct record, tls)},
	{"block", offsetof(struct record, block)},
	{"readOnly", offsetof(struct record, read_only)},
	{"manyTargets", offsetof(struct record, many_targets)},
	{"formatted", offsetof(struct record, formatted)},
	{"hdrDigest", offsetof(struct record, options.hdr_digest)},
	{"dataDigest", offsetof(struct record, options.data_digest)},
};

/* Texts with a place of fixed size. */
static const struct {
	const char *key;
	size_t offset;
	size_t size;
} TEXTS[] = {
	{"volume", offsetof(struct record, volume), RECORD_VOLUME_MAX + 1},
	{"boot", offsetof(struct record, boot), RECORD_BOOT_SIZE},
	{"nqn", offsetof(struct record, nqn), NQN_SIZE},
	{"fsType", offsetof(struct record, fs_type), RECORD_FS_SIZE},
	{"flags", offsetof(struct record, flags), RECORD_FLAGS_SIZE},
	{"ioPolicy", offsetof(struct record, options.io_policy),
		sizeof(((struct connect_options *)0)->io_policy)},
};

/* Identities: bytes in hex. */
static const struct {
	const char *key;
	size_t offset;
	size_t size;
} BYTES[] = {
	{"uuid", offsetof(struct record, ident.uuid), 16},
	{"nguid", offsetof(struct record, ident.nguid), 16},
	{"eui64", offsetof(struct record, ident.eui64), 8},
};

static void *field_of(struct record *record, size_t offset)
{
	return (char *)record + offset;
}

static const void *value_of(const struct record *record, size_t offset)
{
	return (const char *)record + offset;
}

struct record *record_new(void)
{
	return calloc(1, sizeof(struct record));
}

void record_free(struct record *record)
{
	if (!record) {
		return;
	}
	for (size_t i = 0; i < record->n_targets; i++) {
		free(record->targets[i].path);
	}
	free(record->staging);
	free(record);
}

struct record *record_copy(const struct record *record)
{
	struct record *copy = malloc(sizeof(*copy));

	if (!copy) {
		return NULL;
	}
	*copy = *record;
	copy->n_targets = 0;
	copy->staging = record->staging ? strdup(record->staging) : NULL;
	bool whole = !record->staging || copy->staging;
	while (whole && copy->n_targets < record->n_targets) {
		struct record_target *target = &copy->targets[copy->n_targets];
		target->path = strdup(record->targets[copy->n_targets].path);
		whole = target->path != NULL;
		copy->n_targets += whole ? 1 : 0;
	}
	if (!whole) {
		record_free(copy);
		return NULL;
	}
	return copy;
}

int record_set_staging(struct record *record, const char *path, struct err *err)
{
	char *copy = strdup(path);

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "record: out of memory");
	}
	free(record->staging);
	record->staging = copy;
	return 0;
}

int record_find_target(const struct record *record, const char *path)
{
	for (size_t i = 0; i < record->n_targets; i++) {
		if (streq(record->targets[i].path, path)) {
			return (int)i;
		}
	}
	return -1;
}

int record_add_target(struct record *record, const char *path, bool read_only, struct err *err)
{
	int at = record_find_target(record, path);

	if (at >= 0) {
		record->targets[at].read_only = read_only;
		return 0;
	}
	if (record->n_targets == RECORD_TARGETS_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"volume %s: published at %d targets on this node, which is the most",
			record->volume, RECORD_TARGETS_MAX);
	}
	char *copy = strdup(path);
	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "record: out of memory");
	}
	record->targets[record->n_targets++] =
		(struct record_target){.path = copy, .read_only = read_only};
	return 0;
}

void record_drop_target(struct record *record, const char *path)
{
	int at = record_find_target(record, path);

	if (at >= 0) {
		free(record->targets[at].path);
		record->targets[at] = record->targets[--record->n_targets];
	}
}

void record_end_boot(struct record *record)
{
	record->dev = 0;
	while (record->n_targets > 0) {
		record_drop_target(record, record->targets[0].path);
	}
}

/* One line; what would break it, and the escape sign itself, travels as %xx. */
static void add_text(struct strbuf *out, const char *key, const char *value)
{
	sb_addf(out, "%s=", key);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		if (c < ' ' || c == '%' || c == 0x7f) {
			sb_addf(out, "%%%02x", c);
		} else {
			sb_addc(out, *value);
		}
	}
	sb_addc(out, '\n');
}

void record_print(const struct record *record, struct strbuf *out)
{
	char portals[PORTALS_TEXT_SIZE];
	char hex[33];

	sb_addf(out, MAGIC "%d\n", RECORD_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(TEXTS); i++) {
		add_text(out, TEXTS[i].key, value_of(record, TEXTS[i].offset));
	}
	add_text(out, "state", STATES[record->state]);
	for (size_t i = 0; i < ARRAY_SIZE(BYTES); i++) {
		const uint8_t *bytes = value_of(record, BYTES[i].offset);
		if (!bytes_zero(bytes, BYTES[i].size)) {
			hex_print(bytes, BYTES[i].size, hex);
			add_text(out, BYTES[i].key, hex);
		}
	}
	add_text(out, "reclaim", reclaim_name(record->reclaim));
	sb_addf(out, "reclaimed=%lld\n", (long long)record->reclaimed_ms);
	sb_addf(out, "nsid=%u\nminSize=%lld\nmode=%d\ndev=%llu\n", record->ident.nsid,
		(long long)record->min_size, record->mode, (unsigned long long)record->dev);
	portals_print(&record->portals, portals);
	add_text(out, "portals", portals);
	add_text(out, "staging", record->staging ? record->staging : "");
	for (size_t i = 0; i < ARRAY_SIZE(NUMBERS); i++) {
		const int *number =
			value_of(record, offsetof(struct record, options) + NUMBERS[i].offset);
		sb_addf(out, "%s=%d\n", NUMBERS[i].key, *number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(TRUTHS); i++) {
		const bool *truth = value_of(record, TRUTHS[i].offset);
		sb_addf(out, "%s=%s\n", TRUTHS[i].key, *truth ? "true" : "false");
	}
	for (size_t i = 0; i < record->n_targets; i++) {
		add_text(out, record->targets[i].read_only ? "targetReadOnly" : "target",
			record->targets[i].path);
	}
	sb_add(out, "end\n");
}

/* Undo add_text() in place. */
static int unescape(char *text, struct err *err)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (*in != '%') {
			*out++ = *in;
			continue;
		}
		char digits[3] = {in[1], in[1] ? in[2] : '\0', '\0'};
		uint8_t byte;
		if (parse_hex("escape", digits, &byte, 1, err) < 0) {
			return -1;
		}
		*out++ = (char)byte;
		in += 2;
	}
	*out = '\0';
	return 0;
}

/* Keys of the tables. Return: 1 taken, 0 not in a table, -1 wrong value. */
static int take_listed(struct record *record, const char *key, const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(TEXTS); i++) {
		if (streq(key, TEXTS[i].key)) {
			int n = snprintf(
				field_of(record, TEXTS[i].offset), TEXTS[i].size, "%s", value);
			return n >= 0 && (size_t)n < TEXTS[i].size
				       ? 1
				       : err_set(err, ERR_INVALID_ARGUMENT, "%s: too long", key);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(BYTES); i++) {
		if (streq(key, BYTES[i].key)) {
			uint8_t *bytes = field_of(record, BYTES[i].offset);
			return parse_hex(key, value, bytes, BYTES[i].size, err) < 0 ? -1 : 1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(TRUTHS); i++) {
		if (streq(key, TRUTHS[i].key)) {
			return parse_bool(key, value, field_of(record, TRUTHS[i].offset), err) < 0
				       ? -1
				       : 1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(NUMBERS); i++) {
		if (streq(key, NUMBERS[i].key)) {
			int64_t number;
			if (parse_i64(key, value, INT32_MIN, INT32_MAX, &number, err) < 0) {
				return -1;
			}
			*(int *)field_of(record,
				offsetof(struct record, options) + NUMBERS[i].offset) = (int)number;
			return 1;
		}
	}
	return 0;
}

static int take_line(struct record *record, const char *key, const char *value, struct err *err)
{
	uint64_t number;
	int64_t size;
	int choice;

	if (streq(key, "state")) {
		if (parse_choice(key, value, STATES, &choice, err) < 0) {
			return -1;
		}
		record->state = (enum record_state)choice;
		return 0;
	}
	if (streq(key, "nsid")) {
		if (parse_u64(key, value, 0, UINT32_MAX, &number, err) < 0) {
			return -1;
		}
		record->ident.nsid = (uint32_t)number;
		return 0;
	}
	if (streq(key, "mode")) {
		if (parse_i64(key, value, INT32_MIN, INT32_MAX, &size, err) < 0) {
			return -1;
		}
		record->mode = (int)size;
		return 0;
	}
	if (streq(key, "minSize")) {
		return parse_i64(key, value, 0, INT64_MAX, &record->min_size, err);
	}
	if (streq(key, "reclaim")) {
		/* One of a newer version is no reason to refuse all else that is said here. */
		record->reclaim = RECLAIM_OFF;
		(void)!reclaim_parse(key, value, &record->reclaim, NULL);
		return 0;
	}
	if (streq(key, "reclaimed")) {
		return parse_i64(key, value, 0, INT64_MAX, &record->reclaimed_ms, err);
	}
	if (streq(key, "dev")) {
		if (parse_u64(key, value, 0, UINT64_MAX, &number, err) < 0) {
			return -1;
		}
		record->dev = number;
		return 0;
	}
	if (streq(key, "portals")) {
		/* Of a record without any, as it is printed. */
		return !*value ? 0 : portals_parse(key, value, &record->portals, err);
	}
	if (streq(key, "staging")) {
		return record_set_staging(record, value, err);
	}
	if (streq(key, "target") || streq(key, "targetReadOnly")) {
		if (record->n_targets == RECORD_TARGETS_MAX) {
			return err_set(err, ERR_INVALID_ARGUMENT, "has more than %d targets",
				RECORD_TARGETS_MAX);
		}
		return record_add_target(record, value, streq(key, "targetReadOnly"), err);
	}
	return take_listed(record, key, value, err) < 0 ? -1 : 0;
}

static int broken(const char *name, const char *why, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS,
		"record %s: %s; it says what is mounted and connected for a volume, so nothing is guessed: "
		"look on the node what that is, take it down by hand, then remove the file",
		name, why);
}

/* The first line. Return: 0, or -1. */
static int check_version(const char *name, const char *line, struct err *err)
{
	uint64_t version;

	if (!line || strncmp(line, MAGIC, sizeof(MAGIC) - 1) != 0 ||
		parse_u64("version", line + sizeof(MAGIC) - 1, 1, UINT32_MAX, &version, NULL) < 0) {
		return broken(name, "does not begin as a record does", err);
	}
	if (version > RECORD_VERSION) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"record %s: was written by a newer version of the driver (format %llu, this one knows "
			"%d): install that version again on this node",
			name, (unsigned long long)version, RECORD_VERSION);
	}
	return 0;
}

/* Read @text, which is changed on the way, into @record. */
static int parse_into(struct record *record, const char *name, char *text, struct err *err)
{
	struct err why = {0};
	bool ended = false;

	if (check_version(name, strsep(&text, "\n"), err) < 0) {
		return -1;
	}
	/* A line counts only with its newline: the rest of a cut text is no line. */
	for (char *line = strsep(&text, "\n"); line && text; line = strsep(&text, "\n")) {
		char *value = strchr(line, '=');
		ended = streq(line, "end");
		if (ended) {
			break;
		}
		if (!value) {
			return broken(name, "has a line without '='", err);
		}
		*value++ = '\0';
		if (unescape(value, &why) < 0 || take_line(record, line, value, &why) < 0) {
			/* Want of memory says nothing about the file. */
			return why.code == ERR_RESOURCE_EXHAUSTED
				       ? err_set(err, why.code, "record %s: %s", name, why.msg)
				       : broken(name, why.msg, err);
		}
	}
	if (!ended) {
		return broken(name, "is cut off", err);
	}
	if (!*record->volume || !*record->nqn || !record->staging ||
		!ns_ident_known(&record->ident)) {
		return broken(name, "lacks volume, nqn, staging or an identity", err);
	}
	return 0;
}

int record_parse(const char *name, const char *text, struct record **ret_record, struct err *err)
{
	struct record *record = record_new();
	char *copy = strdup(text);
	int result = record && copy ? parse_into(record, name, copy, err)
				    : err_set(err, ERR_RESOURCE_EXHAUSTED,
					      "record %s: out of memory", name);

	free(copy);
	if (result < 0) {
		record_free(record);
		return -1;
	}
	*ret_record = record;
	return 0;
}
