/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core on a make-believe node, and the calls that the tests make.
 */
#pragma once

#include "node/core/points.h"
#include "test/unit/node/core/fake_node.h"

#define VOLUME "linux/vol-1"
#define STAGING "/plugins/globalmount"
#define TARGET "/pods/one/mount"
#define TARGET2 "/pods/two/mount"

struct rig {
	struct fake *fake;
	struct keylock *subsystems;
	struct core *core;
	char state[96];
	const char *boot;
	struct err err;
};

static inline void rig_open(struct rig *rig)
{
	struct core_config config = {
		.ops = &FAKE_OPS, .host = rig->fake, .state_dir = rig->state, .boot = rig->boot};

	rig->subsystems = keylock_new(64);
	config.subsystems = rig->subsystems;
	assert_int_equal(core_new(&config, &rig->core, &rig->err), 0);
}

static inline void rig_close(struct rig *rig)
{
	core_free(rig->core);
	keylock_free(rig->subsystems);
}

/* As a restart of the plugin. */
static inline void rig_restart(struct rig *rig)
{
	rig_close(rig);
	rig_open(rig);
	assert_int_equal(core_start(rig->core, NULL, NULL, &rig->err), 0);
}

/* As a reboot of the node: no mount, no connection, no keeper. */
static inline void rig_reboot(struct rig *rig)
{
	rig_close(rig);
	memset(rig->fake->mounts, 0, sizeof(rig->fake->mounts));
	for (size_t i = 0; i < FAKE_MAX && rig->fake->subsystems[i].nqn[0]; i++) {
		fake_attach(rig->fake, rig->fake->subsystems[i].nqn, false);
		rig->fake->subsystems[i].kept = false;
	}
	rig->boot = BOOT_B;
	rig_open(rig);
	assert_int_equal(core_start(rig->core, NULL, NULL, &rig->err), 0);
}

static inline struct fake_disk *rig_disk(struct rig *rig, size_t i, const char *nqn)
{
	struct fake_disk *disk = &rig->fake->disks[i];

	disk->used = true;
	disk->size = FAKE_SIZE;
	(void)snprintf(disk->nqn, sizeof(disk->nqn), "%s", nqn);
	memset(disk->uuid, (int)i + 1, sizeof(disk->uuid));
	return disk;
}

static inline int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char template[] = "/tmp/nv-core-XXXXXX";

	assert_non_null(rig);
	assert_int_equal(faults_use(&node_points, NULL), 0);
	rig->fake = mmap(NULL, sizeof(*rig->fake), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(rig->fake, MAP_FAILED);
	assert_non_null(mkdtemp(template));
	(void)snprintf(rig->fake->dir, sizeof(rig->fake->dir), "%s", template);
	(void)snprintf(rig->state, sizeof(rig->state), "%s/state", template);
	assert_int_equal(mkdir(rig->state, 0700), 0);
	rig->fake->next_minor = 1;
	rig->fake->stuck_pidfd = -1;
	rig->fake->trim_stuck_pidfd = -1;
	rig->boot = BOOT_A;
	(void)rig_disk(rig, 0, FAKE_NQN);
	fake_make_path(rig->fake, STAGING, true);
	rig_open(rig);
	*state = rig;
	return 0;
}

static inline int rig_remove(const char *name, void *arg)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
	if (unlink(path) < 0) {
		(void)rmdir(path);
	}
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;

	rig_close(rig);
	(void)!dir_each(AT_FDCWD, rig->state, rig_remove, rig->state, NULL);
	(void)!dir_each(AT_FDCWD, rig->fake->dir, rig_remove, rig->fake->dir, NULL);
	(void)rmdir(rig->fake->dir);
	(void)munmap(rig->fake, sizeof(*rig->fake));
	free(rig);
	return 0;
}

/* --- requests --- */

