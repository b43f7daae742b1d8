/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's own state: its backends, looked up by every call. It never changes once it is made; a
 * new configuration makes a new one, which shares with the old one what goes on.
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

static void close_taken(const struct core_backend *backends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		be_close(backends[i].take_backend);
	}
}

/* Without a core before, with locks of its own. */
static struct core *core_empty(const char *instance, size_t n, const struct core *before)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core) {
		return NULL;
	}
	core->refs = 1;
	core->instance = strdup(instance);
	core->locks = before ? locks_ref(before->locks) : locks_new();
	core->members = calloc(n + 1, sizeof(struct member *));
	core->fan = fan_new(n);
	if (!core->instance || !core->locks || !core->members || !core->fan) {
		core_free(core);
		return NULL;
	}
	return core;
}

/* A number that none of @core has; of those the least that none of @before has either, so that what
 * is new does not wait behind calls of what went. */
static size_t free_slot(const struct core *core, const struct core *before)
{
	bool taken[CORE_BACKENDS_MAX] = {false};
	bool was[CORE_BACKENDS_MAX] = {false};
	size_t found = CORE_BACKENDS_MAX;

	for (size_t i = 0; i < core->n_members; i++) {
		taken[core->members[i]->slot] = true;
	}
	for (size_t i = 0; before && i < before->n_members; i++) {
		was[before->members[i]->slot] = true;
	}
	for (size_t i = CORE_BACKENDS_MAX; i > 0; i--) {
		if (!taken[i - 1] && (found == CORE_BACKENDS_MAX || was[found] || !was[i - 1])) {
			found = i - 1;
		}
	}
	return found;
}

/* Those that go on, with their numbers; then the new ones with numbers that are left. */
static int fill(
	struct core *core, const struct core_backend *backends, size_t n, const struct core *before)
{
	const char *last = NULL;
	bool fine = true;

	for (size_t i = 0; i < n; i++) {
		if (!backends[i].take_backend) {
			core->members[core->n_members++] =
				member_ref(member_by_name(before, backends[i].name));
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct member *member;

		if (backends[i].take_backend) {
			member = member_new(&backends[i], free_slot(core, before));
			fine = fine && member;
			if (member) {
				core->members[core->n_members++] = member;
			}
		}
	}
	if (!fine) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		last = backends[next_by_name(backends, n, last)].name;
		for (size_t k = i; k < n; k++) {
			struct member *member = core->members[k];

			if (streq(member->name, last)) {
				core->members[k] = core->members[i];
				core->members[i] = member;
			}
		}
	}
	return 0;
}

int core_new(const char *instance, const struct core_backend *backends, size_t n,
	struct core **ret_core, struct err *err)
{
	struct core *core = core_empty(instance, n, NULL);

	if (!core) {
		close_taken(backends, n);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	if (fill(core, backends, n, NULL) < 0) {
		core_free(core);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	*ret_core = core;
	return 0;
}

static bool goes_on(const struct core *core, const struct member *member)
{
	for (size_t i = 0; i < core->n_members; i++) {
		if (core->members[i] == member) {
			return true;
		}
	}
	return false;
}

/* A target that stands one writer must not meet calls of before and of now at once, whatever name
 * or URL it had. */
static void wait_for_those_that_went(struct core *core, const struct core *before)
{
	for (size_t i = 0; i < core->n_members; i++) {
		struct member *member = core->members[i];

		if (goes_on(before, member) || be_features(member->be)->two_writers) {
			continue;
		}
		for (size_t k = 0; k < before->n_members; k++) {
			struct member *went = before->members[k];

			if (!goes_on(core, went) && !be_features(went->be)->two_writers) {
				member->before[member->n_before++] = member_ref(went);
			}
		}
	}
}

int core_next(const struct core *before, const struct core_backend *backends, size_t n,
	struct core **ret_core, struct err *err)
{
	struct core *core = core_empty(before->instance, n, before);

	if (!core) {
		close_taken(backends, n);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the configuration");
	}
	if (fill(core, backends, n, before) < 0) {
		core_free(core);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the configuration");
	}
	wait_for_those_that_went(core, before);
	*ret_core = core;
	return 0;
}

void core_retire(const struct core *before, const struct core *core)
{
	for (size_t i = 0; i < before->n_members; i++) {
		if (!goes_on(core, before->members[i])) {
			lane_close(&before->members[i]->lane);
			lane_close(&before->members[i]->lists);
		}
	}
}

struct core *core_ref(struct core *core)
{
	(void)atomic_fetch_add(&core->refs, 1);
	return core;
}

void core_free(struct core *core)
{
	if (!core || atomic_fetch_sub(&core->refs, 1) > 1) {
		return;
	}
	core_watch_end(core);
	fan_free(core->fan);
	for (size_t i = 0; i < core->n_members; i++) {
		member_unref(core->members[i]);
	}
	free((void *)core->members);
	locks_unref(core->locks);
	free(core->instance);
	free(core);
}

struct member *member_by_name(const struct core *core, const char *name)
{
	for (size_t i = 0; i < core->n_members; i++) {
		struct member *member = core->members[i];

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
	return core->members[i]->name;
}

bool core_has_topology(const struct core *core)
{
	for (size_t i = 0; i < core->n_members; i++) {
		if (core->members[i]->topology.n > 0) {
			return true;
		}
	}
	return false;
}

const struct be_features *core_backend_features(const struct core *core, size_t i)
{
	struct backend *be = core->members[i]->be;

	return be_features(be);
}

size_t core_backend_index(const struct core *core, const char *name)
{
	const struct member *member = member_by_name(core, name);
	size_t i = 0;

	if (!member) {
		return CORE_BACKEND_NONE;
	}
	while (core->members[i] != member) {
		i++;
	}
	return i;
}

size_t core_backend_slot(const struct core *core, size_t i)
{
	return core->members[i]->slot;
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
		*ret = core->members[0];
		return 0;
	}
	member = str_empty(name) ? NULL : member_by_name(core, name);
	if (member) {
		*ret = member;
		return 0;
	}
	for (size_t i = 0; i < core->n_members; i++) {
		sb_addf(&names, "%s%s", i > 0 ? ", " : "", core->members[i]->name);
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
	return keylock_try(core->locks->keys, kind_names[kind], key, ret, err);
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
