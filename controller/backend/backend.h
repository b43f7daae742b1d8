/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller asks of every storage backend: a table of functions and plain structs, no
 * transport, no protobuf. docs/backend-contract.md says what each call means and what it maps to on
 * the arrays we know; test/backend/conformance holds every backend to it.
 *
 * Rules of all calls:
 * - Any number of calls may run at once, on the same object too, and another process may work on
 *   the same backend. Each call reads, acts and reads again, and may be repeated for ever.
 * - Results live in op->arena, as long as the request. Arguments are borrowed for the call.
 * - No call outlasts op->deadline; it is waited for nowhere else.
 * - Codes of errors: NOT_FOUND only where the object is surely not there (its pool is);
 *   ALREADY_EXISTS the name is taken by something else, and the message says what differs;
 *   RESOURCE_EXHAUSTED no room or a limit; FAILED_PRECONDITION in use; INVALID_ARGUMENT and
 *   OUT_OF_RANGE an argument, named; ABORTED another change of it is under way; UNAUTHENTICATED and
 *   PERMISSION_DENIED our credentials; UNAVAILABLE and DEADLINE_EXCEEDED not there, or outcome
 *   unknown; INTERNAL the backend refused in a way that we cannot name, and did nothing. A call
 *   whose outcome is unknown never fails with a final code (P6).
 */
#pragma once

#include "common/base/breaker.h"
#include "common/base/op.h"
#include "common/base/step.h"
#include "common/nvmf/attach.h"
#include "common/nvmf/kv.h"

/** Longest object name: what SPDK and nvmetcp-target take. */
#define BE_OBJECT_MAX 63
#define BE_OBJECT_SIZE (BE_OBJECT_MAX + 1)
/** Most calls at once on one backend: what the core lets through, with lists and looks at health.
 */
#define BE_CALLS_MAX 24
/** Longest pool name. */
#define BE_POOL_MAX 63
/** Most entries of one page of a list, when some number is asked for. */
#define BE_PAGE_MAX 1000
/** Most metadata entries of one object, and bytes of all keys and values together. */
#define BE_METADATA_MAX 32
#define BE_METADATA_BYTES_MAX 3584
/** Metadata key that is the backend's own; the caller's keys must differ from it. */
#define BE_KEY_NAME "csiName"

/** What is kept with an object. */
enum be_metadata {
	BE_METADATA_FULL,      /* CSI name, source, creation time and the caller's key/values */
	BE_METADATA_NAME_ONLY, /* what an object name can carry (objname.h): the hash of the CSI
				  name, a hash of the source, the creation time of snapshots */
};

/** struct be_features - what a backend is like; constant while it is open, known without I/O. */
struct be_features {
	enum be_metadata metadata;
	bool foreign;		    /* its volumes have names of any shape, and only the
				       PersistentVolume knows them (grant's attributes) */
	bool shared_subsystem;	    /* several volumes in one subsystem */
	bool two_writers;	    /* two controller processes may work on it at once */
	bool snapshots;		    /* the snapshot_ members are there */
	bool snapshots_independent; /* a volume may be deleted before its snapshots */
	bool clone_independent;	    /* a source may be deleted before what was made from it */
	bool clone_volume;	    /* a volume may be made from a volume directly */
	bool expand;		    /* volume_expand is there; works while in use */
	bool rates;		    /* volumes may have limits of rates, which are kept */
	bool exports_persist;	    /* what was granted is still so after its restart */
	unsigned max_portals;	    /* of one grant */
};

/** struct be_limits - sizes in bytes. */
struct be_limits {
	int64_t granularity; /* sizes are multiples of this */
	int64_t min_size;
	int64_t max_size;
	unsigned max_hosts; /* of one volume; 0: not known */
};

enum be_source_kind { BE_BLANK, BE_FROM_SNAPSHOT, BE_FROM_VOLUME };

/** struct be_source - what a volume was made from; object is "" when blank or not known. */
struct be_source {
	enum be_source_kind kind;
	const char *object;
};

/** What a volume's rate may be limited in: I/Os a second, and MiB a second of both ways and of
 * each. */
enum be_rate { BE_RATE_RW_IOPS, BE_RATE_RW_MBYTES, BE_RATE_R_MBYTES, BE_RATE_W_MBYTES, BE_RATES };
/** be_rate_kinds - how a StorageClass calls them, and errors; the least and the most they may be.
 */
