/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the SPDK backend share: the open backend, and calls of the target.
 */
#pragma once

#include "common/base/keylock.h"
#include "common/base/map.h"
#include "common/nvmf/portal.h"
#include "controller/backend/objname.h"
#include "controller/backend/spdk/line.h"
#include "controller/backend/spdk/rpc.h"

#include <pthread.h>

/** Most pools of one backend. */
#define SPDK_POOLS_MAX 16
/** Most lvols, bdevs, subsystems, hosts of one, that an answer may hold. */
#define SPDK_LVOLS_MAX 65536
#define SPDK_HOSTS_MAX 4096
/** Longest name of a bdev or lvol store, or of something else of the target's. */
#define SPDK_TEXT_MAX 256
/** A uuid as SPDK writes it, with its NUL. */
#define SPDK_UUID_SIZE 37
/** Largest volume: the size in blocks must stay exact everywhere. */
#define SPDK_SIZE_MAX (64 * TIB)
/** How long what is said of the pools' clusters is taken as true, in ms. */
#define SPDK_LIMITS_MS 60000
/** Releases as numbers: 2209 is 22.09. */
#define SPDK_RELEASE_MIB 2309 /* from here on sizes are in MiB */

/** struct spdk_wanted_pool - a pool that the configuration names. */
struct spdk_wanted_pool {
	char name[BE_POOL_MAX + 1];
	char uuid[SPDK_UUID_SIZE]; /* "": any */
};

struct spdk_backend {
	struct backend be;
	char name[SPDK_TEXT_MAX];
	char instance[INSTANCE_MAX + 1];
	char pool[BE_POOL_MAX + 1]; /* "" : none configured */
	struct spdk_wanted_pool pools[SPDK_POOLS_MAX];
	size_t n_pools;
	struct portals portals;
	double ratio; /* how much of a pool may be promised */
	struct spdk_line *line;
	struct keylock *objects; /* changes of one object, one after the other */

	pthread_mutex_t lock; /* of what follows; never held over I/O */
	int64_t last_id;
	int release; /* 0: not known */
	struct be_limits limits;
	int64_t limits_until_ms; /* 0: not known */
	struct map *uuids;	 /* object -> uuid of its lvol: where to look first */
};

static inline struct spdk_backend *spdk_of(struct backend *be)
{
	return container_of(be, struct spdk_backend, be);
}

/** struct spdk_call - one method of the target; start it with .method and .params. */
struct spdk_call {
	const char *method;
	struct js *params;   /* NULL: none; taken over by the call */
	enum spdk_said said; /* after a failure: what the target itself said */
	struct js_doc *doc;  /* after a success: the answer, "result" is its member */
	bool list;	     /* "result" is a long list: it is in items, one by one */
	struct js_items items;
	char *text; /* of the answer, when it is a list */
};
/** spdk_call_done - free what it holds. */
void spdk_call_done(struct spdk_call *call);
#define _cleanup_spdk_call_ _cleanup_(spdk_call_done)

/** spdk_ask - a method that only reads. Return: 0, or -1 with call->said. */
MUST_USE int spdk_ask(
	struct spdk_backend *sb, const struct op *op, struct spdk_call *call, struct err *err);
/** spdk_send - a method that changes something. */
MUST_USE int spdk_send(const struct step *in, struct spdk_backend *sb, const struct op *op,
	struct spdk_call *call, struct err *err);
/** spdk_next - the next element of a list, which is of at most SPDK_LVOLS_MAX. Return: 1 and a
 * document for js_doc_free(), 0 at the end, or -1. */
MUST_USE int spdk_next(const struct spdk_backend *sb, struct spdk_call *call,
	struct js_doc **ret_doc, struct err *err);
/** spdk_garbage - the answer has not the shape that SPDK gives it (the reason is in @err):
 * UNAVAILABLE, as nothing is known. Return: always -1. */
int spdk_garbage(const struct spdk_backend *sb, const char *method, struct err *err);
/** spdk_release - 2509 for 25.09; asked once. */
MUST_USE int spdk_release(
	struct spdk_backend *sb, const struct op *op, int *ret_release, struct err *err);

/** spdk_lock - hold off other changes of @object until the deadline. */
MUST_USE int spdk_lock(struct spdk_backend *sb, const struct op *op, const char *object,
	struct keylock_held **ret_held, struct err *err);

/** spdk_hint - where was @object last? Return: true and its uuid. */
bool spdk_hint(struct spdk_backend *sb, const char *object, char ret_uuid[SPDK_UUID_SIZE]);
/** spdk_hint_set - it is there; @uuid NULL: it is not there any more. */
void spdk_hint_set(struct spdk_backend *sb, const char *object, const char *uuid);
/** spdk_hint_volume - which volume has this hash, as far as is remembered? Return: true and its
 * object. */
bool spdk_hint_volume(struct spdk_backend *sb, uint64_t hash, char ret_object[BE_OBJECT_SIZE]);
