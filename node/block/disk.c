/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near side: asks the helper, and the texts that pass between the two.
 */
#include "node/block/disk.h"

#include "common/base/parse.h"
#include "node/block/disk_child.h"
#include "node/block/grow_child.h"

#include <stdio.h>

#define NUMBER_SIZE 24

const struct helper_verb *disk_verbs(size_t *ret_n)
{
	static const struct helper_verb verbs[] = {
		{VERB_INSPECT, verb_inspect},
		{VERB_FORMAT, verb_format},
		{VERB_GROW, verb_grow},
	};

	*ret_n = ARRAY_SIZE(verbs);
	return verbs;
}

void disk_want_print(
	const struct disk_want *want, char volume[DISK_VOLUME_SIZE], char flags[DISK_FLAGS_SIZE])
{
	hex_print(want->volume, sizeof(want->volume), volume);
	(void)snprintf(flags, DISK_FLAGS_SIZE, "%s%s%s", want->written ? "w" : "",
		want->formatted ? "f" : "", want->read_only ? "r" : "");
}

int disk_want_parse(const char *const *argv, struct disk_want *ret, struct err *err)
{
	*ret = (struct disk_want){
		.device = argv[0],
		.fstype = argv[1],
		.written = strchr(argv[3], 'w') != NULL,
		.formatted = strchr(argv[3], 'f') != NULL,
		.read_only = strchr(argv[3], 'r') != NULL,
	};
	if (mkfs_fstype_check("fstype", ret->fstype, err) < 0) {
		return -1;
	}
	return parse_hex("volume", argv[2], ret->volume, sizeof(ret->volume), err);
}

/* One line a value, in this order; texts from the device come last and without newlines. */
enum {
	LINE_VERDICT,
	LINE_REDO,
	LINE_KIND,
	LINE_SIZE,
	LINE_LOGICAL,
	LINE_PHYSICAL,
	LINE_MIN,
	LINE_OPT,
	LINE_READ_ONLY,
	LINE_REGULAR,
	NUMBERS,
	LINE_TYPE = NUMBERS,
	LINE_UUID,
	LINE_LABEL,
	LINES
};

void disk_state_print(const struct disk_state *state, struct strbuf *out)
{
	const struct blkdev_geometry *g = &state->geometry;
	const uint64_t numbers[NUMBERS] = {
		[LINE_VERDICT] = state->verdict,
		[LINE_REDO] = state->redo,
		[LINE_KIND] = state->probe.kind,
		[LINE_SIZE] = g->size,
		[LINE_LOGICAL] = g->logical_block,
		[LINE_PHYSICAL] = g->physical_block,
		[LINE_MIN] = g->io_min,
		[LINE_OPT] = g->io_opt,
		[LINE_READ_ONLY] = g->read_only,
		[LINE_REGULAR] = g->regular,
	};
	const char *texts[] = {state->probe.type, state->probe.uuid, state->probe.label};
	char safe[sizeof(state->probe.label) + 1];

	for (size_t i = 0; i < NUMBERS; i++) {
		sb_addf(out, "%llu\n", (unsigned long long)numbers[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		sb_addf(out, "%s\n", printable(texts[i], safe, sizeof(safe)));
	}
}

/* The largest number of each line. */
static uint64_t number_max(size_t line)
{
	switch (line) {
	case LINE_VERDICT:
		return DISK_FORMAT;
	case LINE_KIND:
		return PROBE_AMBIVALENT;
	case LINE_REDO:
	case LINE_READ_ONLY:
	case LINE_REGULAR:
		return 1;
	case LINE_SIZE:
		return INT64_MAX;
	default:
		return UINT32_MAX;
	}
}

int disk_state_parse(const char *text, struct disk_state *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	uint64_t numbers[NUMBERS];
	const char *lines[LINES];
	char *rest = copy;

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "device: out of memory");
	}
	for (size_t i = 0; i < LINES; i++) {
		lines[i] = strsep(&rest, "\n");
		if (!rest) {
			return err_set(
				err, ERR_INTERNAL, "device: the inspection's answer is cut short");
		}
		if (i < NUMBERS &&
			parse_u64("inspection", lines[i], 0, number_max(i), &numbers[i], err) < 0) {
			return -1;
		}
	}
	*ret = (struct disk_state){
		.verdict = (enum disk_verdict)numbers[LINE_VERDICT],
		.redo = numbers[LINE_REDO] != 0,
		.probe = {.kind = (enum probe_kind)numbers[LINE_KIND]},
		.geometry =
			{
				.size = numbers[LINE_SIZE],
				.logical_block = (uint32_t)numbers[LINE_LOGICAL],
				.physical_block = (uint32_t)numbers[LINE_PHYSICAL],
				.io_min = (uint32_t)numbers[LINE_MIN],
				.io_opt = (uint32_t)numbers[LINE_OPT],
				.read_only = numbers[LINE_READ_ONLY] != 0,
				.regular = numbers[LINE_REGULAR] != 0,
			},
	};
	(void)snprintf(ret->probe.type, sizeof(ret->probe.type), "%s", lines[LINE_TYPE]);
	(void)snprintf(ret->probe.uuid, sizeof(ret->probe.uuid), "%s", lines[LINE_UUID]);
	(void)snprintf(ret->probe.label, sizeof(ret->probe.label), "%s", lines[LINE_LABEL]);
	return 0;
}

int disk_inspect(struct guard *guard, int fd, const struct disk_want *want, struct disk_state *ret,
	struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char volume[DISK_VOLUME_SIZE];
	char flags[DISK_FLAGS_SIZE];

	disk_want_print(want, volume, flags);
	const char *argv[] = {VERB_INSPECT, want->device, want->fstype, volume, flags, NULL};
	if (guard_call(guard, argv, fd, &text, err) < 0) {
		return err_wrap(err, "%s", want->device);
	}
	return disk_state_parse(text, ret, err);
}

/* The words as one text again; the child parses it once more. */
static void join(const struct mkfs_options *options, char out[MKFS_OPTIONS_TEXT_MAX + 1])
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; options && i < options->n && used <= MKFS_OPTIONS_TEXT_MAX; i++) {
		int n = snprintf(out + used, MKFS_OPTIONS_TEXT_MAX + 1 - used, "%s%s",
			i > 0 ? " " : "", options->words[i]);
		used += n > 0 ? (size_t)n : 0;
	}
}

int disk_format(const struct step *in, struct guard *guard, int fd, const struct disk_want *want,
	const struct mkfs_options *options, struct err *err)
{
	char words[MKFS_OPTIONS_TEXT_MAX + 1];
	char volume[DISK_VOLUME_SIZE];
	char flags[DISK_FLAGS_SIZE];
	char left[NUMBER_SIZE];

	(void)in;
	join(options, words);
	disk_want_print(want, volume, flags);
	(void)snprintf(left, sizeof(left), "%lld", (long long)deadline_left_ms(&guard->dl));
	const char *argv[] = {
		VERB_FORMAT, want->device, want->fstype, volume, flags, words, left, NULL};
	if (guard_call(guard, argv, fd, NULL, err) < 0) {
		return err_wrap(err, "%s", want->device);
	}
	return 0;
}