static inline struct core_stage rig_request(size_t disk, const char *volume)
{
	struct core_stage request = {.volume = volume,
		.staging = STAGING,
		.mkfs_options = "",
		.access = {.fs_type = "ext4", .mode = 7, .many_targets = true}};

	(void)snprintf(request.attach.nqn, sizeof(request.attach.nqn), "%s", FAKE_NQN);
	(void)snprintf(request.attach.auth, sizeof(request.attach.auth), "none");
	(void)snprintf(request.attach.tls, sizeof(request.attach.tls), "none");
	memset(request.attach.ident.uuid, (int)disk + 1, 16);
	request.attach.min_size = FAKE_SIZE;
	assert_int_equal(
		portals_parse("portals", "10.0.0.5:4420", &request.attach.portals, NULL), 0);
	assert_int_equal(connect_profile("profile", "balanced", &request.options, NULL), 0);
	return request;
}

static inline struct core_stage rig_block(void)
{
	struct core_stage request = rig_request(0, VOLUME);

	request.access.block = true;
	request.access.fs_type = "";
	return request;
}

static inline int rig_stage(struct rig *rig, const struct core_stage *request)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_stage(rig->core, request, &dl, &rig->err);
}

static inline int rig_unstage(struct rig *rig)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_unstage(rig->core, VOLUME, STAGING, &dl, &rig->err);
}

static inline struct core_publish rig_publish_request(const struct core_stage *stage)
{
	return (struct core_publish){.volume = stage->volume,
		.staging = stage->staging,
		.target = TARGET,
		.access = stage->access};
}

static inline int rig_publish(struct rig *rig, const struct core_publish *request)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_publish(rig->core, request, &dl, &rig->err);
}

static inline int rig_unpublish(struct rig *rig, const char *target)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_unpublish(rig->core, VOLUME, target, &dl, &rig->err);
}

/* --- what is there --- */

static inline unsigned rig_mounts(const struct rig *rig)
{
	unsigned n = 0;

	for (size_t i = 0; i < FAKE_MAX; i++) {
		n += rig->fake->mounts[i].used ? 1 : 0;
	}
	return n;
}

static inline bool rig_connected(struct rig *rig)
{
	return rig->fake->subsystems[fake_subsystem(rig->fake, FAKE_NQN)].connected;
}

static inline bool rig_kept(struct rig *rig)
{
	return rig->fake->subsystems[fake_subsystem(rig->fake, FAKE_NQN)].kept;
}

static inline int rig_count_record(const char *name, void *arg)
{
	*(unsigned *)arg += strncmp(name, "v-", 2) == 0 || strncmp(name, ".tmp-", 5) == 0 ? 1 : 0;
	return 0;
}

static inline unsigned rig_records(const struct rig *rig)
{
	unsigned n = 0;

	assert_int_equal(dir_each(AT_FDCWD, rig->state, rig_count_record, &n, NULL), 0);
	return n;
}

static inline unsigned rig_paths(const struct rig *rig)
{
	unsigned n = 0;

	for (size_t i = 0; i < FAKE_MAX; i++) {
		n += rig->fake->paths[i].path[0] ? 1 : 0;
	}
	return n;
}

/* Nothing of any volume is left but the staging folder, which is the orchestrator's. */
static inline void rig_assert_nothing(struct rig *rig)
{
	assert_int_equal(rig_mounts(rig), 0);
	assert_int_equal(rig_records(rig), 0);
	assert_false(rig_connected(rig));
	assert_false(rig_kept(rig));
	assert_int_equal(rig_paths(rig), 1);
}

static inline void rig_assert_staged(struct rig *rig, unsigned mounts)
{
	assert_int_equal(rig_mounts(rig), mounts);
	assert_int_equal(rig_records(rig), 1);
	assert_true(rig_connected(rig));
	assert_true(rig_kept(rig));
}

static inline void rig_fail(struct rig *rig, const char *op, enum err_code code)
{
	(void)snprintf(rig->fake->fail_op, sizeof(rig->fake->fail_op), "%s", op);
	rig->fake->fail_code = code;
}

/* Run @fn in a process that dies at the fault point; tell whether it died there. */
static inline bool rig_killed(struct rig *rig, const char *point, void (*fn)(struct rig *))
{
	char fault[160];
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)snprintf(fault, sizeof(fault), "%s=kill", point);
		(void)setenv("NVMETCP_FAULTS", fault, 1);
		fn(rig);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}
