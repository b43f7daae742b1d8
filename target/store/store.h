/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store: where the bytes of volumes and snapshots are, and beside them one small state text per
 * object. It knows nothing of what the states say, of capacity rules or of exports.
 * All functions are thread-safe for different objects; calls on one object are serialised by the
 * caller. A store whose pool went away answers UNAVAILABLE, never "not found": absent is not gone.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/step.h"

#include <limits.h>

/** Longest id of a volume or snapshot. */
#define OBJECT_ID_MAX 63
#define OBJECT_ID_SIZE (OBJECT_ID_MAX + 1)
/** Sizes come in steps of this many bytes, from the least to the largest; of a store whose own step
 * is larger, a volume gets the next size that it has. */
#define STORE_GRANULARITY INT64_C(4096)
#define STORE_VOLUME_MIN MIB
#define STORE_VOLUME_MAX (64 * TIB)
/** Longest state text. */
#define STORE_STATE_MAX (256 * 1024)

enum object_kind { OBJECT_VOLUME, OBJECT_SNAPSHOT, OBJECT_KINDS };

/** struct object_name - which object; a plain value, the id is borrowed. */
struct object_name {
	enum object_kind kind;
	const char *id;
};

/** object_kind_name - "volume", "snapshot". */
const char *object_kind_name(enum object_kind kind);
/** object_id_check - 1 to OBJECT_ID_MAX of [a-z0-9-], no '-' first. Return: 0, or -1
 * INVALID_ARGUMENT naming @field. */
MUST_USE int object_id_check(const char *field, const char *id, struct err *err);

/** struct store_usage - bytes of the whole pool. */
struct store_usage {
	int64_t size; /* what volumes and snapshots may take together, the store's own needs taken
			 off */
	int64_t free; /* not allocated at the moment */
	/* Where the store's own bookkeeping has a space of its own, which may fill up first; else
	 * 0. */
	int64_t meta_size;
	int64_t meta_free;
};

/** Nothing new is made, and nothing grows, while less than one part in so many of meta_size is
 * free. */
#define STORE_META_RESERVE_PART 10

/** struct store_stat - one object's data. */
struct store_stat {
	int64_t size;
	int64_t allocated; /* bytes, shared ones included */
};

/** struct store_limits - what differs between stores; powers of 2. */
struct store_limits {
	int64_t granularity; /* sizes are multiples of it; a multiple of STORE_GRANULARITY */
	int64_t extent;	     /* a volume may take its size, rounded up to a multiple of this */
};

struct store;

/**
 * struct store_ops - one kind of store. Each function returns 0, or -1 with @err: UNAVAILABLE when
 * the pool is not there, RESOURCE_EXHAUSTED when it is full or a named limit is reached.
 * @in: the step under way. What a changing function did is on stable storage when it returns.
 */
struct store_ops {
	const char *type; /* as in the configuration: "file" */
	/** Is the pool there, and is it the one that was opened? */
	int (*check)(struct store *store, struct err *err);
	int (*usage)(struct store *store, struct store_usage *ret, struct err *err);

	/** A new volume of zeros; data under this name must not exist (ALREADY_EXISTS). */
	int (*create)(const struct step *in, struct store *store, struct object_name name,
		int64_t size, struct err *err);
	/** A copy of @from as it is at one moment, grown to @size; data at @to must not exist. */
	int (*clone)(const struct step *in, struct store *store, struct object_name from,
		struct object_name to, int64_t size, struct err *err);
	/** Grow to @size; smaller is FAILED_PRECONDITION, equal does nothing. */
	int (*grow)(const struct step *in, struct store *store, struct object_name name,
		int64_t size, struct err *err);
	/** Remove the data; data that is not there is fine. */
	int (*remove)(const struct step *in, struct store *store, struct object_name name,
		struct err *err);
	/** Wait until writes that reached the store before this call are done. */
	int (*drain)(const struct step *in, struct store *store, struct object_name name,
		struct err *err);

	/** Have the kernel know the data, after a reboot. NULL where it always does. */
	int (*wake)(const struct step *in, struct store *store, struct object_name name,
		struct err *err);
	/** NOT_FOUND when there is no data under this name. */
	int (*stat)(struct store *store, struct object_name name, struct store_stat *ret,
		struct err *err);
	/** In how many pieces the data lies. NULL where that makes no difference. */
	int (*extents)(struct store *store, struct object_name name, int64_t *ret, struct err *err);
	/** What the kernel's target opens: an absolute path. */
	int (*path)(
		struct store *store, struct object_name name, char ret[PATH_MAX], struct err *err);

	/** The state text, replaced as one. One that exists can be replaced on a full pool, too. */
	int (*state_write)(const struct step *in, struct store *store, struct object_name name,
		const char *text, struct err *err);
	/** NOT_FOUND when absent; the caller frees. */
	int (*state_read)(
		struct store *store, struct object_name name, char **ret_text, struct err *err);
	int (*state_remove)(const struct step *in, struct store *store, struct object_name name,
		struct err *err);
	/** Ids that have a state (@states) or data (not @states), until @fn returns non-zero. */
	int (*each)(struct store *store, enum object_kind kind, bool states,
		int (*fn)(const char *id, void *arg), void *arg, struct err *err);
	/** Keep the generation with the pool (generation.h). */
	int (*generation_write)(
		const struct step *in, struct store *store, int64_t generation, struct err *err);
	/** Remove what an interrupted state_write left, and prepare for a full pool. */
	int (*tidy)(const struct step *in, struct store *store, struct err *err);

	void (*free)(struct store *store);
};

/** The head of every store. */
struct store {
	const struct store_ops *ops;
	struct store_limits limits;
	struct pooldir *dir; /* identity and states (pooldir.h); part of the whole store */
};

/** round_up - to a multiple of @unit, a power of 2; sizes are far below the largest number. */
static inline int64_t round_up(int64_t size, int64_t unit)
{
	return (size + unit - 1) & ~(unit - 1);
}

/** store_free - accepts NULL. */
void store_free(struct store *store);
static inline void store_freep(struct store **store)
{
	store_free(*store);
}
#define _cleanup_store_ _cleanup_(store_freep)
