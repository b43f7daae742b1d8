/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small table under a mutex; targets nobody is at make room for new ones, oldest first.
 */
#include "node/core/gate.h"

#include <pthread.h>

struct target {
	struct portal portal;
	bool bad;
	unsigned inside;
	uint64_t used; /* when last, in entries */
};

struct gate {
	pthread_mutex_t lock;
	uint64_t entries;
	size_t n;
	struct target targets[GATE_TARGETS_MAX];
};

struct gate *gate_new(void)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (gate) {
		(void)pthread_mutex_init(&gate->lock, NULL);
	}
	return gate;
}

void gate_free(struct gate *gate)
{
	if (gate) {
		(void)pthread_mutex_destroy(&gate->lock);
		free(gate);
	}
}

static struct target *find(struct gate *gate, const struct portal *portal)
{
	for (size_t i = 0; i < gate->n; i++) {
		if (portal_equal(&gate->targets[i].portal, portal)) {
			return &gate->targets[i];
		}
	}
	return NULL;
}

/* Room for one more. Return: NULL when the table is full and somebody is at every target. */
static struct target *add(struct gate *gate, const struct portal *portal)
{
	struct target *room = NULL;

	if (gate->n < GATE_TARGETS_MAX) {
		room = &gate->targets[gate->n++];
	} else {
		for (size_t i = 0; i < gate->n; i++) {
			struct target *other = &gate->targets[i];
			if (other->inside == 0 && (!room || other->used < room->used)) {
				room = other;
			}
		}
	}
	if (room) {
		*room = (struct target){.portal = *portal};
	}
	return room;
}

int gate_enter(struct gate *gate, const struct portal *portal, struct err *err)
{
	char text[PORTAL_TEXT_SIZE];
	int result = 0;

	(void)pthread_mutex_lock(&gate->lock);
	struct target *target = find(gate, portal);
	if (!target) {
		target = add(gate, portal);
	}
	if (!target || (target->bad && target->inside >= GATE_BAD)) {
		portal_print(portal, text);
		result = err_set(err, ERR_UNAVAILABLE,
			"target %s: %u operations are waiting for it already and it did not answer last "
			"time; retry",
			text, target ? target->inside : 0);
	} else {
		target->inside++;
		target->used = ++gate->entries;
	}
	(void)pthread_mutex_unlock(&gate->lock);
	return result;
}

void gate_leave(struct gate *gate, const struct portal *portal, bool answered)
{
	(void)pthread_mutex_lock(&gate->lock);
	struct target *target = find(gate, portal);
	if (target) {
		target->inside--;
		target->bad = !answered;
	}
	(void)pthread_mutex_unlock(&gate->lock);
}
