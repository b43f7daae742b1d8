/* SPDX-License-Identifier: Apache-2.0 */
/* The text of objects: there and back, torn, and of other shapes. */
#include "common/json/json.h"
#include "target/store/object.h"
#include "test/unit/target/support.h"

static struct object *full_volume(void)
{
	struct object *object = object_new(OBJECT_VOLUME, "v1");
	struct err err = {0};

	object->phase = PHASE_READY;
	(void)snprintf(object->instance, sizeof(object->instance), "prod");
	object->size = 20 * MIB;
	object->grown_from = 12 * MIB;
	object->created_size = 10 * MIB;
	object->created_ms = 1763712934123;
	object->source = SOURCE_SNAPSHOT;
	(void)snprintf(object->source_id, sizeof(object->source_id), "s1");
	(void)snprintf(object->subsystem, sizeof(object->subsystem), "many");
	memset(object->uuid, 0xab, sizeof(object->uuid));
	object->nsid = 3;
	object->written = true;
	free(object->metadata);
	object->metadata = strdup("{\"csiName\":\"pvc \\\"1\\\"\"}");
	assert_ok(host_set_add(&object->hosts, "nqn.2026-01.dev:a", &err), err);
	assert_ok(host_set_add(&object->hosts, "nqn.2026-01.dev:b", &err), err);
	assert_ok(host_set_add(&object->fencing, "nqn.2026-01.dev:c", &err), err);
	return object;
}

static void test_volume(void **state UNUSED)
{
	_cleanup_object_ struct object *a = full_volume();
	_cleanup_object_ struct object *b = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *again = NULL;
	struct err err = {0};

	assert_ok(object_print(a, &text, &err), err);
	assert_ok(object_parse(object_name_of(a), text, &b, &err), err);
	assert_ok(object_print(b, &again, &err), err);
	assert_string_equal(text, again);
	assert_int_equal(b->size, a->size);
	assert_int_equal(b->grown_from, a->grown_from);
	assert_int_equal(b->created_size, a->created_size);
	assert_int_equal(b->created_ms, a->created_ms);
	assert_int_equal(b->nsid, 3);
	assert_int_equal(b->source, SOURCE_SNAPSHOT);
	assert_string_equal(b->source_id, "s1");
	assert_string_equal(b->subsystem, "many");
	assert_string_equal(b->metadata, a->metadata);
	assert_memory_equal(b->uuid, a->uuid, 16);
	assert_true(b->written && host_set_has(&b->hosts, "nqn.2026-01.dev:b"));
	assert_true(host_set_has(&b->fencing, "nqn.2026-01.dev:c"));
}

/* Whatever the text knows, a copy has. */
static void test_copy(void **state UNUSED)
{
	_cleanup_object_ struct object *a = full_volume();
	_cleanup_object_ struct object *b = object_copy(a);
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *again = NULL;
	struct err err = {0};

	assert_non_null(b);
	assert_ok(object_print(a, &text, &err), err);
	assert_ok(object_print(b, &again, &err), err);
	assert_string_equal(text, again);
}

static void test_snapshot(void **state UNUSED)
{
	_cleanup_object_ struct object *a = object_new(OBJECT_SNAPSHOT, "s1");
	_cleanup_object_ struct object *b = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = {0};

	(void)snprintf(a->instance, sizeof(a->instance), "prod");
	(void)snprintf(a->source_id, sizeof(a->source_id), "v1");
	a->phase = PHASE_CREATING;
	a->pinned = 4096;
	assert_ok(object_print(a, &text, &err), err);
	assert_null(strstr(text, "hosts"));
	assert_ok(object_parse(object_name_of(a), text, &b, &err), err);
	assert_int_equal(b->phase, PHASE_CREATING);
	assert_int_equal(b->pinned, 4096);
	assert_string_equal(b->source_id, "v1");
}

/* A text that was cut anywhere is never taken for a whole one. */
static void test_torn(void **state UNUSED)
{
	_cleanup_object_ struct object *a = full_volume();
	_cleanup_free_ char *text = NULL;
	struct object *b = NULL;
	struct err err = {0};

	assert_ok(object_print(a, &text, &err), err);
	for (size_t n = strlen(text); n-- > 0;) {
		text[n] = '\0';
		assert_int_equal(object_parse(object_name_of(a), text, &b, &err), -1);
		assert_int_equal(err.code, ERR_DATA_LOSS);
	}
}

static void refused(const char *find, const char *replace, const char *part)
{
	_cleanup_object_ struct object *a = full_volume();
	_cleanup_free_ char *text = NULL;
	struct object *b = NULL;
	struct err err = {0};
	char changed[4096];

	assert_ok(object_print(a, &text, &err), err);
	const char *place = strstr(text, find);

	assert_non_null(place);
	(void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(place - text), text, replace,
		place + strlen(find));
	assert_int_equal(object_parse(object_name_of(a), changed, &b, &err), -1);
	assert_err(err, ERR_DATA_LOSS, part);
}

