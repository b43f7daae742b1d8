/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListVolumes and GetCapacity.
 */
#include "controller/service/convert.h"
#include "test/unit/controller/service/service_bench.h"

static void lists(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ListVolumesRequest request = CSI__V1__LIST_VOLUMES_REQUEST__INIT;
	const Csi__V1__ListVolumesResponse *answer;
	char token[256];
	char first[129];
	char id[129];

	make(s, (char[]){"v1"}, id);
	make(s, (char[]){"v2"}, id);
	tiny_add_host(tiny_volume(s->bench.a, strchr(id, '/') + 1), NODE_1);
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 2);
	assert_string_equal(answer->next_token, "");
	assert_int_equal(answer->entries[0]->status->n_published_node_ids +
				 answer->entries[1]->status->n_published_node_ids,
		1);
	request.max_entries = 1;
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 1);
	(void)snprintf(token, sizeof(token), "%s", answer->next_token);
	(void)snprintf(first, sizeof(first), "%s", answer->entries[0]->volume->volume_id);
	request.starting_token = token;
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 1);
	assert_string_not_equal(answer->entries[0]->volume->volume_id, first);
	assert_string_equal(answer->next_token, "");
	request.starting_token = (char[]){"invalid-token"};
	expect(s, "ListVolumes", &request.base, ERR_ABORTED, "starting_token");
	request.max_entries = -1;
	expect(s, "ListVolumes", &request.base, ERR_INVALID_ARGUMENT, "max_entries");
}

static void capacity(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__GetCapacityRequest request = CSI__V1__GET_CAPACITY_REQUEST__INIT;
	Csi__V1__Topology topology = CSI__V1__TOPOLOGY__INIT;
	Csi__V1__Topology__SegmentsEntry segment = CSI__V1__TOPOLOGY__SEGMENTS_ENTRY__INIT;
	Csi__V1__Topology__SegmentsEntry *segments[] = {&segment};
	const Csi__V1__GetCapacityResponse *answer;
	struct capability c;

	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 10 * GIB);
	assert_int_equal(answer->maximum_volume_size->value, 4 * GIB);
	assert_int_equal(answer->minimum_volume_size->value, TINY_UNIT);
	request.accessible_topology = &topology;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 10 * GIB);
	topology.segments = segments;
	topology.n_segments = 1;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 0);
	request.accessible_topology = NULL;
	capability(&c, false, MODE(MULTI_NODE_MULTI_WRITER));
	request.volume_capabilities = c.list;
	request.n_volume_capabilities = 1;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 0);
	c.message.access_mode = NULL;
	expect(s, "GetCapacity", &request.base, ERR_INVALID_ARGUMENT, "access_mode");
}

/* "a" of this one is reached from one zone. */
static int setup_zone(void **state)
{
	static const struct kv zone = {"x.dev/zone", "a"};
	const struct kv_list segment = {&zone, 1};
	struct service_bench *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	bench_start_at(&s->bench, false, (struct topology){&segment, 1});
	serve(s);
	*state = s;
	return 0;
}

struct segment {
	Csi__V1__Topology message;
	Csi__V1__Topology__SegmentsEntry entry;
	Csi__V1__Topology__SegmentsEntry *entries[1];
	Csi__V1__Topology *list[1];
};

static void zone(struct segment *segment, const char *value)
{
	csi__v1__topology__init(&segment->message);
	csi__v1__topology__segments_entry__init(&segment->entry);
	segment->entry.key = (char *)"x.dev/zone";
	segment->entry.value = (char *)value;
	segment->entries[0] = &segment->entry;
	segment->message.segments = segment->entries;
	segment->message.n_segments = 1;
	segment->list[0] = &segment->message;
}

static void is_in_zone_a(const Csi__V1__Volume *volume)
{
	assert_int_equal(volume->n_accessible_topology, 1);
	assert_int_equal(volume->accessible_topology[0]->n_segments, 1);
	assert_string_equal(volume->accessible_topology[0]->segments[0]->key, "x.dev/zone");
	assert_string_equal(volume->accessible_topology[0]->segments[0]->value, "a");
}

static void topology(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__TopologyRequirement requirement = CSI__V1__TOPOLOGY_REQUIREMENT__INIT;
	Csi__V1__ListVolumesRequest list = CSI__V1__LIST_VOLUMES_REQUEST__INIT;
	Csi__V1__ControllerGetVolumeRequest get = CSI__V1__CONTROLLER_GET_VOLUME_REQUEST__INIT;
	const Csi__V1__CreateVolumeResponse *made;
	const Csi__V1__ListVolumesResponse *listed;
	const Csi__V1__ControllerGetVolumeResponse *got;
	struct segment segment;
	struct creation c;
	char id[129];

	creation(&c, (char[]){"v"});
	zone(&segment, "b");
	requirement.requisite = requirement.preferred = segment.list;
	requirement.n_requisite = requirement.n_preferred = 1;
	c.message.accessibility_requirements = &requirement;
	expect(s, "CreateVolume", &c.message.base, ERR_RESOURCE_EXHAUSTED,
		"accessibility_requirements");
	zone(&segment, "a");
	made = answered(s, "CreateVolume", &c.message.base);
	is_in_zone_a(made->volume);
	(void)snprintf(id, sizeof(id), "%s", made->volume->volume_id);
	listed = answered(s, "ListVolumes", &list.base);
	is_in_zone_a(listed->entries[0]->volume);
	get.volume_id = id;
	got = answered(s, "ControllerGetVolume", &get.base);
	is_in_zone_a(got->volume);
	/* What is only preferred may be anywhere. */
	creation(&c, (char[]){"w"});
	zone(&segment, "b");
	requirement.n_requisite = 0;
	c.message.accessibility_requirements = &requirement;
	is_in_zone_a((
		(const Csi__V1__CreateVolumeResponse *)answered(s, "CreateVolume", &c.message.base))
			->volume);
	requirement.n_requisite = CONVERT_SEGMENTS_MAX + 1;
	requirement.requisite = calloc(CONVERT_SEGMENTS_MAX + 1, sizeof(*requirement.requisite));
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "requisite");
	free(requirement.requisite);
}

static void capacity_by_zone(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__GetCapacityRequest request = CSI__V1__GET_CAPACITY_REQUEST__INIT;
	const Csi__V1__GetCapacityResponse *answer;
	struct segment segment;

	request.accessible_topology = &segment.message;
	zone(&segment, "a");
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 10 * GIB);
	assert_int_equal(answer->maximum_volume_size->value, 4 * GIB);
	zone(&segment, "b");
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 0);
	assert_null(answer->maximum_volume_size);
	assert_null(answer->minimum_volume_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test_setup_teardown(capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(topology, setup_zone, teardown),
		cmocka_unit_test_setup_teardown(capacity_by_zone, setup_zone, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
