/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of LVM, one volume group each: run without a shell, with a deadline, and never two
 * at once, over all processes of ours; reports as JSON with exact bytes; failures as our codes.
 *
 * A command that changes something is never killed: lvm between two of its own steps may hold
 * devices suspended. At the deadline it is left to go on, and keeps the lock until its end.
 */
#pragma once

#include "common/base/step.h"
#include "common/json/json.h"
#include "target/store/dm.h"

/** Longest name of a volume group or a logical volume, with the NUL; LVM's own limit. */
#define LVM_NAME_SIZE 128
/** A UUID as LVM prints it: 32 characters and six '-'. */
#define LVM_UUID_SIZE 39
/** Most rows of a report: all objects of a full pool, and as many others. */
#define LVM_ROWS_MAX 50000

/** struct lvm_env - the machine's programs and places; a test stands in for them here. */
struct lvm_env {
	const char *lvm;
	const char *dmsetup;
	const char *lock_dir; /* for a file per volume group */
	const char *dev_dir;  /* "/dev/mapper" */
	const struct dm_ops *dm;
	int64_t wait_ms; /* for another command on the volume group */
	int64_t run_ms;	 /* for its own work */
};

/** The real ones. */
extern const struct lvm_env lvm_linux;

/** struct lvm - one volume group; a plain value, the strings are borrowed. */
struct lvm {
	const struct lvm_env *env;
	const char *vg;
};

/** lvm_name_check - can @name be a volume group or logical volume? Return: 0, or -1
 * INVALID_ARGUMENT naming @field. */
MUST_USE int lvm_name_check(const char *field, const char *name, struct err *err);

/**
 * lvm_change - `lvm ARGS...`, NULL-terminated. Return: 0 when it ended with 0, else -1: NOT_FOUND
 * no such logical volume, UNAVAILABLE the volume group is not there or not whole, ALREADY_EXISTS,
 * RESOURCE_EXHAUSTED no space (or none for LVM's own metadata), ABORTED in use or locked,
 * DATA_LOSS the pool must be repaired, FAILED_PRECONDITION lvm itself is missing,
 * DEADLINE_EXCEEDED it goes on, INTERNAL all else. The message has what lvm said.
 */
MUST_USE int lvm_change(
	const struct step *in, const struct lvm *lvm, const char *const *args, struct err *err);
/** lvm_resume - let a suspended device go on; one that is not suspended is fine. */
MUST_USE int lvm_resume(
	const struct step *in, const struct lvm *lvm, const char *device, struct err *err);
/** lvm_suspend - hold new I/O of a device and wait for all that is under way. */
MUST_USE int lvm_suspend(
	const struct step *in, const struct lvm *lvm, const char *device, struct err *err);

/**
 * lvm_report - `lvs` of the whole volume group, or of the one logical volume @lv, with these
 * @fields (as "lv_name,lv_size"). All values are strings. Return: 0, the document for js_doc_free()
 * and in it the array of rows; or -1 as lvm_change(), INTERNAL for a report that is none.
 */
MUST_USE int lvm_report(const struct lvm *lvm, const char *lv, const char *fields,
	struct js_doc **ret_doc, struct js_at *ret_rows, struct err *err);
/** lvm_bytes - a field of a row that is a number of bytes. */
MUST_USE int lvm_bytes(const struct js_at *row, const char *field, int64_t *ret, struct err *err);
/** lvm_has_tag - is @tag in the comma-separated @tags? */
bool lvm_has_tag(const char *tags, const char *tag);

/** lvm_device - the device mapper's name of a logical volume into @out; @layer "" or as "tpool".
 * Return: 0, or -1 INVALID_ARGUMENT when it is too long for one. */
MUST_USE int lvm_device(const char *vg, const char *lv, const char *layer,
	char out[DM_DEVICE_NAME_SIZE], struct err *err);
/** lvm_device_uuid - has a device of this UUID been made of the logical volume with these two? */
bool lvm_device_is(const char *device_uuid, const char *vg_uuid, const char *lv_uuid);

/** struct lvm_settings - what this machine's lvm.conf says of things that matter here. */
struct lvm_settings {
	bool scans_volumes; /* lvm looks for volume groups inside logical volumes */
	int64_t extend_at;  /* per cent of a thin pool at which it is extended by itself, 100: never
			     */
	char thin_check[256]; /* the program that checks a pool before it is activated, "": none */
};

/** lvm_settings_read - Return: 0, or -1 as lvm_change(). */
MUST_USE int lvm_settings_read(
	const struct lvm_env *env, struct lvm_settings *ret, struct err *err);

/** lvm_code - what a command's output means; ERR_INTERNAL when it is none of the known ones. */
enum err_code lvm_code(const char *output);
