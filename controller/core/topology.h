/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From where a backend is reached: some segments of the topology, each a set of keys and values. A
 * node is in a segment when it tells all of its keys with these values.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/nvmf/kv.h"

/** struct topology - segments; with none of them: no constraint, from everywhere. */
struct topology {
	const struct kv_list *segments;
	size_t n;
};

/**
 * topology_meets - is there a place in @segment that is in @topology? So it is where the one names
 * all that the other does: a node tells more than a backend needs, and a class may name less.
 */
bool topology_meets(const struct topology *topology, struct kv_list segment);
/** topology_meets_any - of any segment in @asked; with none of them nothing is asked. */
bool topology_meets_any(const struct topology *topology, const struct topology *asked);
/** topology_copy - a copy of @from in @arena. Return: 0, or -1 when it does not fit. */
MUST_USE int topology_copy(struct arena *arena, const struct topology *from, struct topology *ret);
/** topology_print - "zone=a,rack=7 or zone=b", some segments at most, for messages. */
void topology_print(const struct topology *topology, struct strbuf *out);
