/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides sorted, then each looked up in the other.
 */
#include "controller/audit/compare.h"

#include "common/csi/ids.h"
#include "controller/core/volume.h"

#include <stdio.h>

/** Findings that there is room for at first. */
#define ROOM_FIRST 64

/* A PersistentVolume under the name that its backend has for it now. */
struct named {
	const char *id; /* "" when it is of no backend that could have it */
	const struct cluster_volume *pv;
	bool seen;
};

struct audit {
	struct core *core;
	struct op *op;
	const struct cluster *cluster;
	struct named *named; /* sorted by id */
	struct findings found;
	size_t room;
};

static int no_memory(struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for an audit of this size");
}

const char *const finding_kinds[FOUND_KINDS + 1] = {[FOUND_MISSING_VOLUME] = "missing-volume",
	[FOUND_NO_BACKEND] = "no-backend",
	[FOUND_MISSING_GRANT] = "missing-grant",
	[FOUND_LEAKED_GRANT] = "leaked-grant",
	[FOUND_LEAKED_VOLUME] = "leaked-volume"};

bool findings_have(const struct findings *findings, const struct finding *one)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *other = &findings->list[i];

		if (other->kind == one->kind && streq(other->volume, one->volume) &&
			streq(other->node, one->node)) {
			return true;
		}
	}
	return false;
}

static int add(struct audit *a, const struct finding *finding, struct err *err)
{
	if (a->found.n == a->room) {
		size_t room = a->room ? a->room * 2 : ROOM_FIRST;
		struct finding *list = arena_alloc(a->op->arena, room * sizeof(*list));

		if (!list) {
			return no_memory(err);
		}
		if (a->found.n > 0) {
			memcpy(list, a->found.list, a->found.n * sizeof(*list));
		}
		a->found.list = list;
		a->room = room;
	}
	a->found.list[a->found.n] = *finding;
	a->found.list[a->found.n].node = finding->node ? finding->node : "";
	a->found.list[a->found.n].pv = finding->pv ? finding->pv : "";
	a->found.n++;
	return 0;
}

