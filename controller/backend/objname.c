/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of backend objects: made from the CSI name's hash, and for backends that keep nothing
 * but a name, packed together with the source's hash and the time.
 */
#include "controller/backend/objname.h"

#include "common/base/parse.h"
#include "common/nvmf/nqn.h"

#include <stdio.h>

#include <openssl/evp.h>

#define HASH_BYTES 16
#define HASH_DIGITS 26 /* of base 32: 130 bits, the first two are zero */
#define SOURCE_DIGITS 11
#define TIME_DIGITS 7
#define TIME_MAX_S ((INT64_C(1) << (5 * TIME_DIGITS)) - 1)

_Static_assert(
	INSTANCE_MAX + 1 + 1 + HASH_DIGITS + 1 + SOURCE_DIGITS + TIME_DIGITS <= BE_OBJECT_MAX,
	"a stored name fits");
_Static_assert(INSTANCE_MAX + 3 + 2 * HASH_BYTES <= BE_OBJECT_MAX, "an object fits");
_Static_assert(SOURCE_DIGITS * 5 == OBJNAME_SOURCE_BITS, "digits hold the source's hash");
_Static_assert(TIME_DIGITS * 5 == OBJNAME_NOTE_BITS, "digits hold a note");

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char kind_char[] = {[BE_KIND_VOLUME] = 'v', [BE_KIND_SNAPSHOT] = 's'};

/* SHA-256 cannot fail with the arguments given here, unless memory runs out within libcrypto: then
 * there is no name to give that would be right later, so the process ends. */
static void hash(const char *text, uint8_t out[32])
{
	unsigned len = 0;

	if (EVP_Digest(text, strlen(text), out, &len, EVP_sha256(), NULL) != 1 || len != 32) {
		abort();
	}
}

void objname_make(
	const char *instance, enum be_kind kind, const char *name, char out[BE_OBJECT_SIZE])
{
	uint8_t sum[32];
	char hex[2 * HASH_BYTES + 1];

	hash(name, sum);
	hex_print(sum, HASH_BYTES, hex);
	(void)snprintf(out, BE_OBJECT_SIZE, "%s-%c-%s", instance, kind_char[kind], hex);
}

/* Where the part behind "<instance>-<kind>" starts; NULL when @text does not start so. */
static const char *after_kind(const char *text, const char *instance, enum be_kind kind)
{
	size_t n = strlen(instance);

	if (strncmp(text, instance, n) != 0 || text[n] != '-' || text[n + 1] != kind_char[kind]) {
		return NULL;
	}
	return text + n + 2;
}

static bool is_hex(const char *text, size_t n)
{
	return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

bool objname_is_of(const char *object, const char *instance, enum be_kind kind)
{
	const char *rest = after_kind(object, instance, kind);

	return rest && *rest == '-' && is_hex(rest + 1, 2 * HASH_BYTES);
}

uint64_t objname_source_hash(const struct be_source *source)
{
	uint8_t sum[32];
	uint64_t value = 0;

	if (source->kind == BE_BLANK) {
		return 0;
	}
	/* The object's name says whether it is a volume or a snapshot. */
	hash(source->object, sum);
	for (size_t i = 0; i < 8; i++) {
		value = value << 8 | sum[i];
	}
	value >>= 64 - OBJNAME_SOURCE_BITS;
	return value ? value : 1;
}

/* @value as @n digits, most significant first. */
static void put_number(uint64_t value, size_t n, char *out)
{
	for (size_t i = n; i-- > 0; value >>= 5) {
		out[i] = digits[value & 31];
	}
}

static bool get_number(const char *text, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = text[i] ? strchr(digits, text[i]) : NULL;

		if (!at) {
			return false;
		}
		value = value << 5 | (uint64_t)(at - digits);
	}
	*ret = value;
	return true;
}

/* The 128 bits in 26 digits: 8 bits less two zero ones in front, then groups of 40 bits. */
static void put_hash(const uint8_t sum[HASH_BYTES], char *out)
{
	/* 128 = 8 + 3 * 40: the first byte takes two digits, each five bytes eight digits. */
	put_number(sum[0], 2, out);
	for (size_t group = 0; group < 3; group++) {
		uint64_t value = 0;

		for (size_t i = 0; i < 5; i++) {
			value = value << 8 | sum[1 + 5 * group + i];
		}
		put_number(value, 8, out + 2 + 8 * group);
	}
}

static bool get_hash(const char *text, uint8_t sum[HASH_BYTES])
{
	uint64_t value = 0;

	if (strlen(text) < HASH_DIGITS || !get_number(text, 2, &value) || value > UINT8_MAX) {
		return false;
	}
	sum[0] = (uint8_t)value;
	for (size_t group = 0; group < 3; group++) {
		if (!get_number(text + 2 + 8 * group, 8, &value)) {
			return false;
		}
		for (size_t i = 5; i-- > 0; value >>= 8) {
			sum[1 + 5 * group + i] = (uint8_t)value;
		}
	}
	return true;
}

