/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ControllerPublishVolume and ControllerUnpublishVolume: fields, codes, the context.
 */
#include "test/unit/controller/service/service_bench.h"

static void publish_and_unpublish(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerPublishVolumeRequest publish =
		CSI__V1__CONTROLLER_PUBLISH_VOLUME_REQUEST__INIT;
	Csi__V1__ControllerUnpublishVolumeRequest unpublish =
		CSI__V1__CONTROLLER_UNPUBLISH_VOLUME_REQUEST__INIT;
	const Csi__V1__ControllerPublishVolumeResponse *answer;
	struct capability c;
	struct kv items[ATTACH_KEYS_MAX];
	struct attach_info info;
	struct err err = {0};
	char id[129];

	make(s, (char[]){"v"}, id);
	capability(&c, false, MODE(SINGLE_NODE_WRITER));
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT, "volume_id");
	publish.volume_id = id;
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT, "node_id");
	publish.node_id = (char[]){"some-fake-node-id"};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT,
		"volume_capability");
	publish.volume_capability = &c.message;
	expect(s, "ControllerPublishVolume", &publish.base, ERR_NOT_FOUND, "node_id");
	publish.volume_id = (char[]){"some-fake-volume-id"};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_NOT_FOUND, "volume");
	publish.volume_id = id;
	publish.node_id = (char[]){NODE_1};
	answer = answered(s, "ControllerPublishVolume", &publish.base);
	assert_in_range(answer->n_publish_context, 5, ATTACH_KEYS_MAX);
	for (size_t i = 0; i < answer->n_publish_context; i++) {
		items[i] = (struct kv){
			answer->publish_context[i]->key, answer->publish_context[i]->value};
	}
	assert_int_equal(
		attach_parse((struct kv_list){items, answer->n_publish_context}, &info, &err), 0);
	publish.node_id = (char[]){NODE_2};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_FAILED_PRECONDITION, NODE_1);

	expect(s, "ControllerUnpublishVolume", &unpublish.base, ERR_INVALID_ARGUMENT, "volume_id");
	unpublish.volume_id = (char[]){"some-fake-volume-id"};
	(void)answered(s, "ControllerUnpublishVolume", &unpublish.base);
	unpublish.volume_id = id;
	(void)answered(s, "ControllerUnpublishVolume", &unpublish.base);
	(void)answered(s, "ControllerPublishVolume", &publish.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(publish_and_unpublish, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
