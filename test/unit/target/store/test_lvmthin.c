/* SPDX-License-Identifier: Apache-2.0 */
/* The store `lvmthin` as a whole: identity, capacity, states, what it finds at its opening. */
#include "target/store/generation.h"
#include "test/unit/target/thinstore.h"

#define POOL_DEVICE "vg--0-thin-tpool"
#define POOL_DEVICE_UUID                                                                           \
	"LVM-vgvgvg00000000000000000000vgvgvgpopopo00000000000000000000popopo-tpool"

static void refused(
	struct thin *t, const struct store_options *options, enum err_code code, const char *part)
{
	struct store *store = NULL;
	struct stamp stamp;

	assert_int_equal(store_open(NO_STEP, options, &store, &stamp, &t->err), -1);
	assert_err(t->err, code, part);
	assert_null(store);
}

static void test_limits(void **state)
{
	struct thin *t = *state;
	struct store_usage usage;

	assert_int_equal(t->store->limits.granularity, EXTENT);
	assert_int_equal(t->store->limits.extent, EXTENT);
	thin_ok(t, usage(t->store, &usage, &t->err));
	assert_int_equal(usage.size, GIB - GIB / 50);
	assert_int_equal(usage.free, (16384 - 100) * 65536);
	assert_int_equal(usage.meta_size, 4 * MIB);
	assert_int_equal(usage.meta_free, (1024 - 10) * 4096);
	/* Little metadata limits what may be promised, however much data there is. */
	lvm_set_device(POOL_DEVICE, POOL_DEVICE_UUID
		"\n0\n1073741824\nthin-pool\n1 10/100 0/16384 - rw no_discard_passdown error_if_no_space - 1024\n");
	thin_ok(t, usage(t->store, &usage, &t->err));
	assert_int_equal(usage.size, (100 * 4096 - 100 * 4096 / 10) / 48 * INT64_C(65536));
}

static void test_identity(void **state)
{
	struct thin *t = *state;
	struct store_options options = thin_options(t);

	options.thin_pool = "root";
	refused(t, &options, ERR_FAILED_PRECONDITION, "not a thin pool");
	options.thin_pool = "none";
	refused(t, &options, ERR_UNAVAILABLE, "Failed to find logical volume");
	options = thin_options(t);
	options.vg = "other";
	refused(t, &options, ERR_UNAVAILABLE, "pool pool: lvm lvs: exit status 5: Volume group");
	options = thin_options(t);
	options.uuid = "0b0c1d7e-0000-4000-8000-000000000001";
	refused(t, &options, ERR_FAILED_PRECONDITION, "is recorded");
	options = thin_options(t);
	options.type = "file";
	refused(t, &options, ERR_FAILED_PRECONDITION, "type \"lvmthin\", not \"file\"");
	options.type = "zfs";
	refused(t, &options, ERR_INVALID_ARGUMENT, "no store \"zfs\"");
	/* The tag went: this thin pool may be anybody's. */
	options = thin_options(t);
	lvm_group(POOL_STATUS, "");
	refused(t, &options, ERR_FAILED_PRECONDITION, "has no tag nvmetcp.pool.");
}

/* Another group of the same name, as after a disk was put in from elsewhere. */
static void test_another_pool(void **state)
{
	struct thin *t = *state;
	struct store_options options = thin_options(t);

	put_file(at(&lvm_world.place, "vg.json"),
		"{\"vg\":\"" VG
		"\",\"vg_uuid\":\"xxxxxx-0000-0000-0000-0000-0000-vgvgvg\",\"extent\":4194304,\"lvs\":{"
		"\"thin\":{\"uuid\":\"" POOL_UUID
		"\",\"segtype\":\"thin-pool\",\"size\":1073741824,\"tags\":[],"
		"\"zero\":\"zero\",\"chunk\":65536,\"status\":\"" POOL_STATUS "\"}}}");
	refused(t, &options, ERR_FAILED_PRECONDITION, "another thin pool");
	/* The running agent sees it by the device's UUID. */
	lvm_set_device(POOL_DEVICE, "LVM-xxxxxx\n0\n1073741824\nthin-pool\n" POOL_STATUS "\n");
	thin_fails(t, check(t->store, &t->err), ERR_UNAVAILABLE, "another thin pool now");
	lvm_set_device(POOL_DEVICE, NULL);
	thin_fails(t, check(t->store, &t->err), ERR_UNAVAILABLE, "is not active");
}