extern const struct be_rate_kind {
	const char *name;
	int64_t min;
	int64_t max;
} be_rate_kinds[BE_RATES];

/** struct be_rates - limits of rates; 0: none. */
struct be_rates {
	int64_t of[BE_RATES];
};

/** struct be_volume - a volume as it is. */
struct be_volume {
	const char *object;
	const char *name; /* CSI name, "" where it is not kept */
	const char *pool;
	int64_t size;	    /* bytes */
	int64_t created_ms; /* since 1970, 0 where it is not kept */
	struct be_source source;
	bool source_known;	  /* false: source is BE_BLANK and means nothing */
	struct kv_list metadata;  /* as given at creation, in no order; empty where not kept */
	struct be_rates rates;	  /* as kept; of backends with the feature */
	bool written;		  /* surely holds or held data; false proves nothing */
	bool ready;		  /* false: still being made, or being deleted */
	const char *const *hosts; /* host NQNs that may use it now, in no order */
	size_t n_hosts;
};

/** struct be_snapshot - a snapshot as it is. */
struct be_snapshot {
	const char *object;
	const char *name;   /* CSI name, "" where it is not kept */
	const char *volume; /* object it was cut from, which may be gone by now; "" when a backend
			       without metadata can no longer tell */
	const char *pool;
	int64_t size;	    /* bytes that a volume made from it needs at least */
	int64_t created_ms; /* since 1970: when it was cut */
	struct kv_list metadata;
	bool ready; /* cut, and a volume can be made from it */
};

/** struct be_volume_args - what volume_create makes. */
struct be_volume_args {
	const char *object; /* from objname_make() */
	const char *name;   /* CSI name */
	const char *pool;   /* "": the one of the configuration, else the backend's choice */
	int64_t size;	    /* bytes, at least; a multiple of the granularity */
	int64_t limit;	    /* bytes, at most; 0: none */
	struct be_source source;
	struct be_rates rates;	 /* only for backends with the feature */
	struct kv_list metadata; /* kept with BE_METADATA_FULL, else ignored */
};

/** struct be_snapshot_args - what snapshot_create makes. */
struct be_snapshot_args {
	const char *object;
	const char *name;
	const char *volume; /* object to cut from */
	struct kv_list metadata;
};

/** struct be_expand_args - what volume_expand makes of a volume. */
struct be_expand_args {
	const char *object;
	int64_t size; /* bytes, at least */
};

/** struct be_grant_args - who may use what. */
struct be_grant_args {
	const char *object;
	const char *host_nqn;	   /* revoke: NULL for every host */
	struct kv_list attributes; /* grant: volumeAttributes of the PersistentVolume */
};

/** struct be_page - which part of a list. It is in order of the objects, so that what stays while
 * the pages are read is in them exactly once, whatever else comes and goes. */
struct be_page {
	size_t max;	    /* entries, BE_PAGE_MAX at most; 0: as many as suit the backend */
	const char *token;  /* "": from the start; else `next` of the page before */
	const char *volume; /* snapshots only: those of this volume; "" or NULL: all */
};

struct be_volumes {
	struct be_volume *list;
	size_t n;
	const char *next; /* "" at the end */
};

struct be_snapshots {
	struct be_snapshot *list;
	size_t n;
	const char *next; /* "" at the end */
};

/** struct be_capacity - of a pool, in bytes. */
struct be_capacity {
	int64_t available; /* what may still be created */
	int64_t max_size;  /* largest single volume now: limits and room */
	int64_t min_size;
};

/** struct be_pool - how a pool is. */
struct be_pool {
	const char *name;
	bool there;
	const char *reason; /* why it is not there */
	int64_t size;	    /* bytes that it has for data, when it is there */
	int64_t free;	    /* of those, not written to by anything yet */
};

struct be_pools {
	struct be_pool *list;
	size_t n;
};

/**
 * What a world-changing call came to. BE_FAILED: @err says why. BE_IN_PROGRESS: the backend works
 * on it and nothing failed; the same call again asks how far it is. Results are set only with
 * BE_DONE. Compare with == : BE_IN_PROGRESS is neither done nor an error.
 */
