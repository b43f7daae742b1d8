/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of a subsystem from sysfs: exact names, whose controllers, which disks.
 */
#include "node/nvme/subsys.h"
#include "test/unit/node/nvme/fixture.h"

static const struct ns_ident ident_1 = {
	.uuid = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55,
		0x55, 0x55},
};

static struct subsys_view scan(const struct fixture *f, const char *nqn)
{
	struct subsys_view view;
	struct err err = {0};

	if (subsys_scan(&f->host, nqn, &us, &view, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	return view;
}

static const struct subsys_ctrl *ctrl_of(const struct subsys_view *view, const char *name)
{
	for (size_t i = 0; i < view->n_ctrls; i++) {
		if (streq(view->ctrls[i].name, name)) {
			return &view->ctrls[i];
		}
	}
	fail_msg("%s is not in the view", name);
	return NULL;
}

static const struct subsys_disk *find(const struct subsys_view *view, const struct ns_ident *want)
{
	struct err err = {0};
	const struct subsys_disk *disk = subsys_find_disk(view, want, &err);

	assert_int_equal(err.code, ERR_OK);
	return disk;
}

static void test_multipath(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, "multipath");
	struct subsys_view view = scan(&f, NQN_A);
	assert_true(view.found);
	assert_int_equal(view.instance, 0);
	assert_int_equal(view.n_ctrls, 5);
	assert_int_equal(view.ours, 3);
	assert_int_equal(view.ours_live, 1);
	assert_int_equal(view.ours_listed, 4);
	const struct subsys_ctrl *c = ctrl_of(&view, "nvme0");
	assert_true(c->ours && c->live && !c->going && c->has_portal);
	assert_int_equal(c->cntlid, 1);
	assert_int_equal(c->instance, 0);
	assert_string_equal(c->portal.addr, "10.0.0.5");
	assert_int_equal(c->portal.port, 4420);
	c = ctrl_of(&view, "nvme1");
	assert_true(c->ours && !c->live && c->has_portal && c->portal.v6);
	assert_string_equal(c->portal.addr, "fd00::5");
	assert_false(ctrl_of(&view, "nvme2")->ours);
	c = ctrl_of(&view, "nvme3");
	assert_true(c->ours && c->going && !c->live);
	/* Not linked to the subsystem, and yet seen: P3 asks for it. */
	c = ctrl_of(&view, "nvme5");
	assert_true(c->ours);
	assert_int_equal(c->cntlid, -1);
	/* Heads only: no hidden path disks, no generic devices. */
	assert_int_equal(view.n_disks, 3);
	subsys_view_done(&view);
	/* The longer name is another subsystem, whose host id is not ours. */
	view = scan(&f, NQN_AB);
	assert_int_equal(view.n_ctrls, 1);
	assert_int_equal(view.ours_listed, 0);
	assert_int_equal(view.n_disks, 1);
	subsys_view_done(&view);
	assert_true(subsys_multipath(&f.host));
	fixture_close(&f);
}

static void test_p2_find_disk(void **state)
{
	struct ns_ident want = ident_1;
	struct fixture f;

	(void)state;
	fixture_open(&f, "multipath");
	struct subsys_view view = scan(&f, NQN_A);
	const struct subsys_disk *disk = find(&view, &want);
	assert_non_null(disk);
	assert_string_equal(disk->name, "nvme0n1");
	assert_true(disk->ready && disk->head);
	assert_int_equal(disk->size, 819200 * 512ULL);
	assert_int_equal(disk->dev, (259 << 8) | 1);
	assert_int_equal(disk->ident.nsid, 7);
	/* Every identity that both know must agree. */
	want.nguid[0] = 0x12;
	assert_null(find(&view, &want));
	want = ident_1;
	want.nsid = 8;
	assert_null(find(&view, &want));
	/* A namespace number alone proves nothing. */
	want = (struct ns_ident){.nsid = 7};
	assert_null(find(&view, &want));
	/* The UUID shown is the NGUID: a volume with both is found by its NGUID. */
	want = (struct ns_ident){.nguid = {0xaa, 0xaa, 0xaa, 0xaa, 0x22, 0x22, 0x33, 0x33, 0x44,
					 0x44, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66},
		.uuid = {0x77}};
	assert_non_null(find(&view, &want));
	assert_string_equal(find(&view, &want)->name, "nvme0n2");
	want = (struct ns_ident){.eui64 = {0x00, 0x25, 0x38, 0xb5, 1, 2, 3, 4}};
	assert_string_equal(find(&view, &want)->name, "nvme0n3");
	/* A disk of the subsystem with the longer name is not ours. */
	want = (struct ns_ident){.uuid = {0xbb, 0xbb, 0xbb, 0xbb, 0x22, 0x22, 0x33, 0x33, 0x44,
					 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}};
	assert_null(find(&view, &want));
	subsys_view_done(&view);
	fixture_close(&f);
}

static void test_identity_twice(void **state)
{
	struct err err = {0};
	struct fixture f;

	(void)state;
	fixture_open(&f, "multipath");
	fixture_set(&f, "class/nvme-subsystem/nvme-subsys0/nvme0n3/uuid",
		"11111111-2222-3333-4444-555555555555");
	struct subsys_view view = scan(&f, NQN_A);
	assert_null(subsys_find_disk(&view, &ident_1, &err));
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "nvme0n1"));
	assert_non_null(strstr(err.msg, "nvme0n3"));
	subsys_view_done(&view);
	fixture_close(&f);
}

