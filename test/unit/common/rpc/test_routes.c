/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The method table: what it holds, what it finds, and wrong configurations.
 */
#include "common/rpc/routes.h"
#include "test/unit/common/rpc/support.h"

static const struct rpc_method *find(const struct rpc_routes *routes, const char *path)
{
	return rpc_routes_find(routes, path, strlen(path));
}

static void test_finds(void **state UNUSED)
{
	struct rpc_routes routes;
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	assert_int_equal(rpc_routes_make(&setup.config, &routes, &err), 0);
	assert_int_equal(routes.n, csi__v1__identity__descriptor.n_methods +
					   csi__v1__controller__descriptor.n_methods +
					   pluginregistration__registration__descriptor.n_methods);
	for (size_t i = 0; i < routes.n; i++) {
		assert_ptr_equal(find(&routes, routes.methods[i].path), &routes.methods[i]);
	}
	assert_true(find(&routes, GET_PLUGIN_INFO)->there);
	assert_false(find(&routes, "/csi.v1.Identity/Probe")->there);
	assert_int_equal(find(&routes, CREATE_VOLUME)->lane, 1);
	assert_int_equal(find(&routes, "/csi.v1.Controller/ControllerGetCapabilities")->lane, 0);
	assert_string_equal(find(&routes, "/pluginregistration.Registration/GetInfo")->path,
		"/pluginregistration.Registration/GetInfo");
	assert_null(find(&routes, ""));
	assert_null(find(&routes, "/csi.v1.Controller/CreateVolum"));
	assert_null(find(&routes, "/csi.v1.Controller/CreateVolumes"));
	assert_null(find(&routes, "/csi.v1.Node/NodeStageVolume"));
	assert_null(rpc_routes_find(&routes, "/csi.v1.Controller/CreateVolume\0", 32));
	rpc_routes_done(&routes);
	setup_end(&setup);
}

static void wrong(struct setup *setup, const char *why)
{
	struct rpc_routes routes;
	struct err err = {0};

	assert_int_equal(rpc_routes_make(&setup->config, &routes, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, why);
}

static void test_refuses(void **state UNUSED)
{
	struct setup setup;

	setup_prepare(&setup);
	setup.routes[0].method = "CreateVolumes";
	wrong(&setup, "routes of csi.v1.Controller: it has no method \"CreateVolumes\"");
	setup.routes[0] = (struct rpc_route){"CreateVolume", "fast"};
	wrong(&setup, "method csi.v1.Controller/CreateVolume: there is no lane \"fast\"");
	setup.routes[0] = (struct rpc_route){"CreateVolume", "volume"};
	setup.services[0].lane = NULL;
	wrong(&setup, "method csi.v1.Identity/GetPluginInfo: there is no lane \"\"");
	setup.services[0] = setup.services[1];
	wrong(&setup, "services: /csi.v1.Controller/ControllerExpandVolume is there twice");
	setup.services[0].service = NULL;
	wrong(&setup, "services[0]: is NULL");
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
