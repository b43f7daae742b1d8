/* SPDX-License-Identifier: Apache-2.0 */
/* The check of pools in thin pools: what the machine, its lvm.conf or the pool lacks is said. */
#include "target/check.h"
#include "target/store/lvmthin.h"
#include "test/unit/target/emulator.h"
#include "test/unit/target/lvmworld.h"

static struct place place;
static struct err err;
static struct check_env env;
static const char *udev_rules[2];
static char *said;
static unsigned failures;

static int fake_nft(const struct step *in UNUSED, const char *script UNUSED, struct err *why UNUSED)
{
	return 0;
}

static void put_config(const char *more)
{
	char text[4 * PATH_MAX];

	print_to(text, sizeof(text),
		"{\"listen\":\"unix:%s/api.sock\",\"stateDir\":\"%s/state\",\"configfs\":\"%s\","
		"\"portals\":[\"127.0.0.1:1\"],\"pools\":[{\"name\":\"fast\",\"type\":\"lvmthin\","
		"\"path\":\"%s/pool\",\"vg\":\"" VG "\",\"thinPool\":\"thin\"%s}]}",
		place.path, place.path, emu.root, place.path, more);
	put_file(at(&place, "target.json"), text);
}

static int setup(void **state UNUSED)
{
	static char paths[3][PATH_MAX];
	struct store_options options = {
		.name = "fast", .vg = VG, .thin_pool = "thin", .lvm = &lvm_world.env};
	struct stamp stamp;

	err = (struct err){0};
	lvm_world_make();
	place_make(&place);
	emu_make();
	for (const char *const *name =
			(const char *const[]){"sys", "sys/module", "sys/module/nvmet_tcp",
				"sys/module/dm_thin_pool", "modules", "pool", "rules", NULL};
		*name; name++) {
		assert_int_equal(mkdir(at(&place, *name), 0700), 0);
	}
	print_to(paths[0], PATH_MAX, "%s/sys", place.path);
	print_to(paths[1], PATH_MAX, "%s/modules", place.path);
	print_to(paths[2], PATH_MAX, "%s/rules", place.path);
	put_file(at(&place, "rules/57-nvmetcp-target.rules"), "");
	udev_rules[0] = paths[2];
	env = (struct check_env){.sys = paths[0],
		.modules = paths[1],
		.fs = &fake_fsops,
		.nft = fake_nft,
		.lvm = &lvm_world.env,
		.udev_rules = udev_rules};
	options.path = at(&place, "pool");
	assert_ok(lvmthin_init(NO_STEP, &options, &stamp, &err), err);
	put_config("");
	return 0;
}

static int teardown(void **state UNUSED)
{
	free(said);
	said = NULL;
	emu_remove();
	place_remove(&place);
	lvm_world_remove();
	return 0;
}

/* The check says @line, and @failed of its lines are failures. */
static void check_says(unsigned failed, const char *line)
{
	size_t size;
	FILE *out;

	free(said);
	out = open_memstream(&said, &size);
	assert_non_null(out);
	failures = check_machine(at(&place, "target.json"), &env, out);
	assert_int_equal(fclose(out), 0);
	if (!strstr(said, line) || failures != failed) {
		fail_msg("%u failures; wanted %u and \"%s\" in:\n%s", failures, failed, line, said);
	}
}

/* The thin pool with other properties, its tag kept. */
static void other_pool(const char *more)
{
	struct stamp stamp;
	char all[256];

	assert_ok(stamp_read_at(at(&place, "pool"), &stamp, &err), err);
	print_to(all, sizeof(all), ",\"tags\":[\"" LVMTHIN_TAG_PREFIX "%s\"]%s", stamp.uuid, more);
	lvm_group(POOL_STATUS, all);
}

static void test_all_well(void **state UNUSED)
{
	check_says(0, "OK    kernel module dm-thin-pool: loaded\n");
	assert_non_null(strstr(said, "OK    lvm: it is there, and looks into no volume\n"));
	assert_non_null(strstr(said, "OK    udev: "));
	assert_non_null(strstr(said,
		"OK    pool fast: " VG
		"/thin: zeroes what it gives out, in chunks of 64 KiB; its identity is right\n"));
	/* The make-believe group is as vgcreate makes one unless told otherwise. */
	assert_non_null(strstr(said, "has room for about 696 logical volumes"));
	/* Nothing was changed. */
	assert_false(lvm_has_device("vg--0-thin-tpool"));
	assert_false(exists(at(&place, "state")));
}

static void test_machine(void **state UNUSED)
{
	assert_int_equal(rmdir(at(&place, "sys/module/dm_thin_pool")), 0);
	check_says(1, "FAIL  kernel module dm-thin-pool: not in ");
	put_file(at(&place, "modules/modules.dep"), "kernel/drivers/md/dm-thin-pool.ko.xz: a b\n");
	check_says(0, "OK    kernel module dm-thin-pool: available");
	assert_int_equal(unlink(at(&place, "rules/57-nvmetcp-target.rules")), 0);
	check_says(0, "WARN  udev: 57-nvmetcp-target.rules is in none of the folders");
	put_file(at(&lvm_world.place, "lvm.conf"), "scan_lvs=1\n");
	check_says(1, "FAIL  lvm: devices/scan_lvs is 1 in lvm.conf");
	put_file(at(&lvm_world.place, "lvm.conf"),
		"thin_check_executable=\"/nowhere/thin_check\"\n");
	check_says(1, "install thin-provisioning-tools");
	lvm_world.env.lvm = "nvmetcp-no-such-program";
	check_says(2, "FAIL  lvm: nvmetcp-no-such-program: is not on this machine: install lvm2");
}

static void test_pool(void **state UNUSED)
{
	other_pool(",\"when_full\":\"queue\"");
	check_says(0, "lvchange --errorwhenfull y " VG "/thin");
	other_pool(",\"zero\":\"\"");
	check_says(1, "lvchange --zero y " VG "/thin");
	lvm_group(POOL_STATUS, "");
	check_says(1, "FAIL  pool fast: the thin pool " VG "/thin has no tag");
	put_file(at(&lvm_world.place, "vg.json"),
		"{\"vg\":\"other\",\"vg_uuid\":\"x\",\"extent\":4194304,\"lvs\":{}}");
	check_says(1, "FAIL  pool fast: lvm lvs: exit status 5: Volume group \"" VG "\" not found");
}

static void test_ratio(void **state UNUSED)
{
	put_config(",\"ratio\":2");
	check_says(0, "WARN  pool fast: ratio 2.00 promises more than the thin pool has");
	put_file(at(&lvm_world.place, "lvm.conf"), "thin_pool_autoextend_threshold=80\n");
	check_says(0, "OK    pool fast: ");
	assert_null(strstr(said, "ratio 2.00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_well, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ratio, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
