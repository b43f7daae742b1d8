/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volume rules, above any backend and below any transport. The core keeps no database: the
 * backends are asked, and names and ids say where to look. What it does keep is locks (so that a
 * second caller is told to wait), lanes (so that one backend cannot take every worker), and the
 * last good list of each backend.
 * A core never changes its backends; a changed configuration makes another one (core_next()), and
 * who works with one holds it (core/current.h).
 * Thread-safe. Functions take the request (struct op) for its arena and deadline, and the error.
 */
#pragma once

#include "common/base/op.h"
#include "common/nvmf/kv.h"
#include "controller/backend/backend.h"
#include "controller/core/topology.h"

/** Size of a volume when the request names none. */
#define CORE_SIZE_DEFAULT (1 * GIB)
/** Most calls at work on one backend. */
#define CORE_LANE_MAX 16
/** Most questions to one backend that are part of a question to all. */
#define CORE_LISTS_MAX 2
/** Most operations at once. */
#define CORE_LOCKS_MAX 1024
/** Most backends. */
#define CORE_BACKENDS_MAX 32
/** Most segments from which one backend is reached, and bytes of all that is told of a backend. */
#define CORE_SEGMENTS_MAX 32
#define CORE_TOLD_MAX ((size_t)256 * 1024)
/** Most volumes or snapshots of one backend that a list can hold. */
#define CORE_LIST_MAX 32768
/** Most entries of one page, whatever was asked for: an answer must stay below 4 MiB. */
#define CORE_PAGE_MAX 1000
/** How long a list waits for one backend, in ms: without a last good list, and with one. */
#define CORE_LIST_MS 20000
#define CORE_LIST_STALE_MS 5000

struct core;

/** struct core_id - a volume or snapshot: on which backend (name or alias), and its name there. */
struct core_id {
	const char *backend;
	const char *object;
};

/** struct core_backend - a backend for the core; the strings are copied, the backend is taken over.
 */
struct core_backend {
	const char *name;
	const char *const *aliases; /* other names that ids and parameters may use for it */
	size_t n_aliases;
	struct topology topology;     /* from where it is reached */
	struct backend *take_backend; /* NULL, for core_next() only: as in the core before */
};

/**
 * core_new - the core of @instance on @backends. They are taken over also when this fails. Names
 * and aliases were checked and differ.
 * Return: 0 and a core for core_free(), or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int core_new(const char *instance, const struct core_backend *backends, size_t n,
	struct core **ret_core, struct err *err);
/**
 * core_next - the core that is to follow @before, with its instance and locks. A backend without
 * take_backend is the one of that name in @before and goes on with all that is known of it; the
 * others are taken over, also when this fails. Calls on @before are not disturbed.
 * Return: 0 and a core for core_free(), or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int core_next(const struct core *before, const struct core_backend *backends, size_t n,
	struct core **ret_core, struct err *err);
/** core_retire - let no new call in to the backends of @before that are not in @core: just before
 * @core is used in its place. */
void core_retire(const struct core *before, const struct core *core);
/** core_ref - hold it once more. */
struct core *core_ref(struct core *core);
/** core_backend_count - how many backends there are. They are numbered in the order of their names.
 */
size_t core_backend_count(const struct core *core);
/** core_backend_name - of backend @i; borrowed from the core. */
const char *core_backend_name(const struct core *core, size_t i);
/** core_has_topology - is there a backend that is not reached from everywhere? */
bool core_has_topology(const struct core *core);
/** core_backend_features - what backend @i is like; constant, without I/O. */
const struct be_features *core_backend_features(const struct core *core, size_t i);
/** What core_backend_index() says of a name that is none. */
#define CORE_BACKEND_NONE SIZE_MAX
/** core_backend_index - the number of the backend of that name or alias. */
size_t core_backend_index(const struct core *core, const char *name);

/** core_backend_slot - a number of backend @i that it keeps from core to core, below
 * CORE_BACKENDS_MAX. */
size_t core_backend_slot(const struct core *core, size_t i);

/** core_free - let go; the last one closes the backends, once no request is under way. Accepts
 * NULL. */
void core_free(struct core *core);
static inline void core_freep(struct core **core)
{
	core_free(*core);
}
#define _cleanup_core_ _cleanup_(core_freep)
