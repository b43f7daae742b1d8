/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of backend objects. The object of an id is the same everywhere:
 *   <instance>-<kind>-<32 hex digits of the CSI name's hash>
 * A backend that keeps no metadata stores it under a longer name, which also carries a hash of the
 * source and the time of creation, in 63 bytes:
 *   <instance>-<kind><26 digits of the hash>-<11 digits of the source's hash><7 digits of the time>
 * The digits are base 32 (a-z2-7). The stored name starts with objname_stored_prefix(), by which an
 * object is found again without knowing the rest.
 */
#pragma once

#include "controller/backend/backend.h"

enum be_kind { BE_KIND_VOLUME, BE_KIND_SNAPSHOT };

/**
 * objname_make - the object of the CSI name @name. @instance is checked (instance_check).
 */
void objname_make(
	const char *instance, enum be_kind kind, const char *name, char out[BE_OBJECT_SIZE]);
/** objname_is_of - true when @object has the shape that objname_make() gives for @instance and
 * @kind. */
bool objname_is_of(const char *object, const char *instance, enum be_kind kind);

/** struct objname_stored - what a stored name says. */
struct objname_stored {
	char object[BE_OBJECT_SIZE];
	enum be_kind kind;
	bool has_source;
	uint64_t source_hash; /* OBJNAME_SOURCE_BITS bits; 0 without source */
	int64_t created_ms;   /* in whole seconds */
	uint64_t note;	      /* what objname_store_note() put in place of the time */
};

/** Bits of a note. */
#define OBJNAME_NOTE_BITS 35

/** Bits of the source's hash in a stored name. */
#define OBJNAME_SOURCE_BITS 55

/** objname_source_hash - the hash of @source as a stored name carries it; 0 for blank, never 0
 * else. A snapshot's source is its volume. */
uint64_t objname_source_hash(const struct be_source *source);
/**
 * objname_store - the stored name of @object. Return: 0, or -1 INTERNAL when @object was not made
 * by objname_make() or @created_ms is out of range.
 */
MUST_USE int objname_store(const char *object, const struct be_source *source, int64_t created_ms,
	char out[BE_OBJECT_SIZE], struct err *err);
/** objname_store_note - the same with a number of OBJNAME_NOTE_BITS bits in place of the time, for
 * a backend that has something else to keep with a volume. */
MUST_USE int objname_store_note(const char *object, const struct be_source *source, uint64_t note,
	char out[BE_OBJECT_SIZE], struct err *err);
/** objname_stored_prefix - what every stored name of @object starts with. Return: 0, or -1
 * NOT_FOUND when @object was not made by objname_make(). */
MUST_USE int objname_stored_prefix(const char *object, char out[BE_OBJECT_SIZE], struct err *err);
/** objname_read - read a stored name. Return: true and *ret, or false when it is not one of ours
 * of @instance. */
bool objname_read(const char *stored, const char *instance, struct objname_stored *ret);
