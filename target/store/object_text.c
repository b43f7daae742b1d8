/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of an object in the pool: one JSON object, version 1.
 */
#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/nvmf/uuid.h"
#include "target/store/object.h"

#include <stdio.h>

#define STATE_VERSION 1

static const char *const phases[] = {"creating", "ready", "deleting", NULL};
static const char *const kinds[] = {"volume", "snapshot", NULL};

struct metadata {
	size_t items;
	size_t bytes;
	const struct js_at *in;
};

static int metadata_item(const char *key, const char *value, void *arg, struct err *err)
{
	struct metadata *m = arg;

	m->items++;
	m->bytes += strlen(key) + strlen(value);
	if (!*key || strlen(key) > METADATA_KEY_MAX) {
		return js_fail(m->in, NULL, err, "keys must have 1 to %d bytes", METADATA_KEY_MAX);
	}
	if (m->items > METADATA_ITEMS_MAX) {
		return js_fail(
			m->in, NULL, err, "must have at most %d members", METADATA_ITEMS_MAX);
	}
	if (m->bytes > METADATA_BYTES_MAX) {
		return js_fail(m->in, NULL, err,
			"keys and values together must have at most %d bytes", METADATA_BYTES_MAX);
	}
	return 0;
}

int object_metadata_read(const struct js_at *in, char **ret_text, struct err *err)
{
	_cleanup_js_ struct js *copy = NULL;
	struct js_at at;
	struct metadata m = {.in = &at};

	if (js_opt_obj(in, "metadata", &at, err) < 0) {
		return -1;
	}
	if (!at.value) {
		copy = js_object();
	} else {
		if (js_each_str(&at, METADATA_BYTES_MAX, metadata_item, &m, err) < 0) {
			return -1;
		}
		copy = js_copy(&at);
	}
	return js_print(copy, "metadata", METADATA_TEXT_MAX, ret_text, NULL, err);
}

struct js *object_metadata_js(const char *text)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;

	if (js_parse("metadata", text, strlen(text), METADATA_TEXT_MAX, &doc, NULL) < 0) {
		return NULL;
	}
	struct js_at top = js_root(doc);

	return js_copy(&top);
}

int object_source_read(const struct js_at *in, enum source_kind *ret_kind,
	char ret_id[OBJECT_ID_SIZE], struct err *err)
{
	static const char *const keys[] = {"volume", "snapshot", NULL};
	const char *volume = NULL;
	const char *snapshot = NULL;
	struct js_at at;

	*ret_kind = SOURCE_NONE;
	ret_id[0] = '\0';
	if (js_opt_obj(in, "source", &at, err) < 0) {
		return -1;
	}
	if (!at.value) {
		return 0;
	}
	if (js_only_keys(&at, keys, err) < 0 ||
		js_opt_str(&at, "volume", OBJECT_ID_MAX, &volume, err) < 0 ||
		js_opt_str(&at, "snapshot", OBJECT_ID_MAX, &snapshot, err) < 0) {
		return -1;
	}
	if (!volume == !snapshot) {
		return js_fail(&at, NULL, err, "must have one member, \"volume\" or \"snapshot\"");
	}
	if (object_id_check(volume ? "source.volume" : "source.snapshot",
		    volume ? volume : snapshot, err) < 0) {
		return -1;
	}
	*ret_kind = volume ? SOURCE_VOLUME : SOURCE_SNAPSHOT;
	(void)snprintf(ret_id, OBJECT_ID_SIZE, "%s", volume ? volume : snapshot);
	return 0;
}

void object_source_js(struct js *obj, const struct object *object)
{
	struct js *source;

	if (object->source == SOURCE_NONE) {
		return;
	}
	source = js_object();
	js_set_str(
		source, object->source == SOURCE_VOLUME ? "volume" : "snapshot", object->source_id);
	js_set(obj, "source", source);
}

static struct js *hosts_js(const struct host_set *set)
{
	struct js *array = js_array();

	for (unsigned i = 0; i < set->n; i++) {
		js_add_str(array, set->list[i]);
	}
	return array;
}

int object_print(const struct object *object, char **ret_text, struct err *err)
{
	_cleanup_js_ struct js *obj = js_object();
	char uuid[UUID_TEXT_SIZE];

	js_set_int(obj, "version", STATE_VERSION);
	js_set_str(obj, "kind", kinds[object->kind]);
	js_set_str(obj, "id", object->id);
	js_set_str(obj, "phase", phases[object->phase]);
	js_set_str(obj, "instance", object->instance);
	js_set_int(obj, "size", object->size);
	js_set_int(obj, "createdAt", object->created_ms);
	js_set(obj, "metadata", object_metadata_js(object->metadata));
	object_source_js(obj, object);
	if (object->kind == OBJECT_SNAPSHOT) {
		js_set_int(obj, "pinned", object->pinned);
	} else {
		js_set_int(obj, "createdSize", object->created_size);
		if (object->grown_from > 0) {
			js_set_int(obj, "grownFrom", object->grown_from);
		}
		if (*object->subsystem) {
			js_set_str(obj, "subsystem", object->subsystem);
		}
		uuid_print(object->uuid, uuid);
		js_set_str(obj, "uuid", uuid);
		js_set_int(obj, "nsid", object->nsid);
		js_set_bool(obj, "written", object->written);
		js_set(obj, "hosts", hosts_js(&object->hosts));
		js_set(obj, "fencing", hosts_js(&object->fencing));
	}
	return js_print(obj, object->id, STORE_STATE_MAX, ret_text, NULL, err);
}

