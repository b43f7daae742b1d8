/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept about a volume or a snapshot, and its text in the pool. An object never changes once
 * others can see it: a change is a copy that takes its place. Reference-counted; reading one is
 * thread-safe, making and filling one belongs to one thread.
 */
#pragma once

#include "common/base/err.h"
#include "common/nvmf/nqn.h"
#include "target/store/store.h"

/** Most hosts that one volume may be granted to. */
#define OBJECT_HOSTS_MAX 64
/** Limits of metadata: members, bytes of a key, bytes of keys and values together. */
#define METADATA_ITEMS_MAX 64
#define METADATA_KEY_MAX 128
#define METADATA_BYTES_MAX 4096
/** Most text that metadata of these limits can become (each byte may be escaped). */
#define METADATA_TEXT_MAX (METADATA_BYTES_MAX * 6 + METADATA_ITEMS_MAX * 6 + 2)

/**
 * How far an object is; in this order over its life. The text with `creating` is written before
 * there is data, the one with `deleting` before data goes: after a crash a creation is taken back,
 * a deletion is finished.
 */
enum object_phase { PHASE_CREATING, PHASE_READY, PHASE_DELETING };

enum source_kind { SOURCE_NONE, SOURCE_VOLUME, SOURCE_SNAPSHOT };

/** struct host_set - host NQNs, none twice. */
struct host_set {
	unsigned n;
	char *list[OBJECT_HOSTS_MAX];
};

struct object {
	_Atomic unsigned refs;
	enum object_kind kind;
	char id[OBJECT_ID_SIZE];
	enum object_phase phase;
	char instance[INSTANCE_MAX + 1];
	int64_t size;
	int64_t grown_from;	 /* volumes: while the data may still be as small as this, else 0 */
	int64_t created_size;	 /* volumes: at creation, what a repeated creation may ask for */
	int64_t created_ms;	 /* since 1970 */
	enum source_kind source; /* snapshots: SOURCE_VOLUME */
	char source_id[OBJECT_ID_SIZE];
	char *metadata; /* a JSON object with sorted keys; "{}" when there is none */
	int64_t pinned; /* snapshots: bytes it keeps allocated whatever its volume does */
	/* Volumes only. */
	char subsystem[OBJECT_ID_SIZE]; /* "" for one of its own */
	uint8_t uuid[16];		/* of the namespace; the NGUID has the same bytes */
	uint32_t nsid;
	bool written;		 /* made from a source, or something was seen allocated */
	struct host_set hosts;	 /* granted */
	struct host_set fencing; /* revoked, but the kernel may still let them in */
};

/** object_new - an empty object with one reference. Return: NULL without memory. */
struct object *object_new(enum object_kind kind, const char *id);
/** object_copy - a new one with the same content. Return: NULL without memory. */
struct object *object_copy(const struct object *object);
struct object *object_ref(struct object *object);
/** object_unref - let go; accepts NULL. */
void object_unref(struct object *object);
static inline void object_unrefp(struct object **object)
{
	object_unref(*object);
}
#define _cleanup_object_ _cleanup_(object_unrefp)

/** object_name_of - its name; lives as long as the object. */
struct object_name object_name_of(const struct object *object);
/** object_committed - bytes of the pool that are promised to it, where space is given out in pieces
 * of @extent. */
int64_t object_committed(const struct object *object, int64_t extent);

/** host_set_has - exact comparison, ever. */
bool host_set_has(const struct host_set *set, const char *nqn);
/** host_set_add - add unless it is there. Return: 0, or -1 RESOURCE_EXHAUSTED at OBJECT_HOSTS_MAX.
 */
MUST_USE int host_set_add(struct host_set *set, const char *nqn, struct err *err);
/** host_set_remove - a host that is not there is fine. */
void host_set_remove(struct host_set *set, const char *nqn);
/** host_set_done - empty it. */
void host_set_done(struct host_set *set);

struct js;
struct js_at;
/** object_metadata_read - the member "metadata" of @in, "{}" when absent, in its kept form; the
 * caller frees. Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int object_metadata_read(const struct js_at *in, char **ret_text, struct err *err);
/** object_metadata_js - the kept form as a value again, NULL on failure. */
struct js *object_metadata_js(const char *text);
/** object_source_read - the member "source" of @in. Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int object_source_read(const struct js_at *in, enum source_kind *ret_kind,
	char ret_id[OBJECT_ID_SIZE], struct err *err);
/** object_source_js - sets the member "source" of @obj unless there is none. */
void object_source_js(struct js *obj, const struct object *object);

/** object_print - its text for the pool; the caller frees. */
MUST_USE int object_print(const struct object *object, char **ret_text, struct err *err);
/** object_parse - the object that @text describes, whose id must be @name's. Return: 0, or -1
 * DATA_LOSS that says what is wrong, RESOURCE_EXHAUSTED without memory. */
MUST_USE int object_parse(
	struct object_name name, const char *text, struct object **ret_object, struct err *err);