static const char *id_of(struct audit *a, const char *backend, const char *object)
{
	char text[CSI_ID_SIZE];

	(void)snprintf(text, sizeof(text), "%s/%s", backend, object);
	return arena_strdup(a->op->arena, text);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

/* By which name does its backend have it? An alias is one of the handle alone. */
static int name_one(
	struct audit *a, const struct cluster_volume *pv, struct named *ret, struct err *err)
{
	struct csi_id id;
	size_t backend = CORE_BACKEND_NONE;

	*ret = (struct named){.id = "", .pv = pv};
	if (csi_id_parse("volume", pv->handle, &id, NULL) == 0) {
		backend = core_backend_index(a->core, id.backend);
	}
	if (backend == CORE_BACKEND_NONE) {
		struct finding finding = {
			.kind = FOUND_NO_BACKEND, .volume = pv->handle, .pv = pv->name};
		return add(a, &finding, err);
	}
	if (core_backend_features(a->core, backend)->foreign) {
		return 0;
	}
	ret->id = id_of(a, core_backend_name(a->core, backend), id.object);
	return ret->id ? 0 : no_memory(err);
}

static int name_all(struct audit *a, struct err *err)
{
	size_t n = a->cluster->n_volumes;

	a->named = arena_alloc(a->op->arena, (n + 1) * sizeof(*a->named));
	if (!a->named) {
		return no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		if (name_one(a, &a->cluster->volumes[i], &a->named[i], err) < 0) {
			return -1;
		}
	}
	if (n > 0) {
		qsort(a->named, n, sizeof(*a->named), by_id);
	}
	return 0;
}

/* struct sorted - a list in the order of a text that each item has. */
struct sorted {
	const void *list;
	size_t n;
	size_t size; /* of an item */
	const char *(*text)(const void *item);
};

/* Where the items of @text begin. */
static size_t first_of(const struct sorted *in, const char *text)
{
	size_t low = 0;
	size_t high = in->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(in->text((const char *)in->list + middle * in->size), text) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static const char *volume_of(const void *attachment)
{
	return ((const struct cluster_attachment *)attachment)->volume;
}

/* struct attachments - those of one PersistentVolume. */
struct attachments {
	const struct cluster_attachment *list;
	size_t n;
};

static struct attachments attachments_of(const struct audit *a, const char *pv)
{
	const struct cluster_attachment *all = a->cluster->attachments;
	struct sorted sorted = {.list = all,
		.n = a->cluster->n_attachments,
		.size = sizeof(*all),
		.text = volume_of};
	size_t first = first_of(&sorted, pv);
	struct attachments found = {.list = &all[first]};

	while (first + found.n < sorted.n && streq(found.list[found.n].volume, pv)) {
		found.n++;
	}
	return found;
}

static bool lets_in(const struct core_volume *volume, const char *node)
{
	for (size_t i = 0; i < volume->n_nodes; i++) {
		if (streq(volume->nodes[i], node)) {
			return true;
		}
	}
	return false;
}

/* Is @pv attached to @node, on its way there or away, or to somewhere that nobody can tell yet? */
static bool may_be_attached(const struct audit *a, const char *pv, const char *node)
{
	struct attachments of = attachments_of(a, pv);

	for (size_t i = 0; i < of.n; i++) {
		if (!*of.list[i].node_id || streq(of.list[i].node_id, node)) {
			return true;
		}
	}
	return false;
}

static int check_missing_grants(struct audit *a, const struct named *named,
	const struct core_volume *volume, struct err *err)
{
	struct attachments of = attachments_of(a, named->pv->name);

	for (size_t i = 0; i < of.n; i++) {
		const struct cluster_attachment *at = &of.list[i];
		struct finding finding = {.kind = FOUND_MISSING_GRANT,
			.volume = named->id,
			.node = at->node_id,
			.pv = named->pv->name};

		if (at->attached && *at->node_id && !lets_in(volume, at->node_id) &&
			add(a, &finding, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The PersistentVolumes of one id; two may name the same volume. */
struct naming {
	struct named *list;
	size_t n;
};

static const char *id_of_named(const void *named)
{
	return ((const struct named *)named)->id;
}

static struct naming find_naming(const struct audit *a, const char *id)
{
	struct sorted sorted = {.list = a->named,
		.n = a->cluster->n_volumes,
		.size = sizeof(*a->named),
		.text = id_of_named};
	size_t first = first_of(&sorted, id);
	struct naming found = {.list = &a->named[first]};

	while (first + found.n < sorted.n && streq(found.list[found.n].id, id)) {
		found.n++;
	}
	return found;
}

static int check_leaked_grants(struct audit *a, const struct naming *naming,
	const struct core_volume *volume, const char *id, struct err *err)
{
	for (size_t i = 0; i < volume->n_nodes; i++) {
		struct finding finding = {.kind = FOUND_LEAKED_GRANT,
			.volume = id,
			.node = volume->nodes[i],
			.pv = naming->n > 0 ? naming->list[0].pv->name : ""};
		bool wanted = false;

		for (size_t k = 0; k < naming->n && !wanted; k++) {
			wanted = may_be_attached(a, naming->list[k].pv->name, volume->nodes[i]);
		}
		if (!wanted && add(a, &finding, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* One volume of a backend. */
static int check_volume(struct audit *a, const struct core_volume *volume, struct err *err)
{
	const char *id = id_of(a, volume->id.backend, volume->id.object);
	struct finding leaked = {.kind = FOUND_LEAKED_VOLUME, .volume = id};
	struct naming naming;

	if (!id) {
		return no_memory(err);
	}
	naming = find_naming(a, id);
	if (check_leaked_grants(a, &naming, volume, id, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < naming.n; i++) {
		naming.list[i].seen = true;
		if (check_missing_grants(a, &naming.list[i], volume, err) < 0) {
			return -1;
		}
	}
	return naming.n > 0 ? 0 : add(a, &leaked, err);
}

static int check_all_volumes(struct audit *a, struct err *err)
{
	struct core_volumes page = {.next_token = ""};

	do {
		if (core_volume_list(a->core, a->op, 0, page.next_token, &page, err) < 0) {
			return -1;
		}
		for (size_t i = 0; i < page.n; i++) {
			if (check_volume(a, &page.list[i], err) < 0) {
				return -1;
			}
		}
		a->found.volumes += page.n;
	} while (*page.next_token);
	return 0;
}

static int by_kind(const void *a, const void *b)
{
	const struct finding *x = a;
	const struct finding *y = b;

	if (x->kind != y->kind) {
		return x->kind < y->kind ? -1 : 1;
	}
	int order = strcmp(x->volume, y->volume);
	return order ? order : strcmp(x->node, y->node);
}

int audit_compare(struct core *core, struct op *op, const struct cluster *cluster,
	struct findings *ret, struct err *err)
{
	struct audit a = {.core = core, .op = op, .cluster = cluster};

	if (name_all(&a, err) < 0 || check_all_volumes(&a, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < cluster->n_volumes; i++) {
		struct finding finding = {.kind = FOUND_MISSING_VOLUME,
			.volume = a.named[i].id,
			.pv = a.named[i].pv->name};

		if (*a.named[i].id && !a.named[i].seen && add(&a, &finding, err) < 0) {
			return -1;
		}
	}
	if (a.found.n > 0) {
		qsort(a.found.list, a.found.n, sizeof(*a.found.list), by_kind);
	}
	*ret = a.found;
	return 0;
}
