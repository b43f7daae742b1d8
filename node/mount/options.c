/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of mount flags. Sources: mount(8), ext4(5), xfs(5), and the option parsers of Linux
 * 6.12 (fs/ext4/super.c, fs/xfs/xfs_super.c).
 */
#include "node/mount/options.h"

#include <stdio.h>
#include <sys/mount.h>

/* Options of the mount itself: name, bits to set, bits to clear. */
static const struct {
	const char *name;
	unsigned long set;
	unsigned long clear;
} GENERIC[] = {
	{"defaults", 0, 0},
	{"rw", 0, MS_RDONLY},
	{"ro", MS_RDONLY, 0},
	{"suid", 0, MS_NOSUID},
	{"nosuid", MS_NOSUID, 0},
	{"dev", 0, MS_NODEV},
	{"nodev", MS_NODEV, 0},
	{"exec", 0, MS_NOEXEC},
	{"noexec", MS_NOEXEC, 0},
	{"async", 0, MS_SYNCHRONOUS},
	{"sync", MS_SYNCHRONOUS, 0},
	{"dirsync", MS_DIRSYNC, 0},
	{"atime", 0, MS_NOATIME},
	{"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
	{"diratime", 0, MS_NODIRATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
	{"norelatime", 0, MS_RELATIME},
	{"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
	{"nostrictatime", 0, MS_STRICTATIME},
	{"lazytime", MS_LAZYTIME, 0},
	{"nolazytime", 0, MS_LAZYTIME},
	{"silent", MS_SILENT, 0},
	{"loud", 0, MS_SILENT},
};

/* A name with "=" takes a value. SELinux labels come from kubelet where the volume is labelled by
 * its mount. */
static const char *const ANY_FS[] = {
	"context=", "fscontext=", "defcontext=", "rootcontext=", "seclabel", NULL};

static const char *const EXT4[] = {"acl", "noacl", "user_xattr", "nouser_xattr", "auto_da_alloc",
	"noauto_da_alloc", "barrier=", "block_validity", "noblock_validity",
	"commit=", "data=", "data_err=", "delalloc", "nodelalloc", "dioread_lock", "dioread_nolock",
	"discard", "nodiscard", "errors=", "grpid", "nogrpid", "bsdgroups", "sysvgroups",
	"grpquota", "usrquota", "prjquota", "quota", "noquota", "i_version", "init_itable",
	"init_itable=", "noinit_itable", "inode_readahead_blks=", "journal_checksum",
	"journal_ioprio=", "max_batch_time=", "min_batch_time=", "max_dir_size_kb=",
	"mb_optimize_scan=", "nombcache", "nowarn_on_error", "resgid=", "resuid=", "stripe=", NULL};

static const char *const XFS[] = {"allocsize=", "attr2", "discard", "nodiscard", "filestreams",
	"grpid", "nogrpid", "bsdgroups", "sysvgroups", "gqnoenforce", "gquota", "grpquota", "ikeep",
	"noikeep", "inode32", "inode64", "largeio", "nolargeio", "logbsize=", "logbufs=", "noalign",
	"noquota", "nouuid", "pqnoenforce", "pquota", "prjquota", "quota", "qnoenforce",
	"sunit=", "swidth=", "swalloc", "uqnoenforce", "uquota", "usrquota", "wsync", NULL};

/* The option's name, without its value. */
static int name_length(const char *option, size_t len)
{
	const char *equals = memchr(option, '=', len);

	return (int)MIN(equals ? (size_t)(equals - option) : len, (size_t)32);
}

static bool in_table(const char *const *table, const char *option, size_t len)
{
	const char *equals = memchr(option, '=', len);
	size_t name = equals ? (size_t)(equals - option) + 1 : len;

	for (; *table; table++) {
		if (strlen(*table) == name && memcmp(*table, option, name) == 0) {
			/* "commit=" wants a value, "discard" none. */
			return !equals || len > name;
		}
	}
	return false;
}

static bool is_generic(const char *option, size_t len, unsigned long *flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(GENERIC); i++) {
		if (strlen(GENERIC[i].name) == len && memcmp(GENERIC[i].name, option, len) == 0) {
			*flags = (*flags & ~GENERIC[i].clear) | GENERIC[i].set;
			return true;
		}
	}
	return false;
}

static int append(struct mount_options *out, const char *option, size_t len, struct err *err)
{
	size_t at = strlen(out->data);

	if (at + len + 2 > sizeof(out->data)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"mount_flags: longer than %d bytes together", MOUNT_DATA_MAX);
	}
	if (at > 0) {
		out->data[at++] = ',';
	}
	memcpy(out->data + at, option, len);
	out->data[at + len] = '\0';
	return 0;
}

/* "errors=panic" and the like would let one volume stop the node. */
static bool harmful(const char *option, size_t len)
{
	static const char panic[] = "errors=panic";

	return len == sizeof(panic) - 1 && memcmp(option, panic, len) == 0;
}

static int take(const struct mount_choice *choice, const char *option, size_t len,
	struct mount_options *out, struct err *err)
{
	const char *const *table = streq(choice->fs_type, "xfs") ? XFS : EXT4;

	if (len == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT, "mount_flags: an empty option");
	}
	if (is_generic(option, len, &out->flags)) {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)option[i] < ' ' || option[i] == '\\') {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"mount_flags: the option '%.*s' holds a control character or a backslash",
				name_length(option, len), option);
		}
	}
	if (!harmful(option, len) &&
		(in_table(table, option, len) || in_table(ANY_FS, option, len))) {
		return append(out, option, len, err);
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"mount_flags: the option '%.*s' is not allowed for %s; "
		"docs/how-a-volume-is-attached.md lists those that are; remove it from the StorageClass's "
		"mountOptions or from the PersistentVolume",
		name_length(option, len), option, choice->fs_type);
}

/* Split at commas outside of double quotes (SELinux labels hold commas). */
static int take_word(const struct mount_choice *choice, const char *word, struct mount_options *out,
	struct err *err)
{
	const char *start = word;
	bool quoted = false;

	for (const char *p = word;; p++) {
		if (*p == '"') {
			quoted = !quoted;
		}
		if (*p == '\0' || (*p == ',' && !quoted)) {
			if (take(choice, start, (size_t)(p - start), out, err) < 0) {
				return -1;
			}
			start = p + 1;
		}
		if (*p == '\0') {
			break;
		}
	}
	return quoted ? err_set(err, ERR_INVALID_ARGUMENT, "mount_flags: a quote is not closed")
		      : 0;
}

int mount_options_make(
	const struct mount_choice *choice, struct mount_options *ret, struct err *err)
{
	if (!streq(choice->fs_type, "ext4") && !streq(choice->fs_type, "xfs")) {
		return err_set(err, ERR_INVALID_ARGUMENT, "fs_type '%.32s': must be ext4 or xfs",
			choice->fs_type);
	}
	ret->flags = 0;
	ret->data[0] = '\0';
	/* First, so that a flag of the user, which comes later, wins. */
	if (choice->discard && !choice->read_only && append(ret, "discard", 7, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < choice->n_words; i++) {
		if (take_word(choice, choice->words[i], ret, err) < 0) {
			return -1;
		}
	}
	if (choice->read_only) {
		ret->flags |= MS_RDONLY;
	}
	return streq(choice->fs_type, "xfs") && !strstr(ret->data, "nouuid")
		       ? append(ret, "nouuid", 6, err)
		       : 0;
}

const char *const *mount_options_known(const char *fs_type)
{
	return streq(fs_type, "xfs") ? XFS : streq(fs_type, "ext4") ? EXT4 : ANY_FS;
}