static void test_wrong(void **state UNUSED)
{
	refused("\"version\":1", "\"version\":2", "version");
	refused("\"id\":\"v1\"", "\"id\":\"v2\"", "is volume \"v2\", not volume \"v1\"");
	refused("\"kind\":\"volume\"", "\"kind\":\"snapshot\"", "snapshot");
	refused("\"phase\":\"ready\"", "\"phase\":\"done\"", "phase");
	refused("\"instance\":\"prod\"", "\"instance\":\"\"", "instance");
	refused("\"size\":20971520", "\"size\":-1", "size");
	refused("\"size\":20971520", "\"size\":\"big\"", "size");
	refused("\"nsid\":3", "\"nsid\":0", "nsid");
	refused("\"written\":true", "\"written\":1", "written");
	refused("\"nqn.2026-01.dev:a\"", "\"a,b\"", "hosts");
	refused("\"subsystem\":\"many\"", "\"subsystem\":\"-\"", "subsystem");
	refused("abababab-abab", "00000000", "uuid");
	refused("abababab-abab-abab-abab-abababababab", "00000000-0000-0000-0000-000000000000",
		"must not be zero");
	refused("{\"csiName\":\"pvc \\\"1\\\"\"}", "{\"csiName\":1}", "metadata");
	refused("{\"snapshot\":\"s1\"}", "{}", "source");
}

static int read_metadata(const char *body, char **ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;

	assert_int_equal(js_parse("body", body, strlen(body), 65536, &doc, err), 0);
	struct js_at top = js_root(doc);

	return object_metadata_read(&top, ret, err);
}

static void test_metadata(void **state UNUSED)
{
	struct err err = {0};
	char *text = NULL;
	char body[METADATA_BYTES_MAX + 200];
	char value[METADATA_BYTES_MAX + 2];

	assert_ok(read_metadata("{}", &text, &err), err);
	assert_string_equal(text, "{}");
	free(text);
	/* Sorted, so that equal metadata are equal texts. */
	assert_ok(read_metadata("{\"metadata\":{\"b\":\"2\",\"a\":\"1\"}}", &text, &err), err);
	assert_string_equal(text, "{\"a\":\"1\",\"b\":\"2\"}");
	struct js *js = object_metadata_js(text);

	assert_non_null(js);
	js_free(js);
	free(text);
	assert_null(object_metadata_js("{"));
	assert_int_equal(read_metadata("{\"metadata\":[]}", &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "metadata");
	assert_int_equal(read_metadata("{\"metadata\":{\"a\":{}}}", &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "metadata.a");
	assert_int_equal(read_metadata("{\"metadata\":{\"\":\"x\"}}", &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "keys must have");
	memset(value, 'x', sizeof(value));
	value[METADATA_BYTES_MAX - 1] = '\0';
	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"k\":\"%s\"}}", value);
	assert_ok(read_metadata(body, &text, &err), err);
	free(text);
	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"kk\":\"%s\"}}", value);
	assert_int_equal(read_metadata(body, &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "4096");
	value[METADATA_KEY_MAX + 1] = '\0';
	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"%s\":\"\"}}", value);
	assert_int_equal(read_metadata(body, &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "keys must have 1 to 128 bytes");
}

/* The longest metadata that is taken can be kept: every byte of it an escape. */
static void test_metadata_escapes(void **state UNUSED)
{
	struct err err = {0};
	char *text = NULL;
	char *body = calloc(1, METADATA_TEXT_MAX + 64);
	size_t len = (size_t)snprintf(body, 64, "{\"metadata\":{\"k\":\"");

	for (int i = 0; i < METADATA_BYTES_MAX - 1; i++) {
		memcpy(body + len, "\\u0001", 6);
		len += 6;
	}
	memcpy(body + len, "\"}}", 4);
	assert_ok(read_metadata(body, &text, &err), err);
	struct js *js = object_metadata_js(text);

	assert_non_null(js);
	js_free(js);
	free(text);
	free(body);
}

static void test_metadata_members(void **state UNUSED)
{
	struct err err = {0};
	char *text = NULL;
	char body[4096] = "{\"metadata\":{";
	size_t len = strlen(body);

	for (int i = 0; i <= METADATA_ITEMS_MAX; i++) {
		len += (size_t)snprintf(
			body + len, sizeof(body) - len, "%s\"k%d\":\"\"", i ? "," : "", i);
	}
	(void)snprintf(body + len, sizeof(body) - len, "}}");
	assert_int_equal(read_metadata(body, &text, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "at most 64 members");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_metadata_escapes),
		cmocka_unit_test(test_metadata_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
