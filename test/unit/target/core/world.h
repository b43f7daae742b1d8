/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent with two pools on folders and the emulated configfs. world_restart() is what a crash and
 * a new process are: only the folders and the tree stay.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/log.h"
#include "target/core/agent_priv.h"
#include "target/core/points.h"
#include "target/store/file.h"
#include "test/unit/target/emulator.h"

#define HOST_A NQN_PREFIX "node.test.a"
#define HOST_B NQN_PREFIX "node.test.b"
#define VOLUME(name) ((struct object_name){OBJECT_VOLUME, (name)})
#define SNAPSHOT(name) ((struct object_name){OBJECT_SNAPSHOT, (name)})

struct world {
	struct place pools[2];
	struct place state_dir;
	struct agent *agent;
	struct err err;
	double ratio;
};

static struct world world;
static char world_scripts[16][64];
static unsigned world_n_scripts;
static const char *world_nft_fails; /* a script that holds it fails */
static bool world_gate_sticks;	    /* opening it fails */
/* Called with the folder of the first pool before it becomes one. */
static void (*world_pool_made)(const char *path);
/* Makes the first pool one of another kind; @init: it is none yet. */
static void (*world_first_pool)(struct store_options *options, bool init);

static inline int world_nft(const struct step *in UNUSED, const char *script, struct err *err)
{
	(void)snprintf(
		world_scripts[world_n_scripts++ % 16], sizeof(world_scripts[0]), "%s", script);
	if (world_nft_fails && strstr(script, world_nft_fails)) {
		return err_set(err, ERR_INTERNAL, "nft: no");
	}
	if (world_gate_sticks && !strstr(script, "add chain")) {
		return err_set(err, ERR_INTERNAL, "nft: no");
	}
	return 0;
}

static inline struct deadline soon(void)
{
	return deadline_in(10000);
}

static inline struct catalog *make_catalog(const char *name, const char *path)
{
	struct catalog_config config = {
		.store = {.type = FILE_STORE_TYPE,
			.name = name,
			.path = path,
			.clone_extents = 1000,
			.fs = &fake_fsops},
		.ratio = world.ratio,
		.state_dir = world.state_dir.path,
	};
	struct catalog *catalog = NULL;

	if (world_first_pool && streq(name, "one")) {
		world_first_pool(&config.store, false);
	}
	assert_ok(catalog_new(&config, &catalog, &world.err), world.err);
	return catalog;
}

static inline void world_start(void)
{
	struct nvmet_options options = {.root = emu.root, .ops = &emu_ops, .nft = world_nft};
	struct catalog *catalogs[2] = {
		make_catalog("one", world.pools[0].path), make_catalog("two", world.pools[1].path)};
	struct nvmet *nvmet = NULL;

	assert_ok(portals_parse(
			  "portals", "127.0.0.1:4420,127.0.0.2:4420", &options.portals, &world.err),
		world.err);
	assert_ok(nvmet_open(&options, &nvmet, &world.err), world.err);
	assert_ok(agent_new(catalogs, 2, nvmet, world.state_dir.path, &world.agent, &world.err),
		world.err);
}

static inline void world_up(void)
{
	struct deadline now = deadline_in(0);

	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_ok(agent_bring_up(world.agent, &now, &world.err), world.err);
}

static inline void world_restart(void)
{
	agent_free(world.agent);
	world_start();
	world_up();
}

