/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One backend of the core, from its opening to the end of the last call that uses it; and the locks
 * that all cores of a process share.
 */
#include "controller/core/member.h"

static void member_free(struct member *member)
{
	for (size_t i = 0; i < member->n_before; i++) {
		member_unref(member->before[i]);
	}
	be_close(member->be);
	arena_free(member->arena);
	listing_unref(member->last);
	lane_done(&member->lane);
	lane_done(&member->lists);
	(void)pthread_mutex_destroy(&member->lock);
	free(member);
}

static int copy_words(struct member *member, const struct core_backend *from)
{
	member->arena = arena_new(CORE_TOLD_MAX);
	if (!member->arena) {
		return -1;
	}
	member->name = arena_strdup(member->arena, from->name);
	member->aliases =
		arena_alloc(member->arena, (from->n_aliases + 1) * sizeof(*member->aliases));
	if (!member->name || !member->aliases ||
		topology_copy(member->arena, &from->topology, &member->topology) < 0) {
		return -1;
	}
	for (size_t i = 0; i < from->n_aliases; i++) {
		member->aliases[i] = arena_strdup(member->arena, from->aliases[i]);
		if (!member->aliases[i]) {
			return -1;
		}
		member->n_aliases++;
	}
	return 0;
}

struct member *member_new(const struct core_backend *from, size_t slot)
{
	struct member *member = calloc(1, sizeof(*member));

	if (!member) {
		be_close(from->take_backend);
		return NULL;
	}
	member->refs = 1;
	member->slot = slot;
	member->be = from->take_backend;
	lane_init(&member->lane, "calls", CORE_LANE_MAX);
	lane_init(&member->lists, "lists", CORE_LISTS_MAX);
	(void)pthread_mutex_init(&member->lock, NULL);
	if (copy_words(member, from) < 0) {
		member_free(member);
		return NULL;
	}
	return member;
}

struct member *member_ref(struct member *member)
{
	(void)atomic_fetch_add(&member->refs, 1);
	return member;
}

void member_unref(struct member *member)
{
	if (member && atomic_fetch_sub(&member->refs, 1) == 1) {
		member_free(member);
	}
}

/* Calls at work on those that went before it, and before those. */
static unsigned at_work_before(struct member *member)
{
	unsigned n = 0;

	(void)pthread_mutex_lock(&member->lock);
	for (size_t i = 0; i < member->n_before; i++) {
		struct member *went = member->before[i];

		n += lane_busy(&went->lane) + lane_busy(&went->lists) + at_work_before(went);
	}
	(void)pthread_mutex_unlock(&member->lock);
	return n;
}

int member_ready(struct member *member, struct err *err)
{
	struct member *went[CORE_BACKENDS_MAX];
	unsigned n = at_work_before(member);
	size_t n_went;

	if (n > 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: the controller's configuration has changed, and %u calls of before are "
			"still at work on a backend that stands one controller; retry",
			member->name, n);
	}
	(void)pthread_mutex_lock(&member->lock);
	n_went = member->n_before;
	memcpy(went, member->before, n_went * sizeof(struct member *));
	member->n_before = 0;
	(void)pthread_mutex_unlock(&member->lock);
	for (size_t i = 0; i < n_went; i++) {
		member_unref(went[i]);
	}
	return 0;
}

int member_enter(
	struct member *member, struct lane *lane, struct lane **ret_entered, struct err *err)
{
	return member_ready(member, err) < 0 ? -1
					     : lane_enter(lane, member->name, ret_entered, err);
}

struct locks *locks_new(void)
{
	struct locks *locks = calloc(1, sizeof(*locks));

	if (!locks) {
		return NULL;
	}
	locks->refs = 1;
	locks->keys = keylock_new(CORE_LOCKS_MAX);
	if (!locks->keys) {
		free(locks);
		return NULL;
	}
	return locks;
}

struct locks *locks_ref(struct locks *locks)
{
	(void)atomic_fetch_add(&locks->refs, 1);
	return locks;
}

void locks_unref(struct locks *locks)
{
	if (locks && atomic_fetch_sub(&locks->refs, 1) == 1) {
		keylock_free(locks->keys);
		free(locks);
	}
}
