/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of all volumes of this node: a file for each in the state folder, and the same in
 * memory. The users of a subsystem are the records that name it, so there is no second list that
 * could disagree. Thread-safe; what one volume's record says is guarded by that volume's lock.
 */
#pragma once

#include "node/core/record.h"

/** Most records of a node. */
#define RECORDS_MAX 4096

struct records;

/**
 * records_open - read all records in the folder @path and remove half-written files. A file that
 * cannot be read is kept, and every question about its volume fails with the reason.
 * Return: 0 and records for records_free(), or -1 when the folder itself cannot be used, or
 * without memory.
 */
MUST_USE int records_open(const char *path, struct records **ret_records, struct err *err);
void records_free(struct records *records);

/**
 * records_get - a copy of the record of @volume, NULL when there is none.
 * Return: 0 (the caller frees @ret_record), or -1 with the reason why its file cannot be read.
 */
MUST_USE int records_get(
	struct records *records, const char *volume, struct record **ret_record, struct err *err);
/** records_put - write @record to its file, durably, and keep a copy. Return: 0, or -1. */
MUST_USE int records_put(struct records *records, const struct record *record, struct err *err);
/** records_remove - remove the file, durably; not there is fine. Return: 0, or -1. */
MUST_USE int records_remove(struct records *records, const char *volume, struct err *err);
/**
 * records_users - how many volumes other than @except have a record of the boot @boot that uses
 * @nqn (IDLE ones do not, and no connection survives a reboot).
 */
size_t records_users(
	struct records *records, const char *nqn, const char *boot, const char *except);
/** records_bad - how many files could not be read, and the reason of one of them in @err (may be
 * NULL). */
size_t records_bad(struct records *records, struct err *err);
/** records_count - volumes by state. */
size_t records_count(struct records *records, enum record_state state);
/** records_each - show @fn every readable record, in no order; it must be quick and ask nothing of
 * @records. */
void records_each(
	struct records *records, void (*fn)(const struct record *record, void *arg), void *arg);
/** records_volumes - the ids of all volumes with a readable record; a NULL-terminated array that
 * the caller frees with records_volumes_free(). Return: NULL without memory. */
char **records_volumes(struct records *records);
void records_volumes_free(char **volumes);
