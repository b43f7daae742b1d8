/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetPluginInfo, GetPluginCapabilities, Probe. Answers are built on the stack; the closure packs
 * them before it returns.
 */
#include "common/csi/identity.h"

#include "common/base/op.h"
#include "common/base/parse.h"

#include <ctype.h>

/* `service` is the first member, so the service pointer is the identity. */
static struct csi_identity *identity_of(Csi__V1__Identity_Service *service)
{
	return container_of(service, struct csi_identity, service);
}

static void get_plugin_info(Csi__V1__Identity_Service *service,
	const Csi__V1__GetPluginInfoRequest *input UNUSED,
	Csi__V1__GetPluginInfoResponse_Closure closure, void *closure_data)
{
	const struct csi_identity *identity = identity_of(service);
	Csi__V1__GetPluginInfoResponse answer = CSI__V1__GET_PLUGIN_INFO_RESPONSE__INIT;
	char name[CSI_PLUGIN_NAME_MAX + 1] = "";
	char version[64] = "";

	/* The generated structs want writable strings. */
	memcpy(name, identity->name, strnlen(identity->name, sizeof(name) - 1));
	memcpy(version, identity->version, strnlen(identity->version, sizeof(version) - 1));
	answer.name = name;
	answer.vendor_version = version;
	closure(&answer, closure_data);
}

static void get_plugin_capabilities(Csi__V1__Identity_Service *service,
	const Csi__V1__GetPluginCapabilitiesRequest *input UNUSED,
	Csi__V1__GetPluginCapabilitiesResponse_Closure closure, void *closure_data)
{
	Csi__V1__GetPluginCapabilitiesResponse answer =
		CSI__V1__GET_PLUGIN_CAPABILITIES_RESPONSE__INIT;
	Csi__V1__PluginCapability__Service controller = CSI__V1__PLUGIN_CAPABILITY__SERVICE__INIT;
	Csi__V1__PluginCapability__Service topology = CSI__V1__PLUGIN_CAPABILITY__SERVICE__INIT;
	Csi__V1__PluginCapability__VolumeExpansion online =
		CSI__V1__PLUGIN_CAPABILITY__VOLUME_EXPANSION__INIT;
	Csi__V1__PluginCapability has_controller = CSI__V1__PLUGIN_CAPABILITY__INIT;
	Csi__V1__PluginCapability has_expansion = CSI__V1__PLUGIN_CAPABILITY__INIT;
	Csi__V1__PluginCapability has_topology = CSI__V1__PLUGIN_CAPABILITY__INIT;
	Csi__V1__PluginCapability *all[] = {&has_controller, &has_expansion, &has_topology};

	controller.type = CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__CONTROLLER_SERVICE;
	has_controller.type_case = CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE;
	has_controller.service = &controller;
	online.type = CSI__V1__PLUGIN_CAPABILITY__VOLUME_EXPANSION__TYPE__ONLINE;
	has_expansion.type_case = CSI__V1__PLUGIN_CAPABILITY__TYPE_VOLUME_EXPANSION;
	has_expansion.volume_expansion = &online;
	topology.type = CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__VOLUME_ACCESSIBILITY_CONSTRAINTS;
	has_topology.type_case = CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE;
	has_topology.service = &topology;
	/* The last one is only there where it is so. */
	answer.n_capabilities = ARRAY_SIZE(all) - (identity_of(service)->topology ? 0 : 1);
	answer.capabilities = all;
	closure(&answer, closure_data);
}

static void probe(Csi__V1__Identity_Service *service, const Csi__V1__ProbeRequest *input UNUSED,
	Csi__V1__ProbeResponse_Closure closure, void *closure_data)
{
	const struct csi_identity *identity = identity_of(service);
	struct op *op = closure_data;
	Csi__V1__ProbeResponse answer = CSI__V1__PROBE_RESPONSE__INIT;
	Google__Protobuf__BoolValue value = GOOGLE__PROTOBUF__BOOL_VALUE__INIT;
	bool ready = true;

	if (identity->ready && identity->ready(identity->ready_arg, &ready, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	value.value = ready;
	answer.ready = &value;
	closure(&answer, closure_data);
}

void csi_identity_init(struct csi_identity *identity, const char *name, const char *version,
	csi_ready_fn ready, void *ready_arg)
{
	*identity = (struct csi_identity){
		.name = name,
		.version = version,
		.ready = ready,
		.ready_arg = ready_arg,
	};
	csi__v1__identity__init(&identity->service, NULL);
	identity->service.get_plugin_info = get_plugin_info;
	identity->service.get_plugin_capabilities = get_plugin_capabilities;
	identity->service.probe = probe;
}

int csi_plugin_name_check(const char *field, const char *text, struct err *err)
{
	size_t len = strnlen(text, CSI_PLUGIN_NAME_MAX + 1);
	bool fine = len >= 1 && len <= CSI_PLUGIN_NAME_MAX;
	char shown[65];

	for (size_t i = 0; fine && i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool edge = i == 0 || i == len - 1 || text[i - 1] == '.' || text[i + 1] == '.';

		fine = c < 0x80 &&
		       (isalnum(c) || (!edge && c == '-') || (c == '.' && i > 0 && i < len - 1));
		if (c == '.' && i > 0 && text[i - 1] == '.') {
			fine = false;
		}
	}
	if (fine) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s: \"%s\" is no plugin name: domain notation, 1 to %d of letters, digits, '-' and '.'",
		field, printable(text, shown, sizeof(shown)), CSI_PLUGIN_NAME_MAX);
}
