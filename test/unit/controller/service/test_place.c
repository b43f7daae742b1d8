/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request that is about one backend is known to be, whatever name the backend goes by.
 */
#include "controller/service/place.h"
#include "test/unit/controller/service/service_bench.h"

#define OBJECT "t1-v-00112233445566778899aabbccddeeff"

static size_t place_of_create(struct bench *bench, const char *key, const char *value)
{
	Csi__V1__CreateVolumeRequest__ParametersEntry entry =
		CSI__V1__CREATE_VOLUME_REQUEST__PARAMETERS_ENTRY__INIT;
	Csi__V1__CreateVolumeRequest__ParametersEntry *entries[] = {&entry};
	Csi__V1__CreateVolumeRequest request = CSI__V1__CREATE_VOLUME_REQUEST__INIT;

	entry.key = (char *)(uintptr_t)key;
	entry.value = (char *)(uintptr_t)value;
	request.parameters = entries;
	request.n_parameters = key ? 1 : 0;
	return service_place(bench->core, &request.base);
}

static size_t place_of_delete(struct bench *bench, const char *id)
{
	Csi__V1__DeleteVolumeRequest request = CSI__V1__DELETE_VOLUME_REQUEST__INIT;

	request.volume_id = (char *)(uintptr_t)id;
	return service_place(bench->core, &request.base);
}

static void by_id(void **state UNUSED)
{
	Csi__V1__ListSnapshotsRequest snapshots = CSI__V1__LIST_SNAPSHOTS_REQUEST__INIT;
	Csi__V1__CreateSnapshotRequest cut = CSI__V1__CREATE_SNAPSHOT_REQUEST__INIT;
	struct bench bench;

	bench_start(&bench, true);
	assert_int_equal(place_of_delete(&bench, "a/" OBJECT), 0);
	assert_int_equal(place_of_delete(&bench, "old-a/" OBJECT), 0);
	assert_int_equal(place_of_delete(&bench, "b/" OBJECT), 1);
	assert_int_equal(place_of_delete(&bench, "c/" OBJECT), CORE_BACKEND_NONE);
	assert_int_equal(place_of_delete(&bench, "nonsense"), CORE_BACKEND_NONE);
	assert_int_equal(place_of_delete(&bench, ""), CORE_BACKEND_NONE);
	assert_int_equal(service_place(bench.core, &snapshots.base), CORE_BACKEND_NONE);
	snapshots.snapshot_id = (char[]){"b/" OBJECT};
	assert_int_equal(service_place(bench.core, &snapshots.base), 1);
	snapshots.snapshot_id = (char[]){""};
	snapshots.source_volume_id = (char[]){"a/" OBJECT};
	assert_int_equal(service_place(bench.core, &snapshots.base), 0);
	cut.source_volume_id = (char[]){"b/" OBJECT};
	assert_int_equal(service_place(bench.core, &cut.base), 1);
	bench_stop(&bench);
}

static void by_parameters_and_source(void **state UNUSED)
{
	Csi__V1__GetCapacityRequest__ParametersEntry entry =
		CSI__V1__GET_CAPACITY_REQUEST__PARAMETERS_ENTRY__INIT;
	Csi__V1__GetCapacityRequest__ParametersEntry *entries[] = {&entry};
	Csi__V1__GetCapacityRequest capacity = CSI__V1__GET_CAPACITY_REQUEST__INIT;
	struct creation c;
	struct bench bench;

	bench_start(&bench, true);
	assert_int_equal(place_of_create(&bench, "backend", "old-a"), 0);
	assert_int_equal(place_of_create(&bench, "backend", "b"), 1);
	assert_int_equal(place_of_create(&bench, "backend", "c"), CORE_BACKEND_NONE);
	assert_int_equal(place_of_create(&bench, "pool", "b"), CORE_BACKEND_NONE);
	assert_int_equal(place_of_create(&bench, NULL, NULL), CORE_BACKEND_NONE);
	/* A copy is made where its source is. */
	creation(&c, (char[]){"v"});
	c.source.type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT;
	c.source.snapshot = &c.snapshot;
	c.snapshot.snapshot_id = (char[]){"b/" OBJECT};
	c.message.volume_content_source = &c.source;
	assert_int_equal(service_place(bench.core, &c.message.base), 1);
	c.source.type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_VOLUME;
	c.source.volume = &c.volume;
	c.volume.volume_id = (char[]){"a/" OBJECT};
	assert_int_equal(service_place(bench.core, &c.message.base), 0);
	entry.key = (char[]){"backend"};
	entry.value = (char[]){"b"};
	assert_int_equal(service_place(bench.core, &capacity.base), CORE_BACKEND_NONE);
	capacity.parameters = entries;
	capacity.n_parameters = 1;
	assert_int_equal(service_place(bench.core, &capacity.base), 1);
	bench_stop(&bench);
}

static void the_only_one_needs_no_name(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, false);
	assert_int_equal(place_of_create(&bench, NULL, NULL), 0);
	assert_int_equal(place_of_create(&bench, "backend", ""), 0);
	assert_int_equal(place_of_create(&bench, "backend", "c"), CORE_BACKEND_NONE);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_id),
		cmocka_unit_test(by_parameters_and_source),
		cmocka_unit_test(the_only_one_needs_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
