/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kubelet asks at the registration socket, and what it says.
 */
#include "node/service/registration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct seen {
	unsigned closed;
	bool registered;
	char error[64];
};

static void told(void *arg, bool registered, const char *error)
{
	struct seen *seen = arg;

	seen->registered = registered;
	(void)snprintf(seen->error, sizeof(seen->error), "%s", error);
}

static void closed_info(const Pluginregistration__PluginInfo *message, void *data)
{
	((struct seen *)data)->closed++;
	assert_string_equal(message->type, "CSIPlugin");
	assert_string_equal(message->name, "nvmetcp.csi.dev");
	assert_string_equal(message->endpoint, "/host/csi.sock");
	assert_int_equal(message->n_supported_versions, 1);
	assert_string_equal(message->supported_versions[0], "1.0.0");
}

static void closed_status(const Pluginregistration__RegistrationStatusResponse *message, void *data)
{
	((struct seen *)data)->closed++;
	assert_non_null(message);
}

static void answers_kubelet(void **state)
{
	struct registration registration;
	struct seen seen = {0};
	Pluginregistration__InfoRequest info = PLUGINREGISTRATION__INFO_REQUEST__INIT;
	Pluginregistration__RegistrationStatus status =
		PLUGINREGISTRATION__REGISTRATION_STATUS__INIT;
	Pluginregistration__Registration_Service *api = &registration.service;

	(void)state;
	registration_init(&registration, "nvmetcp.csi.dev", "/host/csi.sock", told, &seen);
	api->get_info(api, &info, closed_info, &seen);
	assert_int_equal(seen.closed, 1);
	status.plugin_registered = true;
	api->notify_registration_status(api, &status, closed_status, &seen);
	assert_true(seen.registered);
	assert_string_equal(seen.error, "");
	status.plugin_registered = false;
	status.error = (char *)"name taken";
	api->notify_registration_status(api, &status, closed_status, &seen);
	assert_false(seen.registered);
	assert_string_equal(seen.error, "name taken");
	assert_int_equal(seen.closed, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_kubelet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
