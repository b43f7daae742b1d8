/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ControllerGetVolumeHealth and ControllerListVolumeHealth.
 */
#include "test/unit/controller/service/service_bench.h"

static void of_one(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerGetVolumeHealthRequest request =
		CSI__V1__CONTROLLER_GET_VOLUME_HEALTH_REQUEST__INIT;
	const Csi__V1__ControllerGetVolumeHealthResponse *answer;
	char id[129];

	expect(s, "ControllerGetVolumeHealth", &request.base, ERR_INVALID_ARGUMENT, "volume_id");
	request.volume_id = (char[]){"junk"};
	expect(s, "ControllerGetVolumeHealth", &request.base, ERR_NOT_FOUND, "junk");
	make(s, (char[]){"v1"}, id);
	request.volume_id = id;
	answer = answered(s, "ControllerGetVolumeHealth", &request.base);
	assert_string_equal(answer->volume_health->volume_id, id);
	assert_int_equal(answer->volume_health->n_health_statuses, 0);
	s->bench.a->pool.free = 0;
	answer = answered(s, "ControllerGetVolumeHealth", &request.base);
	assert_int_equal(answer->volume_health->n_health_statuses, 1);
	assert_int_equal(answer->volume_health->health_statuses[0]->status,
		CSI__V1__VOLUME_HEALTH_ERROR_TYPE__DEGRADED);
	assert_string_equal(answer->volume_health->health_statuses[0]->reason, "PoolFull");
	assert_non_null(strstr(answer->volume_health->health_statuses[0]->message, "enlarge"));
	tiny_volume(s->bench.a, strchr(id, '/') + 1)->used = false;
	expect(s, "ControllerGetVolumeHealth", &request.base, ERR_NOT_FOUND, id);
}

static void of_all(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerListVolumeHealthRequest request =
		CSI__V1__CONTROLLER_LIST_VOLUME_HEALTH_REQUEST__INIT;
	const Csi__V1__ControllerListVolumeHealthResponse *answer;
	char token[256];
	char first[129];
	char id[129];

	make(s, (char[]){"v1"}, id);
	make(s, (char[]){"v2"}, id);
	answer = answered(s, "ControllerListVolumeHealth", &request.base);
	assert_int_equal(answer->n_entries, 0);
	assert_string_equal(answer->next_token, "");
	s->bench.a->pool.free = 0;
	request.max_entries = 1;
	answer = answered(s, "ControllerListVolumeHealth", &request.base);
	assert_int_equal(answer->n_entries, 1);
	assert_int_equal(answer->entries[0]->n_health_statuses, 1);
	(void)snprintf(token, sizeof(token), "%s", answer->next_token);
	(void)snprintf(first, sizeof(first), "%s", answer->entries[0]->volume_id);
	request.starting_token = token;
	answer = answered(s, "ControllerListVolumeHealth", &request.base);
	assert_int_equal(answer->n_entries, 1);
	assert_string_not_equal(answer->entries[0]->volume_id, first);
	assert_string_equal(answer->next_token, "");
	request.starting_token = (char[]){"invalid-token"};
	expect(s, "ControllerListVolumeHealth", &request.base, ERR_ABORTED, "starting_token");
	request.max_entries = -1;
	expect(s, "ControllerListVolumeHealth", &request.base, ERR_INVALID_ARGUMENT, "max_entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_one, setup, teardown),
		cmocka_unit_test_setup_teardown(of_all, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
