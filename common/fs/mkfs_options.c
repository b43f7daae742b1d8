/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of mkfsOptions. Allowed is what shapes a filesystem; everything that names a device or
 * file, sets the size, discards, or is decided by the driver is not in it. Source: mke2fs(8) of
 * e2fsprogs 1.47, mkfs.xfs(8) of xfsprogs 6.13.
 */
#include "common/fs/mkfs_options.h"

#include "common/base/parse.h"

#include <stdio.h>

struct option {
	const char *word;
	bool value;		/* takes one, in the next word */
	const char *suboptions; /* " a b c ": its value is a list of these, each with or without
				   "=..."; NULL: any text */
	const char *values;	/* " a b ": the only values; NULL: any */
};

static const struct option ext4_options[] = {
	{"-b", true, NULL, NULL},
	{"-C", true, NULL, NULL},
	/* An error on one volume must not stop the whole node ("panic"). */
	{"-e", true, NULL, " continue remount-ro "},
	{"-E", true,
		" mmp_update_interval stride stripe_width hash_seed num_backup_sb packed_meta_blocks "
		"root_owner root_perms resize quotatype encoding encoding_flags ",
		NULL},
	{"-G", true, NULL, NULL},
	{"-g", true, NULL, NULL},
	{"-i", true, NULL, NULL},
	{"-I", true, NULL, NULL},
	{"-J", true, " size fast_commit_size location ", NULL},
	{"-j", false, NULL, NULL},
	{"-L", true, NULL, NULL},
	{"-m", true, NULL, NULL},
	{"-N", true, NULL, NULL},
	{"-O", true, NULL, NULL},
	{"-T", true, NULL, NULL},
	{"-U", true, NULL, NULL},
	{NULL, false, NULL, NULL},
};

static const struct option xfs_options[] = {
	{"-b", true, " size ", NULL},
	{"-d", true,
		" agcount agsize su sw sunit swidth noalign cowextsize extszinherit projinherit daxinherit "
		"concurrency ",
		NULL},
	{"-i", true, " size perblock maxpct align attr projid32bit sparse nrext64 exchange ", NULL},
	{"-l", true, " version sunit su lazy-count ", NULL},
	{"-L", true, NULL, NULL},
	{"-m", true,
		" crc finobt uuid rmapbt reflink inobtcount bigtime autofsck metadir uquota gquota pquota "
		"uqnoenforce gqnoenforce pqnoenforce ",
		NULL},
	{"-n", true, " size version ftype parent ", NULL},
	{NULL, false, NULL, NULL},
};

static const struct option *table_of(const char *fstype)
{
	return streq(fstype, "xfs") ? xfs_options : ext4_options;
}

int mkfs_fstype_check(const char *field, const char *fstype, struct err *err)
{
	static const char *const known[] = {"ext4", "xfs", NULL};
	int index;

	return parse_choice(field, fstype, known, &index, err);
}

static const struct option *find_option(const struct option *table, const char *word)
{
	for (const struct option *o = table; o->word; o++) {
		if (streq(o->word, word)) {
			return o;
		}
	}
	return NULL;
}

static void list_options(const struct option *table, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (const struct option *o = table; o->word && used < size; o++) {
		int n = snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", o->word);
		used += n > 0 ? (size_t)n : 0;
	}
}

/* Is each of the comma-separated parts of @value one of @allowed? */
static int check_suboptions(
	const char *field, const struct option *option, const char *value, struct err *err)
{
	char wanted[64];

	for (const char *part = value; part; part = strchr(part, ',')) {
		part += *part == ',';
		size_t n = strcspn(part, "=,");
		int len = snprintf(
			wanted, sizeof(wanted), " %.*s ", (int)MIN(n, sizeof(wanted)), part);
		if (n == 0 || len < 0 || (size_t)len >= sizeof(wanted) ||
			!strstr(option->suboptions, wanted)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: '%s %.*s' is not allowed; with %s only:%s", field,
				option->word, (int)MIN(n, (size_t)64), part, option->word,
				option->suboptions);
		}
	}
	return 0;
}

/* Is @word one of " a b c "? */
static bool is_word(const char *list, const char *word)
{
	char wanted[64];
	int n = snprintf(wanted, sizeof(wanted), " %s ", word);

	return n > 0 && (size_t)n < sizeof(wanted) && strstr(list, wanted);
}

static int check_characters(const char *field, const char *text, struct err *err)
{
	for (const char *p = text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr(" -_=,.:^@+", *p);
		if (!plain) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: byte 0x%02x at position %td is not allowed; only letters, digits, blanks "
				"and -_=,.:^@+",
				field, (unsigned char)*p, p - text);
		}
	}
	return 0;
}

static int split(const char *field, struct mkfs_options *ret, struct err *err)
{
	char *rest = ret->text;
	char *word;

	while ((word = strsep(&rest, " "))) {
		if (!*word) {
			continue;
		}
		if (ret->n == MKFS_WORDS_MAX) {
			return err_set(err, ERR_INVALID_ARGUMENT, "%s: more than %d words", field,
				MKFS_WORDS_MAX);
		}
		ret->words[ret->n++] = word;
	}
	ret->words[ret->n] = NULL;
	return 0;
}

static int check_words(
	const char *field, const char *fstype, const struct mkfs_options *options, struct err *err)
{
	const struct option *table = table_of(fstype);
	char all[256];

	for (unsigned i = 0; i < options->n; i++) {
		const struct option *option = find_option(table, options->words[i]);
		if (!option) {
			list_options(table, all, sizeof(all));
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: '%.64s' is not allowed for %s; allowed are %s, each as a word of its own "
				"with its value in the next",
				field, options->words[i], fstype, all);
		}
		if (!option->value) {
			continue;
		}
		/* A value that looks like an option is one whose value was forgotten. */
		const char *value = i + 1 < options->n ? options->words[++i] : "-";
		if (value[0] == '-') {
			return err_set(err, ERR_INVALID_ARGUMENT, "%s: '%s' needs a value", field,
				option->word);
		}
		if (option->values && !is_word(option->values, value)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: '%s %.64s' is not allowed; allowed are%s", field, option->word,
				value, option->values);
		}
		if (option->suboptions && check_suboptions(field, option, value, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int mkfs_options_parse(const char *field, const char *fstype, const char *text,
	struct mkfs_options *ret, struct err *err)
{
	const char *given = text ? text : "";

	ret->n = 0;
	ret->words[0] = NULL;
	if (strlen(given) > MKFS_OPTIONS_TEXT_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: longer than %d bytes", field,
			MKFS_OPTIONS_TEXT_MAX);
	}
	(void)snprintf(ret->text, sizeof(ret->text), "%s", given);
	if (check_characters(field, ret->text, err) < 0 || split(field, ret, err) < 0 ||
		check_words(field, fstype, ret, err) < 0) {
		return -1;
	}
	return 0;
}
