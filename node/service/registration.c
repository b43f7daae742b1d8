/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetInfo and NotifyRegistrationStatus.
 */
#include "node/service/registration.h"

#include <limits.h>
#include <stdio.h>

static struct registration *self_of(Pluginregistration__Registration_Service *service)
{
	return container_of(service, struct registration, service);
}

static void get_info(Pluginregistration__Registration_Service *service,
	const Pluginregistration__InfoRequest *input,
	Pluginregistration__PluginInfo_Closure closure, void *closure_data)
{
	Pluginregistration__PluginInfo answer = PLUGINREGISTRATION__PLUGIN_INFO__INIT;
	const struct registration *self = self_of(service);
	/* The generated structs want writable strings. */
	char type[] = "CSIPlugin";
	char version[] = "1.0.0";
	char *versions[] = {version};
	char name[64];
	char endpoint[PATH_MAX];

	(void)input;
	(void)snprintf(name, sizeof(name), "%s", self->driver);
	(void)snprintf(endpoint, sizeof(endpoint), "%s", self->endpoint);
	answer.type = type;
	answer.name = name;
	answer.endpoint = endpoint;
	answer.supported_versions = versions;
	answer.n_supported_versions = ARRAY_SIZE(versions);
	closure(&answer, closure_data);
}

static void notify(Pluginregistration__Registration_Service *service,
	const Pluginregistration__RegistrationStatus *input,
	Pluginregistration__RegistrationStatusResponse_Closure closure, void *closure_data)
{
	Pluginregistration__RegistrationStatusResponse answer =
		PLUGINREGISTRATION__REGISTRATION_STATUS_RESPONSE__INIT;
	struct registration *self = self_of(service);

	self->told(self->arg, input->plugin_registered, input->error ? input->error : "");
	closure(&answer, closure_data);
}

void registration_init(struct registration *registration, const char *driver, const char *endpoint,
	registration_told told, void *arg)
{
	*registration = (struct registration){
		.driver = driver, .endpoint = endpoint, .told = told, .arg = arg};
	pluginregistration__registration__init(&registration->service, NULL);
	registration->service.get_info = get_info;
	registration->service.notify_registration_status = notify;
}