/* Take an object apart from its end, since its instance may hold '-': kind and hash. */
static int take_apart(const char *object, size_t *ret_instance_len, enum be_kind *ret_kind,
	uint8_t sum[HASH_BYTES], struct err *err)
{
	size_t tail = 3 + 2 * HASH_BYTES;
	size_t len = strlen(object);
	const char *rest = len > tail ? object + len - tail : "";

	if (len > BE_OBJECT_MAX || *rest != '-' || rest[2] != '-' ||
		(rest[1] != kind_char[BE_KIND_VOLUME] && rest[1] != kind_char[BE_KIND_SNAPSHOT]) ||
		len - tail > INSTANCE_MAX || !is_hex(rest + 3, 2 * HASH_BYTES) ||
		parse_hex("object", rest + 3, sum, HASH_BYTES, NULL) < 0) {
		char shown[2 * BE_OBJECT_SIZE];

		return err_set(err, ERR_NOT_FOUND, "object %s: not a name that this driver gives",
			printable(object, shown, sizeof(shown)));
	}
	*ret_instance_len = len - tail;
	*ret_kind = rest[1] == kind_char[BE_KIND_VOLUME] ? BE_KIND_VOLUME : BE_KIND_SNAPSHOT;
	return 0;
}

int objname_stored_prefix(const char *object, char out[BE_OBJECT_SIZE], struct err *err)
{
	char packed[HASH_DIGITS + 1] = {0};
	uint8_t sum[HASH_BYTES] = {0};
	enum be_kind kind = BE_KIND_VOLUME;
	size_t instance = 0;

	if (take_apart(object, &instance, &kind, sum, err) < 0) {
		return -1;
	}
	put_hash(sum, packed);
	(void)snprintf(
		out, BE_OBJECT_SIZE, "%.*s-%c%s-", (int)instance, object, kind_char[kind], packed);
	return 0;
}

int objname_store_note(const char *object, const struct be_source *source, uint64_t note,
	char out[BE_OBJECT_SIZE], struct err *err)
{
	char prefix[BE_OBJECT_SIZE];
	char tail[SOURCE_DIGITS + TIME_DIGITS + 1] = {0};

	if (note >> OBJNAME_NOTE_BITS != 0) {
		return err_set(err, ERR_INTERNAL,
			"object %s: a note of %llu does not fit into a name", object,
			(unsigned long long)note);
	}
	if (objname_stored_prefix(object, prefix, err) < 0) {
		if (err) {
			err->code = ERR_INTERNAL;
		}
		return -1;
	}
	put_number(objname_source_hash(source), SOURCE_DIGITS, tail);
	put_number(note, TIME_DIGITS, tail + SOURCE_DIGITS);
	(void)snprintf(out, BE_OBJECT_SIZE, "%.*s%s", BE_OBJECT_MAX - SOURCE_DIGITS - TIME_DIGITS,
		prefix, tail);
	return 0;
}

int objname_store(const char *object, const struct be_source *source, int64_t created_ms,
	char out[BE_OBJECT_SIZE], struct err *err)
{
	if (created_ms < 0 || created_ms / 1000 > TIME_MAX_S) {
		return err_set(err, ERR_INTERNAL,
			"object %s: its time of creation, %lld ms since 1970, does not fit into a name",
			object, (long long)created_ms);
	}
	return objname_store_note(object, source, (uint64_t)(created_ms / 1000), out, err);
}

bool objname_read(const char *stored, const char *instance, struct objname_stored *ret)
{
	struct objname_stored name = {.kind = BE_KIND_VOLUME};
	const char *rest = after_kind(stored, instance, BE_KIND_VOLUME);
	char hex[2 * HASH_BYTES + 1];
	uint8_t sum[HASH_BYTES];
	uint64_t seconds = 0;

	if (!rest) {
		name.kind = BE_KIND_SNAPSHOT;
		rest = after_kind(stored, instance, BE_KIND_SNAPSHOT);
	}
	if (!rest || strlen(rest) != HASH_DIGITS + 1 + SOURCE_DIGITS + TIME_DIGITS ||
		rest[HASH_DIGITS] != '-' || !get_hash(rest, sum) ||
		!get_number(rest + HASH_DIGITS + 1, SOURCE_DIGITS, &name.source_hash) ||
		!get_number(rest + HASH_DIGITS + 1 + SOURCE_DIGITS, TIME_DIGITS, &seconds)) {
		return false;
	}
	hex_print(sum, HASH_BYTES, hex);
	(void)snprintf(
		name.object, sizeof(name.object), "%s-%c-%s", instance, kind_char[name.kind], hex);
	name.has_source = name.source_hash != 0;
	name.created_ms = (int64_t)seconds * 1000;
	name.note = seconds;
	*ret = name;
	return true;
}
