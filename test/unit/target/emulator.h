/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvmet's configfs on a plain folder: making a directory makes its attributes, and the errors are
 * the kernel's (6.12) for the cases that the agent may meet. Everything done is recorded, so that a
 * test can look at orders.
 */
#pragma once

#include "test/unit/target/support.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>

#define EMULATOR_LOG_SIZE 65536
/** Room for a path and what is put behind it. */
#define EMU_PATH (PATH_MAX + 1024)

struct emulator {
	struct place place;
	char root[80];
	char log[EMULATOR_LOG_SIZE]; /* "mkdir subsystems/x\n" and so on */
	size_t len;
	const char *dead_address; /* a port there cannot be opened (EADDRNOTAVAIL) */
	const char *fail;	  /* a change whose record line holds this fails with EIO */
	const char *hang;	  /* a write whose path=value holds this waits for emu_go */
	const char *watch;	  /* a change whose record line holds this posts emu_seen */
	bool quiet;		  /* nothing is recorded: too much is done for the record */
	unsigned cuts;		  /* writes to attr_qid_max */
};

static struct emulator emu;
static sem_t emu_hangs UNUSED; /* posted when a write begins to hang */
static sem_t emu_go UNUSED;
static sem_t emu_seen UNUSED;

static inline int emu_refuse(int errnum)
{
	errno = errnum;
	return -1;
}

static inline const char *emu_rel(const char *path)
{
	assert_int_equal(strncmp(path, emu.root, strlen(emu.root)), 0);
	return path + strlen(emu.root) + 1;
}

static inline int emu_note(const char *verb, const char *path, const char *more)
{
	char line[2048];

	print_to(line, sizeof(line), "%s %s%s\n", verb, emu_rel(path), more);
	if (emu.fail && strstr(line, emu.fail)) {
		return emu_refuse(EIO);
	}
	if (emu.watch && strstr(line, emu.watch)) {
		assert_int_equal(sem_post(&emu_seen), 0);
	}
	if (emu.quiet) {
		return 0;
	}
	assert_true(emu.len + strlen(line) < sizeof(emu.log));
	memcpy(emu.log + emu.len, line, strlen(line) + 1);
	emu.len += strlen(line);
	return 0;
}

static inline void emu_forget(void)
{
	emu.len = 0;
	emu.log[0] = '\0';
}

static inline void emu_attr(const char *dir, const char *name, const char *value)
{
	char path[PATH_MAX];
	char line[PATH_MAX];

	print_to(path, sizeof(path), "%s/%s", dir, name);
	print_to(line, sizeof(line), "%s\n", value);
	put_file(path, line);
}

static inline void emu_value(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	if (!file || !fgets(out, (int)size, file)) {
		fail_msg("%s cannot be read", path);
	}
	out[strcspn(out, "\n")] = '\0';
	if (file) {
		(void)fclose(file);
	}
}

static inline unsigned emu_entries(const char *dir)
{
	DIR *stream = opendir(dir);
	unsigned n = 0;

	if (!stream) {
		return 0;
	}
	while (readdir(stream)) { // NOLINT(concurrency-mt-unsafe)
		n++;
	}
	(void)closedir(stream);
	return n - 2;
}

static inline unsigned emu_entries_of(const char *path, const char *sub)
{
	char dir[PATH_MAX];

	print_to(dir, sizeof(dir), "%s/%s", path, sub);
	return emu_entries(dir);
}