static void test_check(void **state)
{
	struct thin *t = *state;

	thin_ok(t, check(t->store, &t->err));
	assert_called("");
	lvm_set_device(POOL_DEVICE, POOL_DEVICE_UUID "\n0\n1073741824\nthin-pool\nFail\n");
	thin_fails(t, check(t->store, &t->err), ERR_UNAVAILABLE, "Fail");
	/* The directory is looked at, too. */
	lvm_set_device(
		POOL_DEVICE, POOL_DEVICE_UUID "\n0\n1073741824\nthin-pool\n" POOL_STATUS "\n");
	assert_int_equal(rename(at(&t->place, STAMP_FILE), at(&t->place, "away")), 0);
	thin_fails(t, check(t->store, &t->err), ERR_UNAVAILABLE, "no pool is there");
}

/* Before its first volume a thin pool's device has the plain name. */
static void test_new_pool(void **state)
{
	struct thin *t = *state;

	assert_int_equal(rename(at(&lvm_world.place, "dm/" POOL_DEVICE),
				 at(&lvm_world.place, "dm/vg--0-thin")),
		0);
	thin_ok(t, check(t->store, &t->err));
}

static int note(const char *id, void *arg)
{
	char *all = arg;
	size_t len = strlen(all);

	print_to(all + len, 256 - len, "%s ", id);
	return 0;
}

static void test_each(void **state)
{
	struct thin *t = *state;
	const struct lvm lvm = {&lvm_world.env, VG};
	const char *const foreign[] = {"lvcreate", "--virtualsize", "4194304b", "--thinpool",
		"thin", "--name", "nvmetcp.v.foreign", "--addtag", "other", VG, NULL};
	char all[256] = "";

	thin_ok(t, create(NO_STEP, t->store, VOLUME("a-b"), EXTENT, &t->err));
	thin_ok(t, clone(NO_STEP, t->store, VOLUME("a-b"), SNAPSHOT("s1"), EXTENT, &t->err));
	assert_ok(lvm_change(NO_STEP, &lvm, foreign, &t->err), t->err);
	thin_ok(t, each(t->store, OBJECT_VOLUME, false, note, all, &t->err));
	assert_string_equal(all, "a-b ");
	all[0] = '\0';
	thin_ok(t, each(t->store, OBJECT_SNAPSHOT, false, note, all, &t->err));
	assert_string_equal(all, "s1 ");
	thin_ok(t, state_write(NO_STEP, t->store, VOLUME("x"), "{}", &t->err));
	all[0] = '\0';
	thin_ok(t, each(t->store, OBJECT_VOLUME, true, note, all, &t->err));
	assert_string_equal(all, "x ");
	thin_ok(t, state_remove(NO_STEP, t->store, VOLUME("x"), &t->err));
	lvm_fault("lvs before 5 /dev/vda: Input/output error");
	thin_fails(t, each(t->store, OBJECT_VOLUME, false, note, all, &t->err), ERR_UNAVAILABLE,
		"Input/output error");
}

/* After a reboot: nothing is active. */
static void test_reboot(void **state)
{
	struct thin *t = *state;
	char id[32];

	for (int i = 0; i < 40; i++) {
		print_to(id, sizeof(id), "v%d", i);
		thin_ok(t, create(NO_STEP, t->store, VOLUME(id), EXTENT, &t->err));
	}
	for (int i = 0; i < 40; i++) {
		print_to(id, sizeof(id), "vg--0-nvmetcp.v.v%d", i);
		lvm_set_device(id, NULL);
	}
	lvm_set_device(POOL_DEVICE, NULL);
	assert_int_equal(unlink(at(&lvm_world.place, "log")), 0);
	thin_open(t);
	/* The thin pool, then all volumes in as few commands as possible. */
	assert_called("lvs lvchange lvs lvchange lvchange ");
	for (int i = 0; i < 40; i++) {
		print_to(id, sizeof(id), "v%d", i);
		assert_int_equal(thin_stat(t, VOLUME(id)).size, EXTENT);
	}
}

