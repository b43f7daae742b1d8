/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's own state: made at the start, looked up by every call.
 */
#include "controller/core/core.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "controller/core/member.h"

#include <stdio.h>

/** All backends' names. */
#define NAMES_MAX ((size_t)CORE_BACKENDS_MAX * 32)

static const char *const kind_names[] = {
	[BE_KIND_VOLUME] = "volume", [BE_KIND_SNAPSHOT] = "snapshot"};

static void member_done(struct member *member)
{
	be_close(member->be);
	arena_free(member->arena);
	listing_unref(member->last);
	lane_done(&member->lane);
	lane_done(&member->lists);
	(void)pthread_mutex_destroy(&member->lock);
}

/* Whatever happens, @ret can be given to member_done() afterwards. */
static int member_init(struct member *ret, const struct core_backend *from)
{
	*ret = (struct member){.be = from->take_backend, .arena = arena_new(CORE_TOLD_MAX)};
	lane_init(&ret->lane, "calls", CORE_LANE_MAX);
	lane_init(&ret->lists, "lists", CORE_LISTS_MAX);
	(void)pthread_mutex_init(&ret->lock, NULL);
	if (!ret->arena) {
		return -1;
	}
	ret->name = arena_strdup(ret->arena, from->name);
	ret->aliases = arena_alloc(ret->arena, (from->n_aliases + 1) * sizeof(*ret->aliases));
	if (!ret->name || !ret->aliases ||
		topology_copy(ret->arena, &from->topology, &ret->topology) < 0) {
		return -1;
	}
	for (size_t i = 0; i < from->n_aliases; i++) {
		ret->aliases[i] = arena_strdup(ret->arena, from->aliases[i]);
		if (!ret->aliases[i]) {
			return -1;
		}
		ret->n_aliases++;
	}
	return 0;
}

/* Index of the one that comes after @after in the order of names (the first for NULL). */
static size_t next_by_name(const struct core_backend *backends, size_t n, const char *after)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		if ((!after || strcmp(backends[i].name, after) > 0) &&
			(best == n || strcmp(backends[i].name, backends[best].name) < 0)) {
			best = i;
		}
	}
	return best;
}

static struct core *core_empty(const char *instance, size_t n)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core) {
		return NULL;
	}
	core->instance = strdup(instance);
	core->locks = keylock_new(CORE_LOCKS_MAX);
	core->members = calloc(n + 1, sizeof(*core->members));
	core->fan = fan_new(n);
	if (!core->instance || !core->locks || !core->members || !core->fan) {
		core_free(core);
		return NULL;
	}
	return core;
}

int core_new(const char *instance, const struct core_backend *backends, size_t n,
	struct core **ret_core, struct err *err)
{
	struct core *core = core_empty(instance, n);
	const char *last = NULL;
	bool fine = true;

