/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Identity service, called as the server calls it.
 */
#include "common/base/op.h"
#include "common/csi/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* closure_data is the op; what the closure saw is noted beside it. */
struct call {
	struct op op;
	unsigned answers;
	bool failed;
	char text[64];
	bool ready;
	bool has_ready;
	unsigned services;
	unsigned online;
	unsigned topologies;
};

static void on_info(const Csi__V1__GetPluginInfoResponse *msg, void *data)
{
	struct call *call = data;

	call->answers++;
	assert_non_null(msg);
	(void)snprintf(call->text, sizeof(call->text), "%s %s", msg->name, msg->vendor_version);
	assert_true(csi__v1__get_plugin_info_response__get_packed_size(msg) > 0);
}

static void on_capabilities(const Csi__V1__GetPluginCapabilitiesResponse *msg, void *data)
{
	struct call *call = data;

	call->answers++;
	for (size_t i = 0; i < msg->n_capabilities; i++) {
		const Csi__V1__PluginCapability *c = msg->capabilities[i];

		if (c->type_case == CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE &&
			c->service->type ==
				CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__VOLUME_ACCESSIBILITY_CONSTRAINTS) {
			call->topologies++;
		} else if (c->type_case == CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE) {
			assert_int_equal(c->service->type,
				CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__CONTROLLER_SERVICE);
			call->services++;
		} else {
			assert_int_equal(c->volume_expansion->type,
				CSI__V1__PLUGIN_CAPABILITY__VOLUME_EXPANSION__TYPE__ONLINE);
			call->online++;
		}
	}
}

static void on_probe(const Csi__V1__ProbeResponse *msg, void *data)
{
	struct call *call = data;

	call->answers++;
	call->failed = !msg;
	if (msg) {
		call->has_ready = msg->ready != NULL;
		call->ready = msg->ready && msg->ready->value;
	}
}

struct readiness {
	int result;
	bool ready;
};

static int ready_now(void *arg, bool *ret_ready, struct err *err)
{
	const struct readiness *is = arg;

	if (is->result < 0) {
		return err_set(
			err, ERR_FAILED_PRECONDITION, "the state directory cannot be written");
	}
	*ret_ready = is->ready;
	return 0;
}

static void info_and_capabilities(void **state UNUSED)
{
	struct csi_identity identity;
	struct call call = {0};
	Csi__V1__GetPluginInfoRequest info = CSI__V1__GET_PLUGIN_INFO_REQUEST__INIT;
	Csi__V1__GetPluginCapabilitiesRequest capabilities =
		CSI__V1__GET_PLUGIN_CAPABILITIES_REQUEST__INIT;

	csi_identity_init(&identity, "nvmetcp.csi.dev", "1.2.3", NULL, NULL);
	csi__v1__identity__get_plugin_info(&identity.service.base, &info, on_info, &call);
	assert_string_equal(call.text, "nvmetcp.csi.dev 1.2.3");
	csi__v1__identity__get_plugin_capabilities(
		&identity.service.base, &capabilities, on_capabilities, &call);
	assert_int_equal(call.services, 1);
	assert_int_equal(call.online, 1);
	assert_int_equal(call.topologies, 0);
	assert_int_equal(call.answers, 2);
	identity.topology = true;
	csi__v1__identity__get_plugin_capabilities(
		&identity.service.base, &capabilities, on_capabilities, &call);
	assert_int_equal(call.services, 2);
	assert_int_equal(call.online, 2);
	assert_int_equal(call.topologies, 1);
}

static void probes(void **state UNUSED)
{
	struct readiness is = {.ready = false};
	struct csi_identity identity;
	Csi__V1__ProbeRequest request = CSI__V1__PROBE_REQUEST__INIT;
	struct call call = {0};

	csi_identity_init(&identity, "n", "v", ready_now, &is);
	csi__v1__identity__probe(&identity.service.base, &request, on_probe, &call);
	assert_true(call.has_ready);
	assert_false(call.ready);
	is.ready = true;
	csi__v1__identity__probe(&identity.service.base, &request, on_probe, &call);
	assert_true(call.ready);
	is.result = -1;
	csi__v1__identity__probe(&identity.service.base, &request, on_probe, &call);
	assert_true(call.failed);
	assert_int_equal(call.op.err.code, ERR_FAILED_PRECONDITION);
	csi_identity_init(&identity, "n", "v", NULL, NULL);
	csi__v1__identity__probe(&identity.service.base, &request, on_probe, &call);
	assert_true(call.ready);
	assert_int_equal(call.answers, 4);
}

static void plugin_names(void **state UNUSED)
{
	static const char *const fine[] = {"nvmetcp.csi.dev", "a", "A-1.b"};
	static const char *const bad[] = {"", ".a", "a.", "a..b", "-a", "a-", "a.-b", "a-.b", "a_b",
		"a b", "0123456789012345678901234567890123456789012345678901234567890123"};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		if (csi_plugin_name_check("--driver-name", fine[i], &err) < 0) {
			fail_msg("%s", err.msg);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (csi_plugin_name_check("--driver-name", bad[i], &err) == 0) {
			fail_msg("\"%s\" was taken", bad[i]);
		}
		assert_non_null(strstr(err.msg, "--driver-name"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_and_capabilities),
		cmocka_unit_test(probes),
		cmocka_unit_test(plugin_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
