/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating and growing volumes.
 */
#include "common/nvmf/uuid.h"
#include "target/core/agent_priv.h"

#include <stdio.h>

static int differs(
	const char *id, const char *member, const char *is, const char *asked, struct err *err)
{
	return err_set(err, ERR_ALREADY_EXISTS,
		"volume %s: exists with another %s: \"%s\", not \"%s\"", id, member, is, asked);
}

static int compare(const struct volume_request *want, const struct found *found, struct err *err)
{
	const struct object *is = found->object;

	if (!streq(catalog_name(found->catalog), want->pool)) {
		return differs(want->id, "pool", catalog_name(found->catalog), want->pool, err);
	}
	if (!streq(is->instance, want->instance)) {
		return differs(want->id, "instance", is->instance, want->instance, err);
	}
	if (is->source != want->source || !streq(is->source_id, want->source_id)) {
		return differs(want->id, "source", is->source_id, want->source_id, err);
	}
	if (!streq(is->subsystem, want->subsystem)) {
		return differs(want->id, "subsystem", is->subsystem, want->subsystem, err);
	}
	if (!streq(is->metadata, want->metadata)) {
		return err_set(
			err, ERR_ALREADY_EXISTS, "volume %s: exists with other metadata", want->id);
	}
	if (want->size != is->size && want->size != is->created_size) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: exists with another size: %lld bytes (%lld at creation), not %lld",
			want->id, (long long)is->size, (long long)is->created_size,
			(long long)want->size);
	}
	return 0;
}

/* The pool that is asked for, in use; whether the id is in another one was looked at before. */
static int use_pool(struct agent *agent, const char *name, struct found *ret, struct err *err)
{
	struct catalog *catalog = agent_catalog(agent, name, err);

	if (!catalog || catalog_use(catalog, err) < 0) {
		return -1;
	}
	*ret = (struct found){.agent = agent, .catalog = catalog};
	return 0;
}

/*
 * The volume of this id in any pool that knew of it, else the pool that is asked for. Other pools
 * need not be there: a retry of the CO names the same pool again.
 */
static int look_up(
	struct agent *agent, const struct volume_request *want, struct found *ret, struct err *err)
{
	struct object_name name = {OBJECT_VOLUME, want->id};
	int rc = agent_find_known(agent, name, ret, err);

	if (rc == 0) {
		rc = use_pool(agent, want->pool, ret, err);
		/* Attached only now: what it holds was not known before. */
		if (rc == 0 && catalog_damaged(ret->catalog, name, err) < 0) {
			return -1;
		}
		if (rc == 0) {
			ret->object = catalog_get(ret->catalog, name);
		}
	}
	return rc < 0 ? -1 : 0;
}

static int64_t size_in(struct catalog *catalog, int64_t size)
{
	return round_up(size, catalog_store(catalog)->limits.granularity);
}

static struct object *object_of(const struct volume_request *want, struct catalog *catalog)
{
	struct object *object = object_new(OBJECT_VOLUME, want->id);

	if (!object) {
		return NULL;
	}
	free(object->metadata);
	object->metadata = strdup(want->metadata);
	if (!object->metadata) {
		object_unref(object);
		return NULL;
	}
	(void)snprintf(object->instance, sizeof(object->instance), "%s", want->instance);
	(void)snprintf(object->subsystem, sizeof(object->subsystem), "%s", want->subsystem);
	(void)snprintf(object->source_id, sizeof(object->source_id), "%s", want->source_id);
	object->source = want->source;
	object->size = size_in(catalog, want->size);
	object->created_size = want->size;
	object->created_ms = clock_unix_ms();
	object->written = want->source != SOURCE_NONE;
	/* Chosen once and kept in the state: an id that is used again must not look like its
	 * predecessor to a host that still knows that one. */
	uuid_random(object->uuid);
	return object;
}

static int check_source(struct found *found, const struct volume_request *want,
	struct object_name name, struct err *err)
{
	_cleanup_object_ struct object *source = catalog_get(found->catalog, name);

	if (catalog_damaged(found->catalog, name, err) < 0) {
		return -1;
	}
	if (!source || source->phase != PHASE_READY) {
		return err_set(err, ERR_NOT_FOUND,
			"source.%s: \"%s\" does not exist in pool %s; a volume is made in the pool of its source",
			object_kind_name(name.kind), name.id, catalog_name(found->catalog));
	}
	if (want->size < source->size) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"size: %lld is less than the source's %lld bytes", (long long)want->size,
			(long long)source->size);
	}
	return 0;
}