static void test_single_path(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, "single");
	struct subsys_view view = scan(&f, NQN_A);
	const struct subsys_disk *disk = find(&view, &ident_1);
	assert_non_null(disk);
	assert_string_equal(disk->name, "nvme7n1");
	assert_false(disk->head);
	assert_int_equal(view.n_ctrls, 1);
	assert_int_equal(view.ours_live, 1);
	subsys_view_done(&view);
	assert_false(subsys_multipath(&f.host));
	fixture_close(&f);
}

static void test_garbage(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, "garbage");
	struct subsys_view view = scan(&f, NQN_A);
	assert_true(view.found);
	assert_int_equal(view.n_ctrls, 5);
	assert_int_equal(view.ours_listed, 0);
	for (size_t i = 0; i < view.n_ctrls; i++) {
		assert_false(view.ctrls[i].has_portal);
		assert_int_equal(view.ctrls[i].cntlid, -1);
	}
	assert_int_equal(view.n_disks, 3);
	for (size_t i = 0; i < view.n_disks; i++) {
		assert_false(view.disks[i].ready);
		assert_int_equal(view.disks[i].size, 0);
		assert_int_equal(view.disks[i].ident.nsid, 0);
	}
	/* Only what could be read counts: nothing but one UUID. */
	assert_string_equal(find(&view, &ident_1)->name, "nvme0n1");
	struct ns_ident zero = {0};
	assert_null(find(&view, &zero));
	subsys_view_done(&view);
	fixture_close(&f);
}

static void test_nothing_there(void **state)
{
	struct fixture f;
	struct subsys_view view;
	struct subsys_paths paths;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	view = scan(&f, NQN_A);
	assert_false(view.found);
	assert_int_equal(view.instance, -1);
	subsys_view_done(&view);
	assert_int_equal(subsys_list_ours(&f.host, &us, &paths, &err), 0);
	assert_int_equal(paths.n, 0);
	/* No class/ at all is no /sys: that must not look like "disconnected". */
	assert_int_equal(unlinkat(f.sysfs, "class", AT_REMOVEDIR), 0);
	assert_int_equal(subsys_scan(&f.host, NQN_A, &us, &view, &err), -1);
	assert_int_equal(subsys_list_ours(&f.host, &us, &paths, &err), -1);
	fixture_close(&f);
}

static void test_rescan(void **state)
{
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, "multipath");
	struct subsys_view view = scan(&f, NQN_A);
	fixture_set(&f, "class/nvme-subsystem/nvme-subsys0/nvme0n1/size", "8");
	fixture_set(&f, "class/nvme/nvme1/state", "live");
	assert_int_equal(subsys_rescan(&f.host, &us, &view, &err), 0);
	assert_true(view.found);
	assert_int_equal(find(&view, &ident_1)->size, 4096);
	assert_int_equal(view.ours_live, 2);
	assert_int_equal(view.n_ctrls, 4);
	/* Its number now belongs to another subsystem. */
	fixture_set(&f, "class/nvme-subsystem/nvme-subsys0/subsysnqn", NQN_AB);
	assert_int_equal(subsys_rescan(&f.host, &us, &view, &err), 0);
	assert_false(view.found);
	assert_int_equal(view.n_disks, 0);
	assert_string_equal(view.nqn, NQN_A);
	subsys_view_done(&view);
	fixture_close(&f);
}

static void test_list_ours(void **state)
{
	struct fixture f;
	struct subsys_paths paths;
	struct err err = {0};

	(void)state;
	fixture_open(&f, "multipath");
	assert_int_equal(subsys_list_ours(&f.host, &us, &paths, &err), 0);
	assert_int_equal(paths.n, 4);
	for (size_t i = 0; i < paths.n; i++) {
		assert_string_equal(paths.list[i].nqn, NQN_A);
		assert_true(paths.list[i].ctrl.ours);
	}
	subsys_paths_done(&paths);
	fixture_close(&f);
}

static void test_limits(void **state)
{
	struct fixture f;
	struct subsys_view view;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(dir_make(f.sysfs, "class/nvme", 0755, &err), 0);
	for (int i = 0; i <= SUBSYS_CTRLS_MAX; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "class/nvme/nvme%d", i);
		assert_int_equal(mkdirat(f.sysfs, path, 0755), 0);
		(void)snprintf(path, sizeof(path), "class/nvme/nvme%d/subsysnqn", i);
		fixture_set(&f, path, NQN_A);
	}
	assert_int_equal(subsys_scan(&f.host, NQN_A, &us, &view, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, "128 controllers"));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_p2_find_disk),
		cmocka_unit_test(test_identity_twice),
		cmocka_unit_test(test_single_path),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_rescan),
		cmocka_unit_test(test_list_ours),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
