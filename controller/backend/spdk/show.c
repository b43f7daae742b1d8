/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and snapshots for the caller.
 */
#include "controller/backend/spdk/show.h"

bool spdk_written(const struct spdk_lvol *lvol)
{
	return lvol->stored.has_source || lvol->allocated > 0;
}

static const char *const *copy_hosts(const struct op *op, const struct spdk_export *export)
{
	const char **hosts = arena_alloc(op->arena, (export->n_hosts + 1) * sizeof(*hosts));

	for (size_t i = 0; hosts && i < export->n_hosts; i++) {
		hosts[i] = arena_strdup(op->arena, export->hosts[i]);
		if (!hosts[i]) {
			return NULL;
		}
	}
	return hosts;
}

int spdk_show_volume(const struct op *op, const struct spdk_lvol *lvol,
	const struct spdk_export *export, struct be_volume *ret, struct err *err)
{
	struct be_volume volume = {.name = "",
		.size = lvol->size,
		.source = {.kind = BE_BLANK, .object = ""},
		.rates = lvol->rates,
		.written = spdk_written(lvol),
		.ready = true,
		.n_hosts = export->n_hosts};

	volume.object = arena_strdup(op->arena, lvol->stored.object);
	volume.pool = arena_strdup(op->arena, lvol->pool);
	volume.hosts = copy_hosts(op, export);
	if (!volume.object || !volume.pool || !volume.hosts) {
		return be_no_memory(err);
	}
	*ret = volume;
	return 0;
}

int spdk_show_snapshot(const struct op *op, const struct spdk_lvol *lvol, const char *volume,
	struct be_snapshot *ret, struct err *err)
{
	struct be_snapshot snapshot = {.name = "",
		.size = lvol->size,
		.created_ms = lvol->stored.created_ms,
		.ready = true};

	snapshot.object = arena_strdup(op->arena, lvol->stored.object);
	snapshot.volume = arena_strdup(op->arena, volume);
	snapshot.pool = arena_strdup(op->arena, lvol->pool);
	if (!snapshot.object || !snapshot.volume || !snapshot.pool) {
		return be_no_memory(err);
	}
	*ret = snapshot;
	return 0;
}
