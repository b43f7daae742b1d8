/* SPDX-License-Identifier: Apache-2.0 */
/* The agent over a thin pool: nothing above the store knows of it but by its limits. */
#include "target/store/generation.h"
#include "target/store/lvmthin.h"
#include "test/unit/target/core/world.h"
#include "test/unit/target/lvmworld.h"

#define EXTENT (4 * MIB)

static void first_pool(struct store_options *options, bool init)
{
	struct stamp stamp;

	options->type = LVMTHIN_STORE_TYPE;
	options->vg = VG;
	options->thin_pool = "thin";
	options->lvm = &lvm_world.env;
	if (init) {
		assert_ok(lvmthin_init(NO_STEP, options, &stamp, &world.err), world.err);
	}
}

static int setup(void **state)
{
	lvm_world_make();
	world_first_pool = first_pool;
	return world_setup(state);
}

static int teardown(void **state)
{
	int rc = world_teardown(state);

	lvm_world_remove();
	return rc;
}

static int put(const char *id, int64_t size, enum source_kind source, const char *from)
{
	struct volume_request request = volume_of(id);
	bool created;

	request.size = size;
	request.source = source;
	request.source_id = from;
	return put_request(&request, &created);
}

static int64_t size_now(const char *id)
{
	_cleanup_object_view_ struct object_view view = get(VOLUME(id));

	return view.object->size;
}

/* Sizes are the pool's next ones; what was asked for may be asked for again. */
static void test_sizes(void **state UNUSED)
{
	struct pool_view pools[AGENT_POOLS_MAX];

	assert_ok(put("v1", EXTENT + 4096, SOURCE_NONE, ""), world.err);
	assert_int_equal(size_now("v1"), 2 * EXTENT);
	assert_ok(put("v1", EXTENT + 4096, SOURCE_NONE, ""), world.err);
	assert_ok(put("v1", 2 * EXTENT, SOURCE_NONE, ""), world.err);
	assert_refused(put("v1", 3 * EXTENT, SOURCE_NONE, ""), ERR_ALREADY_EXISTS, "another size");
	assert_ok(resize("v1", 2 * EXTENT + 4096), world.err);
	assert_int_equal(size_now("v1"), 3 * EXTENT);
	assert_ok(resize("v1", 2 * EXTENT + 8192), world.err);
	assert_int_equal(size_now("v1"), 3 * EXTENT);
	assert_int_equal(agent_pools(world.agent, pools), 2);
	assert_int_equal(pools[0].usage.committed, 3 * EXTENT);
	assert_int_equal(pools[0].limits.granularity, EXTENT);
	assert_int_equal(pools[1].limits.granularity, 4096);
	assert_int_equal(agent_granularity(world.agent), EXTENT);
}

static void test_export(void **state UNUSED)
{
	char nqn[NQN_SIZE];
	char path[PATH_MAX];
	char value[PATH_MAX];

	make_volume("v-1");
	assert_ok(grant("v-1", HOST_A), world.err);
	nqn_of("v-1", nqn);
	print_to(path, sizeof(path), "subsystems/%s/namespaces/1/device_path", nqn);
	assert_ok(attr_read(AT_FDCWD, at(&emu.place, path), value, sizeof(value), &world.err),
		world.err);
	assert_string_equal(value + strlen(lvm_world.dev), "/vg--0-nvmetcp.v.v.1");
	emu_forget();
	world_restart();
	assert_undisturbed();
}

static void test_copies(void **state UNUSED)
{
	bool created;

	make_volume("v1");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_ok(put("c1", 8 * MIB, SOURCE_SNAPSHOT, "s1"), world.err);
	assert_ok(delete_object(SNAPSHOT("s1")), world.err);
	assert_ok(put("c2", 8 * MIB, SOURCE_VOLUME, "c1"), world.err);
	assert_ok(delete_object(VOLUME("c1")), world.err);
	assert_int_equal(size_now("c2"), 8 * MIB);
	assert_ok(delete_object(VOLUME("c2")), world.err);
	assert_int_equal(emu_entries(at(&lvm_world.place, "dm")), 1);
}

static void set_pool(const char *status)
{
	char lines[512];

	print_to(lines, sizeof(lines),
		"LVM-vgvgvg00000000000000000000vgvgvgpopopo00000000000000000000popopo-tpool\n0\n1073741824\nthin-pool\n%s\n",
		status);
	lvm_set_device("vg--0-thin-tpool", lines);
}

