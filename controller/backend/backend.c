/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all backends share: is what is there the thing that was asked for, are sizes and metadata
 * within their limits, and how an error that must not be final is told.
 */
#include "controller/backend/backend.h"

#include "common/base/parse.h"

const struct be_rate_kind be_rate_kinds[BE_RATES] = {
	[BE_RATE_RW_IOPS] = {"qosRwIops", 1000, 99000000},
	[BE_RATE_RW_MBYTES] = {"qosRwMbytes", 1, 99000},
	[BE_RATE_R_MBYTES] = {"qosRMbytes", 1, 99000},
	[BE_RATE_W_MBYTES] = {"qosWMbytes", 1, 99000}};

void be_close(struct backend *be)
{
	if (be) {
		be->ops->close(be);
	}
}

int be_config_text(const char *key, const char *text, char *out, size_t size, struct err *err)
{
	size_t n = strlen(text);

	if (n >= size) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: %zu bytes, but at most %zu are allowed", key, n, size - 1);
	}
	memcpy(out, text, n + 1);
	return 0;
}

int be_none_of_ours(const char *backend, const char *instance, const char *what, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "backend %s: %s is none of instance %s", backend, what,
		instance);
}

static const char *source_name(enum be_source_kind kind)
{
	static const char *const names[] = {[BE_BLANK] = "nothing",
		[BE_FROM_SNAPSHOT] = "snapshot",
		[BE_FROM_VOLUME] = "volume"};

	return names[kind];
}

/* Names of two objects for a message: a CO's name may hold anything printable, and more. */
struct shown {
	char a[192];
	char b[192];
};

int be_volume_fits(const struct be_volume *have, const struct be_volume_args *want, struct err *err)
{
	struct shown shown;

	if (*have->name && !streq(have->name, want->name)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it is of the name \"%s\", not \"%s\"", have->object,
			printable(have->name, shown.a, sizeof(shown.a)),
			printable(want->name, shown.b, sizeof(shown.b)));
	}
	if (have->source_known &&
		(have->source.kind != want->source.kind ||
			(have->source.kind != BE_BLANK &&
				!streq(have->source.object, want->source.object)))) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it was made from %s %s, not from %s %s", have->object,
			source_name(have->source.kind), have->source.object,
			source_name(want->source.kind),
			want->source.object ? want->source.object : "");
	}
	if (!str_empty(want->pool) && *have->pool && !streq(have->pool, want->pool)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it is in pool %s, not in pool %s", have->object, have->pool,
			printable(want->pool, shown.a, sizeof(shown.a)));
	}
	for (size_t i = 0; i < BE_RATES; i++) {
		if (have->rates.of[i] != want->rates.of[i]) {
			return err_set(err, ERR_ALREADY_EXISTS,
				"volume %s: it exists with %s %lld, not %lld (0: no limit)",
				have->object, be_rate_kinds[i].name, (long long)have->rates.of[i],
				(long long)want->rates.of[i]);
		}
	}
	if (have->size < want->size) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it has %lld bytes, less than the %lld asked for", have->object,
			(long long)have->size, (long long)want->size);
	}
	if (want->limit > 0 && have->size > want->limit) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it has %lld bytes, more than the limit of %lld", have->object,
			(long long)have->size, (long long)want->limit);
	}
	return 0;
}

int be_snapshot_fits(
	const struct be_snapshot *have, const struct be_snapshot_args *want, struct err *err)
{
	struct shown shown;

	if (*have->name && !streq(have->name, want->name)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"snapshot %s: it is of the name \"%s\", not \"%s\"", have->object,
			printable(have->name, shown.a, sizeof(shown.a)),
			printable(want->name, shown.b, sizeof(shown.b)));
	}
	if (*have->volume && !streq(have->volume, want->volume)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"snapshot %s: it was cut from volume %s, not from %s", have->object,
			have->volume, printable(want->volume, shown.a, sizeof(shown.a)));
	}
	return 0;
}

int be_size_check(const struct be_limits *limits, int64_t size, struct err *err)
{
	if (size < limits->min_size || size > limits->max_size) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"size: %lld bytes, but this backend makes volumes of %lld to %lld bytes",
			(long long)size, (long long)limits->min_size, (long long)limits->max_size);
	}
	if (size % limits->granularity != 0) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"size: %lld bytes, but this backend makes volumes in steps of %lld bytes",
			(long long)size, (long long)limits->granularity);
	}
	return 0;
}

int be_metadata_check(struct kv_list metadata, struct err *err)
{
	size_t bytes = 0;

	if (metadata.n > BE_METADATA_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"metadata: %zu entries, but at most %d are kept", metadata.n,
			BE_METADATA_MAX);
	}
	for (size_t i = 0; i < metadata.n; i++) {
		const struct kv *item = &metadata.items[i];

		if (!*item->key || streq(item->key, BE_KEY_NAME)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"metadata: the key \"%s\" is not for the caller", item->key);
		}
		for (size_t k = 0; k < i; k++) {
			if (streq(metadata.items[k].key, item->key)) {
				return err_set(err, ERR_INVALID_ARGUMENT,
					"metadata: the key \"%s\" is there twice", item->key);
			}
		}
		bytes += strlen(item->key) + strlen(item->value);
	}
	if (bytes > BE_METADATA_BYTES_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"metadata: %zu bytes, but at most %d are kept", bytes,
			BE_METADATA_BYTES_MAX);
	}
	return 0;
}

int be_metadata_copy(struct arena *arena, struct kv_list list, struct kv_list *ret, struct err *err)
{
	struct kv *items;

	*ret = (struct kv_list){0};
	if (list.n == 0) {
		return 0;
	}
	items = arena_alloc(arena, list.n * sizeof(*items));
	if (!items) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < list.n; i++) {
		items[i].key = arena_strdup(arena, list.items[i].key);
		items[i].value = arena_strdup(arena, list.items[i].value);
		if (!items[i].key || !items[i].value) {
			return be_no_memory(err);
		}
	}
	*ret = (struct kv_list){.items = items, .n = list.n};
	return 0;
}

int be_no_memory(struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "the request used up its memory; retry");
}

int be_not_final(struct err *err)
{
	if (err && err_is_final(err->code)) {
		err->code = ERR_UNAVAILABLE;
	}
	return -1;
}
