/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListVolumes and GetCapacity.
 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test_setup_teardown(capacity, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
