/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small table of portals that failed, with a doubling time each.
 */
#include "node/nvme/portal_probe.h"

#include <pthread.h>

struct entry {
	struct portal portal;
	int64_t wait_ms;
	int64_t until_ms;
};

struct quarantine {
	pthread_mutex_t lock;
	size_t max;
	size_t n;
	struct entry entries[];
};

int quarantine_new(size_t max, struct quarantine **ret, struct err *err)
{
	struct quarantine *q = max > 0 ? calloc(1, sizeof(*q) + max * sizeof(struct entry)) : NULL;

	if (!q) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "quarantine: out of memory");
	}
	(void)pthread_mutex_init(&q->lock, NULL);
	q->max = max;
	*ret = q;
	return 0;
}

void quarantine_free(struct quarantine *q)
{
	if (q) {
		(void)pthread_mutex_destroy(&q->lock);
		free(q);
	}
}

static struct entry *find(struct quarantine *q, const struct portal *portal)
{
	for (size_t i = 0; i < q->n; i++) {
		if (portal_equal(&q->entries[i].portal, portal)) {
			return &q->entries[i];
		}
	}
	return NULL;
}

/* A place for one more portal: a new one, else that of the portal that is free soonest. */
static struct entry *place(struct quarantine *q)
{
	struct entry *soonest = &q->entries[0];

	if (q->n < q->max) {
		return &q->entries[q->n++];
	}
	for (size_t i = 1; i < q->n; i++) {
		if (q->entries[i].until_ms < soonest->until_ms) {
			soonest = &q->entries[i];
		}
	}
	return soonest;
}

int64_t quarantine_failed(struct quarantine *q, const struct portal *portal, int64_t now_ms)
{
	(void)pthread_mutex_lock(&q->lock);
	struct entry *entry = find(q, portal);
	if (!entry) {
		entry = place(q);
		*entry = (struct entry){.portal = *portal, .wait_ms = QUARANTINE_FIRST_MS};
	} else {
		entry->wait_ms = MIN(entry->wait_ms * 2, (int64_t)QUARANTINE_LONGEST_MS);
	}
	int64_t wait = entry->wait_ms;
	entry->until_ms = now_ms + wait;
	(void)pthread_mutex_unlock(&q->lock);
	return wait;
}

void quarantine_worked(struct quarantine *q, const struct portal *portal)
{
	(void)pthread_mutex_lock(&q->lock);
	struct entry *entry = find(q, portal);
	if (entry) {
		*entry = q->entries[--q->n];
	}
	(void)pthread_mutex_unlock(&q->lock);
}

int64_t quarantine_left_ms(struct quarantine *q, const struct portal *portal, int64_t now_ms)
{
	(void)pthread_mutex_lock(&q->lock);
	const struct entry *entry = find(q, portal);
	int64_t left = entry ? entry->until_ms - now_ms : 0;
	(void)pthread_mutex_unlock(&q->lock);
	return MAX(left, (int64_t)0);
}
