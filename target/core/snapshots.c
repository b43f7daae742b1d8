/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking snapshots.
 */
#include "target/core/agent_priv.h"

#include <stdio.h>

static int compare(const struct snapshot_request *want, const struct object *is, struct err *err)
{
	if (!streq(is->source_id, want->volume)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"snapshot %s: exists with another volume: \"%s\", not \"%s\"", want->id,
			is->source_id, want->volume);
	}
	if (!streq(is->metadata, want->metadata)) {
		return err_set(err, ERR_ALREADY_EXISTS, "snapshot %s: exists with other metadata",
			want->id);
	}
	return 0;
}

static struct object *object_of(
	const struct snapshot_request *want, const struct object *volume, int64_t allocated)
{
	struct object *object = object_new(OBJECT_SNAPSHOT, want->id);

	if (!object) {
		return NULL;
	}
	free(object->metadata);
	object->metadata = strdup(want->metadata);
	if (!object->metadata) {
		object_unref(object);
		return NULL;
	}
	memcpy(object->instance, volume->instance, sizeof(object->instance));
	(void)snprintf(object->source_id, sizeof(object->source_id), "%s", volume->id);
	object->size = volume->size;
	object->pinned = MIN(allocated, volume->size);
	object->created_ms = clock_unix_ms();
	return object;
}

/* The volume is locked by the caller; found holds its pool. */
static int take(struct steps *steps, struct found *found, const struct snapshot_request *want,
	struct err *err)
{
	_cleanup_object_ struct object *volume = TAKE_PTR(found->object);
	struct store *store = catalog_store(found->catalog);
	struct creation creation = {.found = found, .from_kind = OBJECT_VOLUME, .from = volume->id};
	struct store_stat stat;
	struct err why = {0};

	if (store->ops->stat(store, object_name_of(volume), &stat, &why) < 0) {
		return agent_fail(&why, err);
	}
	found->object = object_of(want, volume, stat.allocated);
	if (!found->object) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "snapshot %s: no memory", want->id);
	}
	return agent_create(steps, &creation, err);
}

int agent_snapshot_put(struct agent *agent, const struct snapshot_request *want,
	const struct deadline *dl, struct object_view *ret, bool *ret_created, struct err *err)
{
	struct object_name name = {OBJECT_SNAPSHOT, want->id};
	struct object_name volume = {OBJECT_VOLUME, want->volume};
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_keylock_ struct keylock_held *source = NULL;
	_cleanup_found_ struct found found = {0};
	struct steps steps = {.operation = "PutSnapshot"};
	int rc;

	if (agent_lock(agent, name, dl, &held, err) < 0) {
		return -1;
	}
	/* One that no pool knew of cannot be elsewhere than with its volume, which is found below.
	 */
	rc = agent_find_known(agent, name, &found, err);
	if (rc < 0) {
		return -1;
	}
	if (rc > 0) {
		if (agent_settle(&steps, &found, err) < 0) {
			return -1;
		}
		if (found.object) {
			*ret_created = false;
			return compare(want, found.object, err) < 0
				       ? -1
				       : agent_view(&found, true, ret, err);
		}
		found_done(&found);
	}
	if (agent_lock(agent, volume, dl, &source, err) < 0 ||
		agent_find_ready(agent, volume, &found, err) < 0 ||
		take(&steps, &found, want, err) < 0) {
		return -1;
	}
	*ret_created = true;
	return agent_view(&found, true, ret, err);
}