static int create(struct steps *steps, struct found *found, const struct volume_request *want,
	const struct deadline *dl, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct creation creation = {.found = found};

	if (want->source != SOURCE_NONE) {
		struct object_name name = {
			want->source == SOURCE_VOLUME ? OBJECT_VOLUME : OBJECT_SNAPSHOT,
			want->source_id};

		if (name.kind == OBJECT_VOLUME && streq(name.id, want->id)) {
			return err_set(err, ERR_NOT_FOUND,
				"source.volume: \"%s\" is the volume itself", name.id);
		}
		/* It must not go or grow meanwhile. */
		if (agent_lock(found->agent, name, dl, &held, err) < 0 ||
			check_source(found, want, name, err) < 0) {
			return -1;
		}
		creation.from_kind = name.kind;
		creation.from = name.id;
	}
	found->object = object_of(want, found->catalog);
	if (!found->object) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory", want->id);
	}
	return agent_create(steps, &creation, err);
}

int agent_volume_put(struct agent *agent, const struct volume_request *want,
	const struct deadline *dl, struct object_view *ret, bool *ret_created, struct err *err)
{
	struct object_name name = {OBJECT_VOLUME, want->id};
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_found_ struct found found = {0};
	struct steps steps = {.operation = "PutVolume"};

	if (agent_lock(agent, name, dl, &held, err) < 0 || look_up(agent, want, &found, err) < 0 ||
		agent_settle(&steps, &found, err) < 0) {
		return -1;
	}
	if (found.object) {
		*ret_created = false;
		return compare(want, &found, err) < 0 ? -1 : agent_view(&found, true, ret, err);
	}
	/* What was settled may have been in another pool. */
	found_done(&found);
	if (use_pool(agent, want->pool, &found, err) < 0 ||
		create(&steps, &found, want, dl, err) < 0) {
		return -1;
	}
	*ret_created = true;
	return agent_view(&found, true, ret, err);
}

static int grow_data(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct store *store = catalog_store(found->catalog);

	return store->ops->grow(in, store, object_name_of(found->object), found->object->size, err);
}

int agent_grow(struct steps *steps, struct found *found, struct err *err)
{
	_cleanup_object_ struct object *grown = NULL;

	if (agent_whole(found, err) < 0 || agent_step(steps, "data", grow_data, found, err) < 0) {
		return -1;
	}
	if (found->object->grown_from == 0) {
		return 0;
	}
	grown = object_copy(found->object);
	if (!grown) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory", found->object->id);
	}
	grown->grown_from = 0;
	return agent_update(steps, "grown", found, grown, err);
}

static int tell_hosts(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, found->object, nqn, uuid);
	return nvmet_ns_resized(in, found->agent->nvmet, nqn, found->object->nsid, err);
}

int agent_tell(struct steps *steps, struct found *found, struct err *err)
{
	return agent_step(steps, "tell", tell_hosts, found, err);
}

static int promise(struct steps *steps, struct found *found, int64_t size, struct err *err)
{
	_cleanup_object_ struct object *larger = object_copy(found->object);

	if (!larger) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory", found->object->id);
	}
	if (larger->grown_from == 0) {
		larger->grown_from = larger->size;
	}
	larger->size = size;
	/* The space first, so that two volumes cannot both get the last of it. */
	if (catalog_reserve(found->catalog, larger, false, err) < 0) {
		return -1;
	}
	if (agent_update(steps, "intent", found, larger, err) < 0) {
		catalog_replace(found->catalog, found->object);
		return -1;
	}
	return 0;
}

int agent_volume_resize(struct agent *agent, const char *id, int64_t size,
	const struct deadline *dl, struct object_view *ret, struct err *err)
{
	struct object_name name = {OBJECT_VOLUME, id};
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_found_ struct found found = {0};
	struct steps steps = {.operation = "ResizeVolume"};

	if (agent_lock(agent, name, dl, &held, err) < 0 ||
		agent_find_ready(agent, name, &found, err) < 0) {
		return -1;
	}
	size = size_in(found.catalog, size);
	if (size > found.object->size && promise(&steps, &found, size, err) < 0) {
		return -1;
	}
	/* Also when nothing is to grow: an earlier call may have stopped here. */
	if (agent_grow(&steps, &found, err) < 0 || agent_tell(&steps, &found, err) < 0) {
		return -1;
	}
	return agent_view(&found, true, ret, err);
}
