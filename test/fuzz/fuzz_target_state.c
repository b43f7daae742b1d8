/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nvmetcp-target finds in a pool: the first byte says whether the rest is the state of a
 * volume, of a snapshot, the pool's identity or its generation. What is taken can be written and is
 * read as the same; what is not is DATA_LOSS, never "not there" (absent is not gone).
 */
#include "common/base/parse.h"
#include "target/store/generation.h"
#include "target/store/object.h"
#include "target/store/stamp.h"
#include "test/fuzz/fuzz.h"

static void check_object(const struct object *object)
{
	FUZZ_CHECK(object->size >= 0 && object->size <= STORE_VOLUME_MAX);
	FUZZ_CHECK(object->metadata && object->metadata[0] == '{');
	FUZZ_CHECK(instance_check("instance", object->instance, NULL) == 0);
	FUZZ_CHECK((object->source == SOURCE_NONE) == (*object->source_id == '\0'));
	FUZZ_CHECK(object->hosts.n <= OBJECT_HOSTS_MAX && object->fencing.n <= OBJECT_HOSTS_MAX);
	FUZZ_CHECK(object_committed(object, STORE_GRANULARITY) >= 0);
}

static void take_object(enum object_kind kind, const char *text)
{
	const struct object_name name = {kind, "v1"};
	_cleanup_object_ struct object *object = NULL;
	_cleanup_object_ struct object *copy = NULL;
	_cleanup_object_ struct object *same = NULL;
	_cleanup_free_ char *first = NULL;
	_cleanup_free_ char *second = NULL;
	struct err err = {0};

	if (object_parse(name, text, &object, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_DATA_LOSS);
		fuzz_said(&err);
		return;
	}
	check_object(object);
	copy = object_copy(object);
	FUZZ_CHECK(copy);
	FUZZ_CHECK(object_print(copy, &first, NULL) == 0);
	FUZZ_CHECK(object_parse(name, first, &same, NULL) == 0);
	FUZZ_CHECK(object_print(same, &second, NULL) == 0);
	FUZZ_CHECK(streq(first, second));
}

static void take_stamp(const uint8_t *data, size_t size)
{
	struct stamp stamp;
	struct err err = {0};

	fuzz_put(STAMP_FILE, data, size);
	if (stamp_read(fuzz_folder(), "/pool", &stamp, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_DATA_LOSS || err.code == ERR_UNAVAILABLE);
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(strlen(stamp.uuid) == UUID_TEXT_SIZE - 1);
	FUZZ_CHECK(object_id_check("name", stamp.name, NULL) == 0);
	FUZZ_CHECK(*stamp.type);
}

static void take_generation(const uint8_t *data, size_t size)
{
	struct err err = {0};
	int64_t generation;

	fuzz_put(GENERATION_FILE, data, size);
	if (generation_read(fuzz_folder(), "/pool", &generation, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_DATA_LOSS || err.code == ERR_UNAVAILABLE);
		fuzz_said(&err);
		return;
	}
	/* There is always a next one. */
	FUZZ_CHECK(generation > 0 && generation < INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	_cleanup_free_ char *text = fuzz_text(data + 1, size - 1);

	switch (data[0] % 4) {
	case 0:
		take_object(OBJECT_VOLUME, text);
		break;
	case 1:
		take_object(OBJECT_SNAPSHOT, text);
		break;
	case 2:
		take_stamp(data + 1, size - 1);
		break;
	default:
		take_generation(data + 1, size - 1);
	}
	return 0;
}
