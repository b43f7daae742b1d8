/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing segments.
 */
#include "controller/core/topology.h"

/** Most segments that a message shows. */
#define SHOWN_MAX 4

bool topology_meets(const struct topology *topology, struct kv_list segment)
{
	for (size_t i = 0; i < topology->n; i++) {
		if (kv_contains(segment, topology->segments[i]) ||
			kv_contains(topology->segments[i], segment)) {
			return true;
		}
	}
	return topology->n == 0;
}

bool topology_meets_any(const struct topology *topology, const struct topology *asked)
{
	for (size_t i = 0; i < asked->n; i++) {
		if (topology_meets(topology, asked->segments[i])) {
			return true;
		}
	}
	return asked->n == 0;
}

static int copy_segment(struct arena *arena, struct kv_list from, struct kv_list *ret)
{
	struct kv *items = arena_alloc(arena, (from.n + 1) * sizeof(*items));

	for (size_t i = 0; items && i < from.n; i++) {
		items[i].key = arena_strdup(arena, from.items[i].key);
		items[i].value = arena_strdup(arena, from.items[i].value);
		if (!items[i].key || !items[i].value) {
			return -1;
		}
	}
	*ret = (struct kv_list){.items = items, .n = from.n};
	return items ? 0 : -1;
}

int topology_copy(struct arena *arena, const struct topology *from, struct topology *ret)
{
	struct kv_list *segments = arena_alloc(arena, (from->n + 1) * sizeof(*segments));

	if (!segments) {
		return -1;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (copy_segment(arena, from->segments[i], &segments[i]) < 0) {
			return -1;
		}
	}
	*ret = (struct topology){.segments = segments, .n = from->n};
	return 0;
}

void topology_print(const struct topology *topology, struct strbuf *out)
{
	for (size_t i = 0; i < topology->n && i < SHOWN_MAX; i++) {
		const struct kv_list *segment = &topology->segments[i];

		sb_add(out, i > 0 ? " or " : "");
		for (size_t k = 0; k < segment->n; k++) {
			sb_addf(out, "%s%s=%s", k > 0 ? "," : "", segment->items[k].key,
				segment->items[k].value);
		}
	}
	if (topology->n > SHOWN_MAX) {
		sb_addf(out, " or %zu more", topology->n - SHOWN_MAX);
	}
}
