/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pointer behind a lock that is held for no longer than it takes to read it.
 */
#include "controller/core/current.h"

#include <pthread.h>

struct current {
	pthread_mutex_t lock;
	struct core *core;
};

struct current *current_new(struct core *take_core)
{
	struct current *current = calloc(1, sizeof(*current));

	if (!current) {
		core_free(take_core);
		return NULL;
	}
	(void)pthread_mutex_init(&current->lock, NULL);
	current->core = take_core;
	return current;
}

void current_free(struct current *current)
{
	if (!current) {
		return;
	}
	core_free(current->core);
	(void)pthread_mutex_destroy(&current->lock);
	free(current);
}

struct core *current_core(struct current *current)
{
	struct core *core;

	(void)pthread_mutex_lock(&current->lock);
	core = core_ref(current->core);
	(void)pthread_mutex_unlock(&current->lock);
	return core;
}

void current_replace(struct current *current, struct core *take_core)
{
	struct core *old;

	(void)pthread_mutex_lock(&current->lock);
	old = current->core;
	/* Before the new one is used, so that the calls that it must wait for only become fewer. */
	core_retire(old, take_core);
	current->core = take_core;
	(void)pthread_mutex_unlock(&current->lock);
	core_free(old);
}
