/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin says it can do, and that only what is built has a slot.
 */
#include "test/unit/controller/service/service_bench.h"

static void capabilities(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerGetCapabilitiesRequest request =
		CSI__V1__CONTROLLER_GET_CAPABILITIES_REQUEST__INIT;
	const Csi__V1__ControllerGetCapabilitiesResponse *answer =
		answered(s, "ControllerGetCapabilities", &request.base);
	bool seen[32] = {false};

	for (size_t i = 0; i < answer->n_capabilities; i++) {
		assert_int_equal(answer->capabilities[i]->type_case,
			CSI__V1__CONTROLLER_SERVICE_CAPABILITY__TYPE_RPC);
		assert_in_range(answer->capabilities[i]->rpc->type, 1, 31);
		assert_false(seen[answer->capabilities[i]->rpc->type]);
		seen[answer->capabilities[i]->rpc->type] = true;
	}
	assert_int_equal(answer->n_capabilities, 14);
	/* VOLUME_CONDITION is no more, and what is not built is not offered. */
	assert_false(seen[11]);
	assert_false(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__MODIFY_VOLUME]);
	assert_false(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__PUBLISH_READONLY]);
	/* CSI: LIST_VOLUME_HEALTH only with GET_VOLUME_HEALTH. */
	assert_true(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__GET_VOLUME_HEALTH]);
	assert_true(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__LIST_VOLUME_HEALTH]);
	assert_null(s->service.service.controller_modify_volume);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capabilities, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
