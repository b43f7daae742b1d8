/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the method table. A slot that is NULL would be jumped to by the generated code, so it is
 * looked at here, once.
 */
#include "common/rpc/routes.h"

#include <stdio.h>

static int find_lane(const struct rpc_config *config, const char *name, size_t *ret_lane)
{
	for (size_t i = 0; name && i < config->n_lanes; i++) {
		if (streq(config->lanes[i].name, name)) {
			*ret_lane = i;
			return 0;
		}
	}
	return -1;
}

static const char *lane_name(const struct rpc_service *service, const char *method)
{
	for (size_t i = 0; i < service->n_routes; i++) {
		if (streq(service->routes[i].method, method)) {
			return service->routes[i].lane;
		}
	}
	return service->lane;
}

/* The generated struct is a ProtobufCService followed by one function pointer a method. */
static bool slot_is_set(const ProtobufCService *service, unsigned index)
{
	void (*slot)(void);

	memcpy(&slot, (const char *)(service + 1) + index * sizeof(slot), sizeof(slot));
	return slot != NULL;
}

static int check_routes(const struct rpc_service *service, struct err *err)
{
	const ProtobufCServiceDescriptor *type = service->service->descriptor;

	for (size_t i = 0; i < service->n_routes; i++) {
		const char *method = service->routes[i].method;

		if (!protobuf_c_service_descriptor_get_method_by_name(type, method)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"routes of %s: it has no method \"%s\"", type->name, method);
		}
	}
	return 0;
}

static int add_service(const struct rpc_config *config, const struct rpc_service *service,
	struct rpc_routes *routes, struct err *err)
{
	const ProtobufCServiceDescriptor *type = service->service->descriptor;

	if (check_routes(service, err) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < type->n_methods; i++) {
		const char *name = type->methods[i].name;
		const char *lane = lane_name(service, name);
		struct rpc_method *method = &routes->methods[routes->n];

		*method = (struct rpc_method){
			.service = service->service,
			.index = i,
			.there = slot_is_set(service->service, i),
		};
		if (find_lane(config, lane, &method->lane) < 0) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"method %s/%s: there is no lane \"%s\"", type->name, name,
				lane ? lane : "");
		}
		if (asprintf(&method->path, "/%s/%s", type->name, name) < 0) {
			method->path = NULL;
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "routes: no memory");
		}
		routes->n++;
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct rpc_method *)a)->path, ((const struct rpc_method *)b)->path);
}

int rpc_routes_make(const struct rpc_config *config, struct rpc_routes *ret_routes, struct err *err)
{
	struct rpc_routes routes = {0};
	size_t total = 0;

	for (size_t i = 0; i < config->n_services; i++) {
		if (!config->services[i].service) {
			return err_set(err, ERR_INVALID_ARGUMENT, "services[%zu]: is NULL", i);
		}
		total += config->services[i].service->descriptor->n_methods;
	}
	routes.methods = calloc(total + 1, sizeof(*routes.methods));
	if (!routes.methods) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "routes: no memory");
	}
	for (size_t i = 0; i < config->n_services; i++) {
		if (add_service(config, &config->services[i], &routes, err) < 0) {
			rpc_routes_done(&routes);
			return -1;
		}
	}
	qsort(routes.methods, routes.n, sizeof(*routes.methods), by_path);
	for (size_t i = 1; i < routes.n; i++) {
		if (streq(routes.methods[i - 1].path, routes.methods[i].path)) {
			(void)err_set(err, ERR_INVALID_ARGUMENT, "services: %s is there twice",
				routes.methods[i].path);
			rpc_routes_done(&routes);
			return -1;
		}
	}
	*ret_routes = routes;
	return 0;
}

void rpc_routes_done(struct rpc_routes *routes)
{
	for (size_t i = 0; i < routes->n; i++) {
		free(routes->methods[i].path);
	}
	free(routes->methods);
	*routes = (struct rpc_routes){0};
}

const struct rpc_method *rpc_routes_find(
	const struct rpc_routes *routes, const void *path, size_t n)
{
	size_t low = 0;
	size_t high = routes->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *there = routes->methods[middle].path;
		size_t len = strlen(there);
		int order = memcmp(path, there, MIN(n, len));

		if (order == 0 && n == len) {
			return &routes->methods[middle];
		}
		if (order < 0 || (order == 0 && n < len)) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}