/* Both kinds of space are kept; taking away works without either. */
static void test_capacity(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_refused(put("v2", GIB, SOURCE_NONE, ""), ERR_RESOURCE_EXHAUSTED, "may be promised");
	set_pool("1 950/1024 100/16384 - rw no_discard_passdown error_if_no_space - 1024");
	assert_refused(
		put("v2", EXTENT, SOURCE_NONE, ""), ERR_RESOURCE_EXHAUSTED, "--poolmetadatasize");
	assert_refused(resize("v1", 2 * EXTENT), ERR_RESOURCE_EXHAUSTED, "--poolmetadatasize");
	set_pool(
		"1 20/1024 16384/16384 - out_of_data_space discard_passdown error_if_no_space - 9");
	assert_refused(put("v2", EXTENT, SOURCE_NONE, ""), ERR_RESOURCE_EXHAUSTED, "is full");
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_ok(delete_object(VOLUME("v1")), world.err);
}

/* After a reboot: what cannot be activated is damaged, alone. */
static void test_not_activated(void **state UNUSED)
{
	make_volume("v1");
	make_volume("v2");
	put_file(at(&lvm_world.place, "held/nvmetcp.v.v1"), "");
	lvm_set_device("vg--0-nvmetcp.v.v1", NULL);
	lvm_set_device("vg--0-nvmetcp.v.v2", NULL);
	world_restart();
	assert_refused(grant("v1", HOST_A), ERR_INTERNAL, "No data available");
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "volume v1: ");
	assert_ok(grant("v2", HOST_A), world.err);
	assert_int_equal(unlink(at(&lvm_world.place, "held/nvmetcp.v.v1")), 0);
	world_restart();
	assert_ok(grant("v1", HOST_A), world.err);
}

/* A logical volume with less than the volume had, as after an older copy of the group. */
static void test_short_data(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(resize("v1", 2 * EXTENT), world.err);
	lvm_set_device("vg--0-nvmetcp.v.v1",
		"LVM-vgvgvg00000000000000000000vgvgvgx\n0\n4194304\nthin\n0 -\n");
	(void)unlink(at(&lvm_world.place, "log"));
	world_restart();
	assert_refused(grant("v1", HOST_A), ERR_INTERNAL, "is lost");
	assert_called("lvs lvs lvchange lvs lvs lvs ");
}

/* What lvm cannot say now is no damage. */
static void test_busy(void **state UNUSED)
{
	lvm_fault("lvs before 5 /dev/vda: Input/output error");
	assert_refused(put("v1", EXTENT, SOURCE_NONE, ""), ERR_UNAVAILABLE, "Input/output error");
	assert_ok(put("v1", EXTENT, SOURCE_NONE, ""), world.err);
	lvm_set_device("vg--0-nvmetcp.v.v1", NULL);
	lvm_fault("lvs before 5 Can't get lock for vg-0");
	assert_refused(grant("v1", HOST_A), ERR_ABORTED, "Can't get lock");
}

/* A group that went is no answer to what was in it. */
static void test_absent(void **state UNUSED)
{
	make_volume("v1");
	lvm_set_device("vg--0-thin-tpool", NULL);
	assert_int_equal(rename(at(&lvm_world.place, "vg.json"), at(&lvm_world.place, "away")), 0);
	put_file(at(&lvm_world.place, "vg.json"),
		"{\"vg\":\"another\",\"vg_uuid\":\"x\",\"extent\":4194304,\"lvs\":{}}");
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, "is not active");
	agent_tick(world.agent);
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, "Volume group");
	assert_int_equal(rename(at(&lvm_world.place, "away"), at(&lvm_world.place, "vg.json")), 0);
	agent_tick(world.agent);
	assert_ok(delete_object(VOLUME("v1")), world.err);
}

static char *saved(const char *path)
{
	char *text = NULL;

	assert_ok(file_read(AT_FDCWD, path, 65536, &text, NULL, &world.err), world.err);
	return text;
}

static void put_in_group(const char *text)
{
	put_file(at(&lvm_world.place, "vg.json"), text);
}

/* A group as vgcfgrestore or an older copy of its disks brings it back, without what came since. */
static void test_older_group(void **state UNUSED)
{
	char record[PATH_MAX];
	_cleanup_free_ char *backup = saved(at(&lvm_world.place, "vg.json"));

	(void)snprintf(record, sizeof(record), "%s/pools/one.json", world.state_dir.path);
	make_volume("v1");
	world_restart();
	_cleanup_free_ char *newest = saved(at(&lvm_world.place, "vg.json"));
	put_in_group(backup);
	lvm_set_device("vg--0-thin-tpool", NULL);
	(void)unlink(at(&lvm_world.place, "log"));
	world_restart();
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, "vg-0/thin is an older copy");
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, record);
	assert_refused(put("v2", EXTENT, SOURCE_NONE, ""), ERR_UNAVAILABLE, "older copy");
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "older copy");
	/* It was looked at, and not so much as activated. */
	assert_called("lvs ");
	put_in_group(newest);
	agent_tick(world.agent);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	/* Or the older one is what there is. */
	put_in_group(backup);
	world_restart();
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "older copy");
	assert_int_equal(unlink(record), 0);
	agent_tick(world.agent);
	assert_ok(put("v2", EXTENT, SOURCE_NONE, ""), world.err);
	world_restart();
	assert_ok(delete_object(VOLUME("v2")), world.err);
}