enum be_result { BE_FAILED = -1, BE_DONE = 0, BE_IN_PROGRESS = 1 };

struct backend;

/** struct backend_ops - the functions. Members marked "optional" may be NULL; features tell. */
struct backend_ops {
	/** close - let go; no call may be under way. */
	void (*close)(struct backend *self);
	/** features - see above; lives as long as the backend is open. */
	const struct be_features *(*features)(const struct backend *self);
	/** limits - may ask the backend. Return: 0, or -1. */
	int (*limits)(
		struct backend *self, const struct op *op, struct be_limits *ret, struct err *err);

	/**
	 * volume_create - make a volume, or find it made and say what is there. What is there must
	 * fit: CSI name and source (where kept), pool (when asked for), limits of rates, size
	 * between args->size and args->limit, else ALREADY_EXISTS. Rates hold before it answers.
	 * Metadata is not compared: the caller does that on *ret, since versions of the controller
	 * may differ. One from a source that a crash left too small is grown. NOT_FOUND: the
	 * source. INVALID_ARGUMENT: the pool is not one of the backend's. OUT_OF_RANGE: smaller
	 * than its source, or not within the limits.
	 */
	enum be_result (*volume_create)(const struct step *in, struct backend *self,
		const struct op *op, const struct be_volume_args *args, struct be_volume *ret,
		struct err *err);
	/** volume_delete - BE_DONE when it is gone, or was never there. FAILED_PRECONDITION: a host
	 * has it, or something depends on it; nothing was changed then. */
	enum be_result (*volume_delete)(const struct step *in, struct backend *self,
		const struct op *op, const char *object, struct err *err);
	/** volume_get - Return: 0, or -1 (NOT_FOUND). */
	int (*volume_get)(struct backend *self, const struct op *op, const char *object,
		struct be_volume *ret, struct err *err);
	/** volume_list - the volumes of our instance in all pools, with their hosts. A pool that is
	 * not there fails the call. Return: 0, or -1 (INVALID_ARGUMENT: the token). */
	int (*volume_list)(struct backend *self, const struct op *op, const struct be_page *page,
		struct be_volumes *ret, struct err *err);
	/** volume_expand - (optional) at least @args->size bytes; it never shrinks, and connected
	 * hosts are told. *ret as it is then. NOT_FOUND; OUT_OF_RANGE. */
	enum be_result (*volume_expand)(const struct step *in, struct backend *self,
		const struct op *op, const struct be_expand_args *args, struct be_volume *ret,
		struct err *err);

	/**
	 * grant - let a host use the volume, and say how to reach it: when this answers, it can be
	 * connected at every portal in *ret, and its limits of rates hold. min_size is the size it
	 * has now (it never shrinks); auth and tls are filled. NOT_FOUND: the volume.
	 * RESOURCE_EXHAUSTED: too many hosts.
	 */
	enum be_result (*grant)(const struct step *in, struct backend *self, const struct op *op,
		const struct be_grant_args *args, struct attach_info *ret, struct err *err);
	/**
	 * revoke - BE_DONE only when the host (host_nqn NULL: every host) can no longer write this
	 * volume and its writes under way have ended (P4), or it has no grant, or the volume is not
	 * there. Other hosts see no error.
	 */
	enum be_result (*revoke)(const struct step *in, struct backend *self, const struct op *op,
		const struct be_grant_args *args, struct err *err);

	/** snapshot_create - (optional) cut a snapshot, or find it cut. ALREADY_EXISTS: it is of
	 * another volume, or of another CSI name. NOT_FOUND: the volume. BE_DONE as soon as it is
	 * cut; ret->ready says whether it can be used. */
	enum be_result (*snapshot_create)(const struct step *in, struct backend *self,
		const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
		struct err *err);
	/** snapshot_delete - (optional) as volume_delete. */
	enum be_result (*snapshot_delete)(const struct step *in, struct backend *self,
		const struct op *op, const char *object, struct err *err);
	/** snapshot_get - (optional) one that is not ready is found, too. */
	int (*snapshot_get)(struct backend *self, const struct op *op, const char *object,
		struct be_snapshot *ret, struct err *err);
	/** snapshot_list - (optional) as volume_list. */
	int (*snapshot_list)(struct backend *self, const struct op *op, const struct be_page *page,
		struct be_snapshots *ret, struct err *err);