	if (!core) {
		for (size_t i = 0; i < n; i++) {
			be_close(backends[i].take_backend);
		}
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	while (core->n_members < n) {
		const struct core_backend *from = &backends[next_by_name(backends, n, last)];

		last = from->name;
		fine = member_init(&core->members[core->n_members], from) == 0 && fine;
		core->n_members++;
	}
	if (!fine) {
		core_free(core);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	*ret_core = core;
	return 0;
}

void core_free(struct core *core)
{
	if (!core) {
		return;
	}
	core_watch_end(core);
	fan_free(core->fan);
	for (size_t i = 0; i < core->n_members; i++) {
		member_done(&core->members[i]);
	}
	free(core->members);
	if (core->locks) {
		keylock_free(core->locks);
	}
	free(core->instance);
	free(core);
}

struct member *member_by_name(const struct core *core, const char *name)
{
	for (size_t i = 0; i < core->n_members; i++) {
		struct member *member = &core->members[i];

		if (streq(member->name, name)) {
			return member;
		}
		for (size_t k = 0; k < member->n_aliases; k++) {
			if (streq(member->aliases[k], name)) {
				return member;
			}
		}
	}
	return NULL;
}

size_t core_backend_count(const struct core *core)
{
	return core->n_members;
}

const char *core_backend_name(const struct core *core, size_t i)
{
	return core->members[i].name;
}

bool core_has_topology(const struct core *core)
{
	for (size_t i = 0; i < core->n_members; i++) {
		if (core->members[i].topology.n > 0) {
			return true;
		}
	}
	return false;
}

const struct be_features *core_backend_features(const struct core *core, size_t i)
{
	struct backend *be = core->members[i].be;

	return be_features(be);
}

size_t core_backend_index(const struct core *core, const char *name)
{
	const struct member *member = member_by_name(core, name);

	return member ? (size_t)(member - core->members) : CORE_BACKEND_NONE;
}

int member_of_id(const struct core *core, enum be_kind kind, const struct core_id *id,
	struct member **ret, struct err *err)
{
	struct member *member = member_by_name(core, id->backend);
	bool foreign = member && kind == BE_KIND_VOLUME && be_features(member->be)->foreign;

	if (!foreign && !objname_is_of(id->object, core->instance, kind)) {
		return err_set(err, ERR_NOT_FOUND,
			"%s %s/%s does not exist: it is no %s of the instance \"%s\"",
			kind_names[kind], id->backend, id->object, kind_names[kind],
			core->instance);
	}
	if (!member) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s %s/%s: the controller's configuration names no backend \"%s\"; add it (or the name as "
			"an alias of the backend that holds its objects now)",
			kind_names[kind], id->backend, id->object, id->backend);
	}
	*ret = member;
	return 0;
}

int member_choose(const struct core *core, const char *name, struct member **ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = sb_init(NAMES_MAX);
	struct member *member;
	char shown[65];

	if (str_empty(name) && core->n_members == 1) {
		*ret = &core->members[0];
		return 0;
	}
	member = str_empty(name) ? NULL : member_by_name(core, name);
	if (member) {
		*ret = member;
		return 0;
	}
	for (size_t i = 0; i < core->n_members; i++) {
		sb_addf(&names, "%s%s", i > 0 ? ", " : "", core->members[i].name);
	}
	if (str_empty(name)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"parameters.backend: missing, and there are %zu backends; name one in the StorageClass: "
			"%s",
			core->n_members, sb_str(&names));
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"parameters.backend: \"%s\" is not in the controller's configuration; correct the StorageClass "
		"(delete it and make it anew) or add the backend; there are %s",
		printable(name, shown, sizeof(shown)),
		core->n_members > 0 ? sb_str(&names) : "none");
}

int member_lock(const struct core *core, const struct member *member, enum be_kind kind,
	const char *object, struct keylock_held **ret, struct err *err)
{
	char key[BE_OBJECT_SIZE + 64];

	(void)snprintf(key, sizeof(key), "%s/%s", member->name, object);
	return keylock_try(core->locks, kind_names[kind], key, ret, err);
}

int member_volume(struct member *member, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	if (member->be->ops->volume_get(member->be, op, object, ret, err) < 0) {
		return err_wrap(err, "volume %s/%s", member->name, object);
	}
	return 0;
}

int core_in_progress(const struct member *member, const char *what, struct err *err)
{
	return err_set(err, ERR_ABORTED,
		"%s: backend %s is still working on it; the next call asks again", what,
		member->name);
}

int core_unless_absent(const struct err *why, struct err *err)
{
	if (why->code == ERR_NOT_FOUND) {
		return 0;
	}
	if (err) {
		*err = *why;
	}
	return -1;
}

int core_wrap_backend(const struct member *member, struct err *err)
{
	char prefix[80];

	(void)snprintf(prefix, sizeof(prefix), "backend %s:", member->name);
	if (err && strncmp(err->msg, prefix, strlen(prefix)) == 0) {
		return -1;
	}
	return err_wrap(err, "backend %s", member->name);
}