/* The states from a backup, the group as it is. */
static void test_older_directory(void **state UNUSED)
{
	_cleanup_free_ char *backup = saved(at(&world.pools[0], GENERATION_FILE));

	make_volume("v1");
	agent_lay_down(world.agent);
	put_file(at(&world.pools[0], GENERATION_FILE), backup);
	world_restart();
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, "older copy");
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, world.pools[0].path);
}

/* Whatever of the three was written last, the next start takes the pool. */
static void test_generation_was_cut_short(void **state UNUSED)
{
	static const char *const points[] = {"Attach.pool.tag", "Attach.pool.generation"};

	make_volume("v1");
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		for (int again = 0; again < 2; again++) {
			world_fault(points[i]);
			world_restart();
			if (agent_healthy(world.agent, &world.err) == 0) {
				fail_msg("%s: is not passed", points[i]);
			}
		}
		world_fault(NULL);
		world_restart();
		assert_ok(agent_healthy(world.agent, &world.err), world.err);
	}
	assert_ok(delete_object(VOLUME("v1")), world.err);
}

/* --- a failure at each point of the store, then a new process; the agent's own points are tried
 * over files --- */

/* The device mapper's devices and the states say the same, and nothing is half done. */
static void assert_agree(void)
{
	struct list_request request = {.limit = 100};
	int objects = 0;

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		_cleanup_list_answer_ struct list_answer list = {0};

		request.kind = (enum object_kind)kind;
		assert_ok(agent_list(world.agent, &request, &list, &world.err), world.err);
		objects += (int)list.n;
	}
	assert_int_equal(emu_entries(at(&lvm_world.place, "dm")), objects + 1);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

static void fresh(void)
{
	(void)ungrant("v1", HOST_A);
	(void)ungrant("v1", HOST_B);
	(void)delete_object(VOLUME("v1"));
	(void)delete_object(VOLUME("c1"));
	(void)delete_object(SNAPSHOT("s1"));
	world.err = (struct err){0};
}

static int create_it(void)
{
	return put("v1", EXTENT, SOURCE_NONE, "");
}

static int restore_it(void)
{
	return put("c1", 2 * EXTENT, SOURCE_VOLUME, "v1");
}

static int snapshot_it(void)
{
	bool created;

	return put_snapshot("s1", "v1", &created);
}

static int grow_it(void)
{
	return resize("v1", 3 * EXTENT);
}

static int revoke_one(void)
{
	return ungrant("v1", HOST_A);
}

static int delete_it(void)
{
	int rc = delete_object(VOLUME("v1"));

	return rc < 0 && world.err.code == ERR_NOT_FOUND ? 0 : rc;
}

static void with_volume(void)
{
	assert_ok(create_it(), world.err);
}

static void with_hosts(void)
{
	with_volume();
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v1", HOST_B), world.err);
}

static const struct {
	void (*arrange)(void);
	int (*call)(void);
	const char *points[4];
} calls[] = {
	{fresh, create_it, {"PutVolume.data", "PutVolume.data.volume"}},
	{with_volume, restore_it, {"PutVolume.data.clone", "PutVolume.data.size"}},
	{with_volume, snapshot_it, {"PutSnapshot.data.clone"}},
	{with_hosts, grow_it, {"ResizeVolume.intent.state", "ResizeVolume.data.size"}},
	{with_hosts, revoke_one, {"RevokeHost.drain.suspended"}},
	{with_volume, delete_it, {"DeleteVolume.data", "DeleteVolume.data.removed"}},
};

static void fail_at(size_t i, const char *point)
{
	fresh();
	calls[i].arrange();
	world_fault(point);
	if (calls[i].call() == 0) {
		fail_msg("%s: is not passed", point);
	}
	world_fault(NULL);
	world.err = (struct err){0};
	world_restart();
	assert_agree();
	assert_ok(calls[i].call(), world.err);
	assert_agree();
}

static void test_failures(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (const char *const *point = calls[i].points; *point; point++) {
			fail_at(i, *point);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_export, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_activated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_generation_was_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