/* One that cannot be activated is missed when it is used; the others are there. */
static void test_reboot_with_a_bad_volume(void **state)
{
	struct thin *t = *state;
	struct store_stat stat;

	thin_ok(t, create(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	lvm_set_device("vg--0-nvmetcp.v.v1", NULL);
	lvm_fault("lvchange before 5 Thin volume is damaged.");
	thin_open(t);
	thin_fails(t, stat(t->store, VOLUME("v1"), &stat, &t->err), ERR_UNAVAILABLE, "not active");
	/* It is tried again when it is to be used. */
	thin_ok(t, grow(NO_STEP, t->store, VOLUME("v1"), EXTENT, &t->err));
	assert_int_equal(thin_stat(t, VOLUME("v1")).size, EXTENT);
}

/* What `check` opens changes nothing. */
static void test_look_only(void **state)
{
	struct thin *t = *state;
	struct store_options options = thin_options(t);
	struct store *store = NULL;
	struct stamp stamp;

	lvm_set_device(POOL_DEVICE, NULL);
	options.look_only = true;
	assert_ok(store_open(NO_STEP, &options, &store, &stamp, &t->err), t->err);
	assert_called("lvs ");
	assert_false(lvm_has_device(POOL_DEVICE));
	store_free(store);
}

static void assert_tags(const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	struct err err = {0};
	const char *found;

	assert_ok(file_read(AT_FDCWD, at(&lvm_world.place, "vg.json"), 65536, &text, NULL, &err),
		err);
	found = strstr(text, "nvmetcp.generation.");
	assert_non_null(found);
	assert_int_equal(strncmp(found, wanted, strlen(wanted)), 0);
	assert_null(strstr(found + 1, "nvmetcp.generation."));
}

/* In both parts, and what is told is the least of them. */
static void test_generation(void **state)
{
	struct thin *t = *state;

	assert_int_equal(t->stamp.generation, 0);
	thin_ok(t, generation_write(NO_STEP, t->store, 8, &t->err));
	assert_tags("nvmetcp.generation.8\"");
	thin_ok(t, generation_write(NO_STEP, t->store, 9, &t->err));
	assert_tags("nvmetcp.generation.9\"");
	thin_open(t);
	assert_int_equal(t->stamp.generation, 9);
	/* Killed in between. */
	lvm_fault("lvchange after 137");
	thin_fails(t, generation_write(NO_STEP, t->store, 10, &t->err), ERR_INTERNAL,
		"generation of vg-0/thin");
	assert_tags("nvmetcp.generation.10\"");
	thin_open(t);
	assert_int_equal(t->stamp.generation, 9);
	put_file(at(&t->place, GENERATION_FILE), "12\n");
	thin_open(t);
	assert_int_equal(t->stamp.generation, 10);
}

/* A command that went on after its deadline may leave more than one. */
static void test_generation_tags(void **state)
{
	struct thin *t = *state;
	struct store_options options = thin_options(t);
	const struct lvm lvm = {&lvm_world.env, VG};
	const char *args[] = {"lvchange", "--addtag", "nvmetcp.generation.7", (VG "/thin"), NULL};

	thin_ok(t, generation_write(NO_STEP, t->store, 8, &t->err));
	assert_ok(lvm_change(NO_STEP, &lvm, args, &t->err), t->err);
	thin_open(t);
	assert_int_equal(t->stamp.generation, 8);
	thin_ok(t, generation_write(NO_STEP, t->store, 9, &t->err));
	assert_tags("nvmetcp.generation.9\"");
	args[2] = "nvmetcp.generation.1x";
	assert_ok(lvm_change(NO_STEP, &lvm, args, &t->err), t->err);
	refused(t, &options, ERR_DATA_LOSS, "nvmetcp.generation.1x: is no generation");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limits, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_identity, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_another_pool, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_check, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_new_pool, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_each, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_reboot, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(
			test_reboot_with_a_bad_volume, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_look_only, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_generation, thin_setup, thin_teardown),
		cmocka_unit_test_setup_teardown(test_generation_tags, thin_setup, thin_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