static inline void emu_sub(const char *path, const char *sub)
{
	char dir[PATH_MAX];

	print_to(dir, sizeof(dir), "%s/%s", path, sub);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static inline int emu_mkdir(const struct step *in UNUSED, const char *path)
{
	static const char *const ns[] = {"device_path", "(null)", "device_uuid",
		"00000000-1111-2222-3333-444444444444", "device_nguid",
		"00000000-0000-0000-0000-000000000000", "enable", "0", "revalidate_size", "0",
		NULL};
	static const char *const subsys[] = {"attr_serial", "random", "attr_model", "Linux",
		"attr_allow_any_host", "0", "attr_qid_max", "128", NULL};
	static const char *const port[] = {
		"addr_trtype", "", "addr_adrfam", "", "addr_traddr", "", "addr_trsvcid", "", NULL};
	const char *const *attrs = NULL;
	const char *rel = emu_rel(path);
	char group[PATH_MAX];

	if (mkdir(path, 0700) < 0) {
		return -1;
	}
	if (emu_note("mkdir", path, "") < 0) {
		(void)rmdir(path);
		return emu_refuse(EIO);
	}
	if (strstr(rel, "/namespaces/")) {
		attrs = ns;
	} else if (strncmp(rel, "subsystems/", 11) == 0) {
		attrs = subsys;
		emu_sub(path, "namespaces");
		emu_sub(path, "allowed_hosts");
	} else if (strncmp(rel, "ports/", 6) == 0) {
		attrs = port;
		emu_sub(path, "subsystems");
		emu_sub(path, "ana_groups");
		emu_sub(path, "ana_groups/1");
		print_to(group, sizeof(group), "%s/ana_groups/1", path);
		emu_attr(group, "ana_state", "optimized");
	}
	for (size_t i = 0; attrs && attrs[i]; i += 2) {
		emu_attr(path, attrs[i], attrs[i + 1]);
	}
	return 0;
}

/* Is there a link to @name in the folder @sub of anything below @top? */
static inline bool emu_linked(const char *top, const char *sub, const char *name)
{
	char dir[PATH_MAX];
	char link[EMU_PATH];
	const struct dirent *entry;
	bool found = false;

	print_to(dir, sizeof(dir), "%s/%s", emu.root, top);
	DIR *stream = opendir(dir);
	assert_non_null(stream);
	while (!found && (entry = readdir(stream))) { // NOLINT(concurrency-mt-unsafe)
		print_to(link, sizeof(link), "%s/%s/%s/%s", dir, entry->d_name, sub, name);
		found = entry->d_name[0] != '.' && exists(link);
	}
	(void)closedir(stream);
	return found;
}

static inline int emu_rmdir(const struct step *in UNUSED, const char *path)
{
	const char *rel = emu_rel(path);
	const char *name = strrchr(path, '/') + 1;

	if (!exists(path)) {
		return emu_refuse(ENOENT);
	}
	if (strncmp(rel, "hosts/", 6) == 0 && emu_linked("subsystems", "allowed_hosts", name)) {
		return emu_refuse(EBUSY);
	}
	if (strncmp(rel, "subsystems/", 11) == 0 && !strstr(rel, "/namespaces/")) {
		if (emu_entries_of(path, "namespaces") > 0) {
			return emu_refuse(ENOTEMPTY);
		}
		if (emu_linked("ports", "subsystems", name) ||
			emu_entries_of(path, "allowed_hosts") > 0) {
			return emu_refuse(EBUSY);
		}
	}
	if (strncmp(rel, "ports/", 6) == 0 && emu_entries_of(path, "subsystems") > 0) {
		return emu_refuse(EBUSY);
	}
	if (emu_note("rmdir", path, "") < 0) {
		return -1;
	}
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int emu_symlink(const struct step *in UNUSED, const char *target, const char *path)
{
	char address[PATH_MAX];
	char value[128];

	if (!exists(target)) {
		return emu_refuse(ENOENT);
	}
	if (exists(path)) {
		return emu_refuse(EEXIST);
	}
	if (strncmp(emu_rel(path), "ports/", 6) == 0 && emu.dead_address) {
		print_to(address, sizeof(address), "%.*s/addr_traddr",
			(int)(strstr(path, "/subsystems/") - path), path);
		emu_value(address, value, sizeof(value));
		if (streq(value, emu.dead_address)) {
			return emu_refuse(EADDRNOTAVAIL);
		}
	}
	if (emu_note("link", path, "") < 0) {
		return -1;
	}
	return symlink(target, path);
}

static inline int emu_unlink(const struct step *in UNUSED, const char *path)
{
	if (!exists(path)) {
		return emu_refuse(ENOENT);
	}
	if (emu_note("unlink", path, "") < 0) {
		return -1;
	}
	return unlink(path);
}

static inline int emu_write(const struct step *in UNUSED, const char *path, const char *value)
{
	char dir[PATH_MAX];
	char more[EMU_PATH];
	char enabled[8] = "0";
	const char *name = strrchr(path, '/') + 1;
	bool is_ns = strstr(emu_rel(path), "/namespaces/") != NULL;

	if (!exists(path)) {
		return emu_refuse(ENOENT);
	}
	print_to(dir, sizeof(dir), "%.*s", (int)(name - path - 1), path);
	if (is_ns) {
		char attr[EMU_PATH];

		print_to(attr, sizeof(attr), "%s/enable", dir);
		emu_value(attr, enabled, sizeof(enabled));
	}
	if (is_ns && strncmp(name, "device_", 7) == 0 && streq(enabled, "1")) {
		return emu_refuse(EBUSY);
	}
	if (is_ns && streq(name, "enable") && streq(value, "1")) {
		char attr[EMU_PATH];
		char device[PATH_MAX];

		print_to(attr, sizeof(attr), "%s/device_path", dir);
		emu_value(attr, device, sizeof(device));
		if (!exists(device)) {
			return emu_refuse(ENOENT);
		}
	}
	if (streq(name, "revalidate_size") && !streq(enabled, "1")) {
		return emu_refuse(EINVAL);
	}
	if (strncmp(name, "addr_", 5) == 0 && emu_entries_of(dir, "subsystems") > 0) {
		return emu_refuse(EACCES);
	}
	print_to(more, sizeof(more), "=%s", value);
	if (emu_note("write", path, more) < 0) {
		return -1;
	}
	emu.cuts += streq(name, "attr_qid_max");
	emu_attr(dir, name, value);
	return 0;
}

/* The kernel orders the calls. */
static pthread_mutex_t emu_lock UNUSED = PTHREAD_MUTEX_INITIALIZER;

static inline int emu_done(int rc)
{
	int errnum = errno;

	(void)pthread_mutex_unlock(&emu_lock);
	errno = errnum;
	return rc;
}

static inline int emu_op_mkdir(const struct step *in, const char *path)
{
	(void)pthread_mutex_lock(&emu_lock);
	return emu_done(emu_mkdir(in, path));
}

static inline int emu_op_rmdir(const struct step *in, const char *path)
{
	(void)pthread_mutex_lock(&emu_lock);
	return emu_done(emu_rmdir(in, path));
}

static inline int emu_op_symlink(const struct step *in, const char *target, const char *path)
{
	(void)pthread_mutex_lock(&emu_lock);
	return emu_done(emu_symlink(in, target, path));
}

static inline int emu_op_unlink(const struct step *in, const char *path)
{
	(void)pthread_mutex_lock(&emu_lock);
	return emu_done(emu_unlink(in, path));
}

static inline int emu_op_write(const struct step *in, const char *path, const char *value)
{
	char line[EMU_PATH];

	print_to(line, sizeof(line), "%s=%s", path, value);
	if (emu.hang && strstr(line, emu.hang)) {
		assert_int_equal(sem_post(&emu_hangs), 0);
		assert_int_equal(sem_wait(&emu_go), 0);
	}
	(void)pthread_mutex_lock(&emu_lock);
	return emu_done(emu_write(in, path, value));
}

static const struct configfs_ops emu_ops UNUSED = {
	.mkdir = emu_op_mkdir,
	.rmdir = emu_op_rmdir,
	.symlink = emu_op_symlink,
	.unlink = emu_op_unlink,
	.write = emu_op_write,
};

static inline void emu_make(void)
{
	emu = (struct emulator){0};
	assert_int_equal(sem_init(&emu_hangs, 0, 0), 0);
	assert_int_equal(sem_init(&emu_go, 0, 0), 0);
	assert_int_equal(sem_init(&emu_seen, 0, 0), 0);
	place_make(&emu.place);
	print_to(emu.root, sizeof(emu.root), "%s", emu.place.path);
	assert_int_equal(mkdir(at(&emu.place, "hosts"), 0700), 0);
	assert_int_equal(mkdir(at(&emu.place, "subsystems"), 0700), 0);
	assert_int_equal(mkdir(at(&emu.place, "ports"), 0700), 0);
}

static inline void emu_remove(void)
{
	place_remove(&emu.place);
}

/* Where in the record a change stands: -1 when it was not made. */
static inline long emu_when(const char *line)
{
	const char *found = strstr(emu.log, line);

	return found ? (long)(found - emu.log) : -1;
}

#define assert_order(first, second)                                                                \
	do {                                                                                       \
		if (emu_when(first) < 0 || emu_when(first) >= emu_when(second)) {                  \
			fail_msg("\"%s\" is not before \"%s\" in:\n%s", first, second, emu.log);   \
		}                                                                                  \
	} while (0)

static inline bool emu_has(const char *rel)
{
	return exists(at(&emu.place, rel));
}

/* Everything of the tree but empty hosts/, subsystems/ and the ports themselves is gone. */
static inline void assert_nothing_exported(void)
{
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 0);
	assert_int_equal(emu_entries(at(&emu.place, "hosts")), 0);
}