static int hosts_parse(
	const struct js_at *top, const char *key, struct host_set *set, struct err *err)
{
	struct js_at array;
	const char *nqn;

	if (js_get_array(top, key, OBJECT_HOSTS_MAX, &array, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&array); i++) {
		if (js_item_str(&array, i, NQN_MAX, &nqn, err) < 0 ||
			nqn_check(key, nqn, err) < 0 || host_set_add(set, nqn, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int volume_parse(const struct js_at *top, struct object *object, struct err *err)
{
	const char *subsystem = "";
	const char *uuid;
	int64_t nsid;

	if (js_get_int(top, "createdSize", 0, STORE_VOLUME_MAX, &object->created_size, err) < 0 ||
		js_opt_int(top, "grownFrom", 0, STORE_VOLUME_MAX, &object->grown_from, err) < 0 ||
		js_opt_str(top, "subsystem", OBJECT_ID_MAX, &subsystem, err) < 0 ||
		js_get_str(top, "uuid", UUID_TEXT_SIZE - 1, &uuid, err) < 0 ||
		parse_hex("uuid", uuid, object->uuid, sizeof(object->uuid), err) < 0 ||
		js_get_int(top, "nsid", 1, UINT32_MAX - 1, &nsid, err) < 0 ||
		js_get_bool(top, "written", &object->written, err) < 0 ||
		hosts_parse(top, "hosts", &object->hosts, err) < 0 ||
		hosts_parse(top, "fencing", &object->fencing, err) < 0) {
		return -1;
	}
	if (*subsystem && object_id_check("subsystem", subsystem, err) < 0) {
		return -1;
	}
	if (bytes_zero(object->uuid, sizeof(object->uuid))) {
		return js_fail(top, "uuid", err, "must not be zero");
	}
	object->nsid = (uint32_t)nsid;
	(void)snprintf(object->subsystem, sizeof(object->subsystem), "%s", subsystem);
	return 0;
}

static int common_parse(const struct js_at *top, struct object *object, struct err *err)
{
	const char *id;
	const char *instance;
	int64_t version;
	int phase;
	int kind;

	if (js_want_obj(top, err) < 0 ||
		js_get_int(top, "version", 1, STATE_VERSION, &version, err) < 0 ||
		js_get_choice(top, "kind", kinds, &kind, err) < 0 ||
		js_get_str(top, "id", OBJECT_ID_MAX, &id, err) < 0 ||
		js_get_choice(top, "phase", phases, &phase, err) < 0 ||
		js_get_str(top, "instance", INSTANCE_MAX, &instance, err) < 0 ||
		instance_check("instance", instance, err) < 0 ||
		js_get_int(top, "size", 0, STORE_VOLUME_MAX, &object->size, err) < 0 ||
		js_get_int(top, "createdAt", 0, INT64_MAX, &object->created_ms, err) < 0 ||
		object_source_read(top, &object->source, object->source_id, err) < 0) {
		return -1;
	}
	if ((enum object_kind)kind != object->kind || !streq(id, object->id)) {
		return js_fail(top, "id", err, "is %s \"%s\", not %s \"%s\" as its file is named",
			kinds[kind], id, kinds[object->kind], object->id);
	}
	object->phase = (enum object_phase)phase;
	(void)snprintf(object->instance, sizeof(object->instance), "%s", instance);
	free(object->metadata);
	object->metadata = NULL;
	return object_metadata_read(top, &object->metadata, err);
}

/* Want of memory, which INTERNAL is of a value that was read and cannot be made again, says nothing
 * about the text. */
static int not_read(const struct err *why, struct err *err)
{
	bool memory = why->code == ERR_RESOURCE_EXHAUSTED || why->code == ERR_INTERNAL;

	return err_set(err, memory ? ERR_RESOURCE_EXHAUSTED : ERR_DATA_LOSS, "%s", why->msg);
}

int object_parse(
	struct object_name name, const char *text, struct object **ret_object, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_object_ struct object *object = object_new(name.kind, name.id);
	struct err why = {0};
	char what[96];
	int rc;

	if (!object) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory", name.id);
	}
	(void)snprintf(what, sizeof(what), "state of %s %s", object_kind_name(name.kind), name.id);
	if (js_parse(what, text, strlen(text), STORE_STATE_MAX, &doc, &why) < 0) {
		return not_read(&why, err);
	}
	struct js_at top = js_root(doc);

	rc = common_parse(&top, object, &why);
	if (rc == 0 && name.kind == OBJECT_VOLUME) {
		rc = volume_parse(&top, object, &why);
	} else if (rc == 0) {
		rc = js_get_int(&top, "pinned", 0, INT64_MAX, &object->pinned, &why);
	}
	if (rc < 0) {
		return not_read(&why, err);
	}
	*ret_object = TAKE_PTR(object);
	return 0;
}
