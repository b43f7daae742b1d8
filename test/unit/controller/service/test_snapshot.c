/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateSnapshot, ListSnapshots, GetSnapshot, DeleteSnapshot.
 */
#include "test/unit/controller/service/service_bench.h"

static void snapshots(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__CreateSnapshotRequest create = CSI__V1__CREATE_SNAPSHOT_REQUEST__INIT;
	Csi__V1__ListSnapshotsRequest list = CSI__V1__LIST_SNAPSHOTS_REQUEST__INIT;
	Csi__V1__GetSnapshotRequest get = CSI__V1__GET_SNAPSHOT_REQUEST__INIT;
	Csi__V1__DeleteSnapshotRequest delete = CSI__V1__DELETE_SNAPSHOT_REQUEST__INIT;
	const Csi__V1__CreateSnapshotResponse *made;
	const Csi__V1__ListSnapshotsResponse *page;
	const Csi__V1__GetSnapshotResponse *found;
	char volume[129];
	char snapshot[129];

	make(s, (char[]){"v"}, volume);
	expect(s, "CreateSnapshot", &create.base, ERR_INVALID_ARGUMENT, "name");
	create.name = (char[]){"s"};
	expect(s, "CreateSnapshot", &create.base, ERR_INVALID_ARGUMENT, "source_volume_id");
	create.source_volume_id = (char[]){"none"};
	expect(s, "CreateSnapshot", &create.base, ERR_NOT_FOUND, "none");
	create.source_volume_id = volume;
	made = answered(s, "CreateSnapshot", &create.base);
	assert_string_equal(made->snapshot->source_volume_id, volume);
	assert_int_equal(made->snapshot->size_bytes, GIB);
	assert_int_equal(made->snapshot->creation_time->seconds, 1700000000);
	assert_int_equal(made->snapshot->creation_time->nanos, 123000000);
	assert_true(made->snapshot->ready_to_use);
	(void)snprintf(snapshot, sizeof(snapshot), "%s", made->snapshot->snapshot_id);

	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.source_volume_id = volume;
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.source_volume_id = (char[]){"none"};
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 0);
	list.source_volume_id = (char[]){""};
	list.snapshot_id = snapshot;
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.snapshot_id = (char[]){"none"};
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 0);
	list.max_entries = -1;
	expect(s, "ListSnapshots", &list.base, ERR_INVALID_ARGUMENT, "max_entries");

	get.snapshot_id = snapshot;
	found = answered(s, "GetSnapshot", &get.base);
	assert_string_equal(found->snapshot->snapshot_id, snapshot);
	get.snapshot_id = (char[]){""};
	expect(s, "GetSnapshot", &get.base, ERR_INVALID_ARGUMENT, "snapshot_id");
	expect(s, "DeleteSnapshot", &delete.base, ERR_INVALID_ARGUMENT, "snapshot_id");
	delete.snapshot_id = (char[]){"none"};
	(void)answered(s, "DeleteSnapshot", &delete.base);
	delete.snapshot_id = snapshot;
	(void)answered(s, "DeleteSnapshot", &delete.base);
	(void)answered(s, "DeleteSnapshot", &delete.base);
	get.snapshot_id = snapshot;
	expect(s, "GetSnapshot", &get.base, ERR_NOT_FOUND, "snapshot a/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(snapshots, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