static inline int world_setup(void **state UNUSED)
{
	struct stamp stamp;

	log_set(LOG_LEVEL_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
	fake_fs = (struct fake_fs){0};
	world = (struct world){.ratio = 1.0};
	world_n_scripts = 0;
	world_nft_fails = NULL;
	world_gate_sticks = false;
	(void)unsetenv("NVMETCP_FAULTS"); // NOLINT(concurrency-mt-unsafe)
	assert_int_equal(faults_use(&target_points, NULL), 0);
	emu_make();
	place_make(&world.state_dir);
	for (int i = 0; i < 2; i++) {
		place_make(&world.pools[i]);
		if (i == 0 && world_pool_made) {
			world_pool_made(world.pools[i].path);
		}
		if (i == 0 && world_first_pool) {
			struct store_options options = {.name = "one", .path = world.pools[0].path};

			world_first_pool(&options, true);
			continue;
		}
		assert_ok(stamp_init(NO_STEP, world.pools[i].path, i ? "two" : "one", &fake_fsops,
				  &stamp, &world.err),
			world.err);
	}
	world_start();
	world_up();
	return 0;
}

static inline int world_teardown(void **state UNUSED)
{
	(void)unsetenv("NVMETCP_FAULTS"); // NOLINT(concurrency-mt-unsafe)
	agent_free(world.agent);
	place_remove(&world.pools[0]);
	place_remove(&world.pools[1]);
	place_remove(&world.state_dir);
	emu_remove();
	return 0;
}

/* A step of an operation fails from now on; NULL: none. */
static inline void world_fault(const char *point)
{
	char value[128];

#ifndef NV_FAULTS
	skip(); /* this build has no fault points */
#endif
	(void)snprintf(value, sizeof(value), "%s%s", point ? point : "", point ? "=fail" : "");
	assert_int_equal(setenv("NVMETCP_FAULTS", value, 1), 0); // NOLINT(concurrency-mt-unsafe)
}

/* Two steps fail: the work, and taking it back. */
static inline void world_faults(const char *points)
{
#ifndef NV_FAULTS
	skip();
#endif
	assert_int_equal(setenv("NVMETCP_FAULTS", points, 1), 0); // NOLINT(concurrency-mt-unsafe)
}

/* A pool goes away, as when its file system is not mounted, and comes back. */
static inline void pool_away(int i)
{
	assert_int_equal(rename(at(&world.pools[i], STAMP_FILE), at(&world.pools[i], "away")), 0);
}

static inline void pool_back(int i)
{
	assert_int_equal(rename(at(&world.pools[i], "away"), at(&world.pools[i], STAMP_FILE)), 0);
}

static inline struct volume_request volume_of(const char *id)
{
	return (struct volume_request){
		.id = id,
		.pool = "one",
		.instance = "test",
		.size = 4 * MIB,
		.source_id = "",
		.subsystem = "",
		.metadata = "{}",
	};
}

static inline int put_request(const struct volume_request *request, bool *ret_created)
{
	_cleanup_object_view_ struct object_view view = {0};
	struct deadline dl = soon();

	return agent_volume_put(world.agent, request, &dl, &view, ret_created, &world.err);
}

static inline void make_volume(const char *id)
{
	struct volume_request request = volume_of(id);
	bool created = false;

	assert_ok(put_request(&request, &created), world.err);
	assert_true(created);
}

static inline int put_snapshot(const char *id, const char *volume, bool *ret_created)
{
	const struct snapshot_request request = {id, volume, "{}"};
	_cleanup_object_view_ struct object_view view = {0};
	struct deadline dl = soon();

	return agent_snapshot_put(world.agent, &request, &dl, &view, ret_created, &world.err);
}

static inline int grant(const char *id, const char *host)
{
	_cleanup_object_view_ struct object_view view = {0};
	struct deadline dl = soon();

	return agent_grant(world.agent, id, host, &dl, &view, &world.err);
}

static inline int ungrant(const char *id, const char *host)
{
	struct deadline dl = soon();

	return agent_revoke(world.agent, id, host, &dl, &world.err);
}

static inline int delete_object(struct object_name name)
{
	struct deadline dl = soon();

	return agent_delete(world.agent, name, &dl, &world.err);
}

static inline int resize(const char *id, int64_t size)
{
	_cleanup_object_view_ struct object_view view = {0};
	struct deadline dl = soon();

	return agent_volume_resize(world.agent, id, size, &dl, &view, &world.err);
}

/* The object as agent_get() tells it; the caller ends the view. */
static inline struct object_view get(struct object_name name)
{
	struct object_view view = {0};

	assert_ok(agent_get(world.agent, name, &view, &world.err), world.err);
	return view;
}

static inline void nqn_of(const char *volume, char out[NQN_SIZE])
{
	_cleanup_object_view_ struct object_view view = get(VOLUME(volume));

	memcpy(out, view.nqn, NQN_SIZE);
}

/* Nothing was done to the tree but what tells hosts nothing when nothing changed. */
static inline void assert_undisturbed(void)
{
	static const char quiet[] = "/revalidate_size=1";

	for (char *line = emu.log; *line;) {
		size_t len = strcspn(line, "\n");

		if (len < strlen(quiet) ||
			strncmp(line + len - strlen(quiet), quiet, strlen(quiet)) != 0) {
			fail_msg("disturbed by: %s", line);
		}
		line += len + 1;
	}
}

#define assert_refused(call, code, part)                                                           \
	do {                                                                                       \
		assert_int_equal((call), -1);                                                      \
		assert_err(world.err, code, part);                                                 \
	} while (0)

static inline void write_data(int pool, const char *file, off_t offset, const char *text)
{
	_cleanup_close_ int fd = open(at(&world.pools[pool], file), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), offset), (ssize_t)strlen(text));
}

static inline void assert_data(int pool, const char *file, off_t offset, const char *text)
{
	_cleanup_close_ int fd = open(at(&world.pools[pool], file), O_RDONLY | O_CLOEXEC);
	char got[32] = "";

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, got, strlen(text), offset), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static inline off_t size_of(int pool, const char *file)
{
	struct stat st;

	assert_int_equal(stat(at(&world.pools[pool], file), &st), 0);
	return st.st_size;
}