	/** capacity - (optional) of @pool ("": as volume_create would choose). INVALID_ARGUMENT: no
	 * such pool. */
	int (*capacity)(struct backend *self, const struct op *op, const char *pool,
		struct be_capacity *ret, struct err *err);
	/** pools - (optional) how all pools are; one that is not there is told, and fails nothing.
	 * For the health of volumes. Return: 0, or -1. */
	int (*pools)(
		struct backend *self, const struct op *op, struct be_pools *ret, struct err *err);
	/** probe - (optional) does it work, and are its pools there? Asked all the time, so it must
	 * cost the same whatever the backend holds; without it capacity is asked. */
	int (*probe)(struct backend *self, const struct op *op, struct err *err);
	/** link - (optional) does the other side answer at all? Known without I/O. */
	void (*link)(struct backend *self, struct breaker_state *ret);
};

/** struct backend - an open backend; the first member of each one's own struct. */
struct backend {
	const struct backend_ops *ops;
};

/** struct be_config - one entry of the controller's configuration; borrowed for the call of open.
 * Strings that were not given are "". */
struct be_config {
	const char *name;     /* of the backend: part of every id */
	const char *instance; /* of this cluster: part of every object name */
	const char *url;
	const char *ca_file;
	const char *token_file;
	const char *pool;     /* default pool */
	struct kv_list extra; /* the keys that the type names */
};

/** struct backend_type - a row of the registry: what "type" stands for. */
struct backend_type {
	const char *type;
	/** Keys beyond the common ones that its configuration may have; NULL-terminated. */
	const char *const *extra_keys;
	/**
	 * open - check the configuration; connects nothing, so a backend that is down does not keep
	 * the controller from starting. Return: 0 and *ret for ops->close(), or -1 with
	 * INVALID_ARGUMENT that starts with the key ("url: ...").
	 */
	int (*open)(const struct be_config *config, struct backend **ret, struct err *err);
};

/** be_close - close @be; accepts NULL. */
void be_close(struct backend *be);
static inline void be_closep(struct backend **be)
{
	be_close(*be);
}
#define _cleanup_backend_ _cleanup_(be_closep)
/** be_features - what @be is like; lives as long as it is open. */
static inline const struct be_features *be_features(const struct backend *be)
{
	return be->ops->features(be);
}

/*
 * For those who write backends.
 */

/** be_config_text - the configuration's @key into @out of @size bytes. Return: 0, or -1
 * INVALID_ARGUMENT when it is too long. */
MUST_USE int be_config_text(
	const char *key, const char *text, char *out, size_t size, struct err *err);
/** be_none_of_ours - @what ("the volume") has not a name of @instance: NOT_FOUND. Return: always
 * -1. */
int be_none_of_ours(const char *backend, const char *instance, const char *what, struct err *err);
/** be_volume_fits - is what is there (@have) what @want asks for (see volume_create)? Return: 0, or
 * -1 ALREADY_EXISTS saying what differs. */
MUST_USE int be_volume_fits(
	const struct be_volume *have, const struct be_volume_args *want, struct err *err);
/** be_snapshot_fits - the same for snapshots. */
MUST_USE int be_snapshot_fits(
	const struct be_snapshot *have, const struct be_snapshot_args *want, struct err *err);
/** be_size_check - is @size a multiple of the granularity within the limits? Return: 0, or -1
 * OUT_OF_RANGE. */
MUST_USE int be_size_check(const struct be_limits *limits, int64_t size, struct err *err);
/** be_metadata_check - are number, bytes and keys of @metadata within the limits above? Return: 0,
 * or -1 INVALID_ARGUMENT. */
MUST_USE int be_metadata_check(struct kv_list metadata, struct err *err);
/** be_metadata_copy - @list in @arena. Return: 0, or -1 UNAVAILABLE. */
MUST_USE int be_metadata_copy(
	struct arena *arena, struct kv_list list, struct kv_list *ret, struct err *err);
/** be_no_memory - the arena is full: UNAVAILABLE, since the effect may be there already. Return:
 * always -1. */
int be_no_memory(struct err *err);
/** be_not_final - make @err's code one that does not say "nothing was done" (P6): a final one
 * becomes UNAVAILABLE. Return: always -1. */
int be_not_final(struct err *err);
