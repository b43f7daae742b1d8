/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and snapshots as values.
 */
#include "target/store/object.h"

#include <stdatomic.h>
#include <stdio.h>

struct object *object_new(enum object_kind kind, const char *id)
{
	struct object *object = calloc(1, sizeof(*object));

	if (!object) {
		return NULL;
	}
	atomic_init(&object->refs, 1);
	object->kind = kind;
	object->source = kind == OBJECT_SNAPSHOT ? SOURCE_VOLUME : SOURCE_NONE;
	(void)snprintf(object->id, sizeof(object->id), "%s", id);
	object->metadata = strdup("{}");
	if (!object->metadata) {
		free(object);
		return NULL;
	}
	return object;
}

static bool host_set_copy(struct host_set *to, const struct host_set *from)
{
	for (to->n = 0; to->n < from->n; to->n++) {
		to->list[to->n] = strdup(from->list[to->n]);
		if (!to->list[to->n]) {
			return false;
		}
	}
	return true;
}

struct object *object_copy(const struct object *object)
{
	_cleanup_object_ struct object *copy = object_new(object->kind, object->id);

	if (!copy) {
		return NULL;
	}
	copy->phase = object->phase;
	memcpy(copy->instance, object->instance, sizeof(copy->instance));
	copy->size = object->size;
	copy->grown_from = object->grown_from;
	copy->created_size = object->created_size;
	copy->created_ms = object->created_ms;
	copy->source = object->source;
	memcpy(copy->source_id, object->source_id, sizeof(copy->source_id));
	copy->pinned = object->pinned;
	memcpy(copy->subsystem, object->subsystem, sizeof(copy->subsystem));
	memcpy(copy->uuid, object->uuid, sizeof(copy->uuid));
	copy->nsid = object->nsid;
	copy->written = object->written;
	free(copy->metadata);
	copy->metadata = strdup(object->metadata);
	if (!copy->metadata || !host_set_copy(&copy->hosts, &object->hosts) ||
		!host_set_copy(&copy->fencing, &object->fencing)) {
		return NULL;
	}
	return TAKE_PTR(copy);
}

struct object *object_ref(struct object *object)
{
	atomic_fetch_add(&object->refs, 1);
	return object;
}

void object_unref(struct object *object)
{
	if (object && atomic_fetch_sub(&object->refs, 1) == 1) {
		host_set_done(&object->hosts);
		host_set_done(&object->fencing);
		free(object->metadata);
		free(object);
	}
}

struct object_name object_name_of(const struct object *object)
{
	return (struct object_name){object->kind, object->id};
}

int64_t object_committed(const struct object *object, int64_t extent)
{
	if (object->kind == OBJECT_SNAPSHOT) {
		return object->pinned;
	}
	return round_up(object->size, extent);
}

static unsigned host_set_find(const struct host_set *set, const char *nqn)
{
	unsigned i = 0;

	while (i < set->n && !streq(set->list[i], nqn)) {
		i++;
	}
	return i;
}

bool host_set_has(const struct host_set *set, const char *nqn)
{
	return host_set_find(set, nqn) < set->n;
}

int host_set_add(struct host_set *set, const char *nqn, struct err *err)
{
	if (host_set_has(set, nqn)) {
		return 0;
	}
	if (set->n == OBJECT_HOSTS_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"host %s: the volume has %d hosts already, the most there can be", nqn,
			OBJECT_HOSTS_MAX);
	}
	set->list[set->n] = strdup(nqn);
	if (!set->list[set->n]) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "host %s: no memory", nqn);
	}
	set->n++;
	return 0;
}

void host_set_remove(struct host_set *set, const char *nqn)
{
	unsigned i = host_set_find(set, nqn);

	if (i < set->n) {
		free(set->list[i]);
		set->n--;
		memmove(&set->list[i], &set->list[i + 1], (set->n - i) * sizeof(set->list[0]));
	}
}

void host_set_done(struct host_set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		free(set->list[i]);
	}
	set->n = 0;
}
