/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health RPCs on a make-believe node: what the core tells, in CSI's words.
 */
#include "common/base/arena.h"
#include "common/base/op.h"
#include "node/service/health.h"
#include "node/service/service.h"
#include "test/unit/node/core/rig.h"

#define ENTRIES 4

struct call {
	struct op op;
	unsigned closed;
	bool answered;
	char volume[64];
	size_t n;
	int status[ENTRIES];
	char reason[ENTRIES][64];
	char message[ENTRIES][1024];
};

static struct call new_call(void)
{
	return (struct call){
		.op = {.arena = arena_new(1024 * 1024), .deadline = deadline_in(20000)}};
}

static void keep(struct call *call, size_t i, int status, const char *reason, const char *message)
{
	assert_true(i < ENTRIES);
	call->status[i] = status;
	(void)snprintf(call->reason[i], sizeof(call->reason[i]), "%s", reason);
	(void)snprintf(call->message[i], sizeof(call->message[i]), "%s", message);
}

static void closed_volume(const Csi__V1__NodeGetVolumeHealthResponse *message, void *data)
{
	struct call *call = data;

	call->closed++;
	call->answered = message != NULL;
	if (!message) {
		return;
	}
	assert_non_null(message->volume_health);
	(void)snprintf(call->volume, sizeof(call->volume), "%s", message->volume_health->volume_id);
	call->n = message->volume_health->n_health_statuses;
	for (size_t i = 0; i < call->n; i++) {
		const Csi__V1__VolumeHealth__VolumeHealthEntry *entry =
			message->volume_health->health_statuses[i];
		keep(call, i, (int)entry->status, entry->reason, entry->message);
	}
}

static void closed_storage(const Csi__V1__NodeGetStorageHealthResponse *message, void *data)
{
	struct call *call = data;

	call->closed++;
	call->answered = message != NULL;
	call->n = message ? message->n_backend_health : 0;
	for (size_t i = 0; i < call->n; i++) {
		keep(call, i, (int)message->backend_health[i]->status,
			message->backend_health[i]->reason, message->backend_health[i]->message);
		assert_null(message->backend_health[i]->volume_capability);
	}
}

static void ask_volume(struct node_service *service, struct call *call,
	const Csi__V1__NodeGetVolumeHealthRequest *request)
{
	arena_free(call->op.arena);
	*call = new_call();
	service->service.node_get_volume_health(&service->service, request, closed_volume, call);
	assert_int_equal(call->closed, 1);
}

static void ask_storage(struct node_service *service, struct call *call)
{
	Csi__V1__NodeGetStorageHealthRequest request =
		CSI__V1__NODE_GET_STORAGE_HEALTH_REQUEST__INIT;

	arena_free(call->op.arena);
	*call = new_call();
	service->service.node_get_storage_health(&service->service, &request, closed_storage, call);
	assert_int_equal(call->closed, 1);
	assert_true(call->answered);
}

static void of_a_volume(void **state)
{
	struct rig *rig = *state;
	struct node_service service;
	struct call call = new_call();
	struct core_stage stage = rig_request(0, VOLUME);
	Csi__V1__NodeGetVolumeHealthRequest request = CSI__V1__NODE_GET_VOLUME_HEALTH_REQUEST__INIT;

	node_service_init(&service, rig->core, "nqn.node", 7);
	ask_volume(&service, &call, &request);
	assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(call.op.err.msg, "volume_id"));
	request.volume_id = (char *)VOLUME;
	request.volume_publish_path = (char *)"not/absolute";
	ask_volume(&service, &call, &request);
	assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(call.op.err.msg, "volume_publish_path"));
	request.volume_publish_path = (char *)TARGET;
	request.staging_target_path = (char *)"/a/../b";
	ask_volume(&service, &call, &request);
	assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(call.op.err.msg, "staging_target_path"));
	request.staging_target_path = (char *)STAGING;
	ask_volume(&service, &call, &request);
	assert_false(call.answered);
	assert_int_equal(call.op.err.code, ERR_NOT_FOUND);
	assert_int_equal(rig_stage(rig, &stage), 0);
	ask_volume(&service, &call, &request);
	assert_true(call.answered);
	assert_string_equal(call.volume, VOLUME);
	assert_int_equal(call.n, 0);
	rig->fake->silent = true;
	fake_top(rig->fake, STAGING)->used = false;
	ask_volume(&service, &call, &request);
	assert_int_equal(call.n, 2);
	assert_int_equal(call.status[0], CSI__V1__VOLUME_HEALTH_ERROR_TYPE__INACCESSIBLE);
	assert_string_equal(call.reason[0], "AllPathsLost");
	assert_non_null(strstr(call.message[0], FAKE_PORTAL));
	assert_int_equal(call.status[1], CSI__V1__VOLUME_HEALTH_ERROR_TYPE__DEGRADED);
	assert_string_equal(call.reason[1], "StagingMountLost");
	arena_free(call.op.arena);
}

static void of_the_backends(void **state)
{
	struct rig *rig = *state;
	struct node_service service;
	struct call call = new_call();
	struct core_stage stage = rig_request(0, VOLUME);

	node_service_init(&service, rig->core, "nqn.node", 7);
	ask_storage(&service, &call);
	assert_int_equal(call.n, 0);
	assert_int_equal(
		portals_parse("portals", FAKE_PORTAL "," FAKE_PORTAL2, &stage.attach.portals, NULL),
		0);
	assert_int_equal(rig_stage(rig, &stage), 0);
	ask_storage(&service, &call);
	assert_int_equal(call.n, 0);
	rig_restart(rig);
	service.core = rig->core;
	rig->fake->half = true;
	ask_storage(&service, &call);
	assert_int_equal(call.n, 1);
	assert_int_equal(call.status[0], CSI__V1__STORAGE_HEALTH_ERROR_TYPE__STORAGE_DEGRADED);
	assert_string_equal(call.reason[0], "PortalsLost");
	assert_non_null(strstr(call.message[0], "backend linux"));
	rig->fake->silent = true;
	ask_storage(&service, &call);
	assert_int_equal(call.n, 1);
	assert_int_equal(call.status[0], CSI__V1__STORAGE_HEALTH_ERROR_TYPE__STORAGE_UNREACHABLE);
	assert_string_equal(call.reason[0], "AllPortalsLost");
	arena_free(call.op.arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(of_a_volume),
		TEST(of_the_backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
