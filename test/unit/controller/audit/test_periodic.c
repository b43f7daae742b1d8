/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit that asks Kubernetes' API itself, here a server of ours on a Unix socket: lists come in
 * parts, and only what two audits found is told, once.
 */
#include "common/http/client.h"
#include "common/http/server.h"
#include "controller/audit/periodic.h"
#include "test/unit/controller/core/tiny.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DRIVER "nvmetcp.csi.dev"
#define ID(digit) BENCH_INSTANCE "-v-0000000000000000000000000000000" digit
#define NODE "nqn.2026-01.dev.csi.nvmetcp:node.bench.n1"
#define PATIENCE_MS 20000

/* Items of the API's lists do not say their kind. */
static const char first_part[] =
	"{\"kind\":\"PersistentVolumeList\",\"metadata\":{\"continue\":\"a/b=\"},\"items\":[{\"metadata\":"
	"{\"name\":\"p1\"},\"spec\":{\"csi\":{\"driver\":\"" DRIVER
	"\",\"volumeHandle\":\"a/" ID("1") "\"}}}]}";
static const char second_part[] =
	"{\"kind\":\"PersistentVolumeList\",\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"p2\"},"
	"\"spec\":{\"csi\":{\"driver\":\"" DRIVER "\",\"volumeHandle\":\"a/" ID("2") "\"}}}]}";
static const char attachments[] =
	"{\"kind\":\"VolumeAttachmentList\",\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"x\","
	"\"annotations\":{\"csi.alpha.kubernetes.io/node-id\":\"" NODE
	"\"}},\"spec\":{\"attacher\":\"" DRIVER
	"\",\"source\":{\"persistentVolumeName\":\"p1\"}},\"status\":{\"attached\":true}}]}";

struct world {
	char dir[64];
	char socket[96];
	char token[96];
	struct http_server *server;
	struct api_place place;
	_Atomic int status; /* what the API answers */
	struct bench bench;
	struct current *current;
	int news; /* eventfd: an audit has ended */
	size_t audits;
	size_t failed;
	size_t found;
	struct finding last;
	char last_volume[128];
	struct periodic_result result;
};

static int answer(struct world *world, struct http_server_response *res, const char *text)
{
	int status = atomic_load(&world->status);

	return http_respond_json(res, status, strdup(status == 200 ? text : "{}"));
}

static int on_volumes(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	const char *more = http_query(req, "continue");

	assert_string_equal(http_query(req, "limit"), "500");
	assert_true(!more || streq(more, "a/b="));
	return answer(self, res, more ? second_part : first_part);
}

static int on_attachments(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	(void)req;
	return answer(self, res, attachments);
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/api/v1/persistentvolumes", .handle = on_volumes},
	{.method = "GET",
		.pattern = "/apis/storage.k8s.io/v1/volumeattachments",
		.handle = on_attachments},
};

static void start(struct world *world)
{
	struct err err = {0};
	struct secret *token = secret_new("let-me-in", 9);

	*world = (struct world){.dir = "/tmp/nv-audit-XXXXXX", .news = eventfd(0, EFD_CLOEXEC)};
	atomic_store(&world->status, 200);
	assert_non_null(mkdtemp(world->dir));
	(void)snprintf(world->socket, sizeof(world->socket), "%s/api", world->dir);
	(void)snprintf(world->token, sizeof(world->token), "%s/token", world->dir);
	FILE *file = fopen(world->token, "we");
	assert_non_null(file);
	assert_true(fputs("let-me-in\n", file) >= 0 && fclose(file) == 0);
	const struct http_server_options options = {.unix_path = world->socket,
		.token = token,
		.routes = routes,
		.n_routes = ARRAY_SIZE(routes),
		.self = world};
	assert_int_equal(http_server_start(&options, &world->server, &err), 0);
	secret_unref(token);
	(void)snprintf(world->place.url, sizeof(world->place.url), "unix://%s", world->socket);
	world->place.token_file = world->token;
	bench_start(&world->bench, false);
	world->current = current_new(core_ref(world->bench.core));
	assert_non_null(world->current);
}

static void stop(struct world *world)
{
	struct deadline dl = deadline_in(PATIENCE_MS);

	assert_true(http_server_stop(world->server, &dl));
	http_server_free(world->server);
	current_free(world->current);
	bench_stop(&world->bench);
	assert_int_equal(unlink(world->token), 0);
	assert_int_equal(rmdir(world->dir), 0);
	assert_int_equal(close(world->news), 0);
}

static void put(struct world *world, size_t slot, const char *object)
{
	struct tiny_volume *v = &world->bench.a->volumes[slot];

	v->size = GIB;
	(void)snprintf(v->object, sizeof(v->object), "%s", object);
	v->used = true;
}

static void on_told(void *arg, const struct periodic_result *result, const struct err *why)
{
	struct world *world = arg;

	world->failed += why ? 1 : 0;
	if (result) {
		world->result = *result;
	}
	world->audits++;
	assert_int_equal(eventfd_write(world->news, 1), 0);
}

static void on_found(void *arg, const struct finding *finding)
{
	struct world *world = arg;

	world->found++;
	world->last = *finding;
	(void)snprintf(world->last_volume, sizeof(world->last_volume), "%s", finding->volume);
}

/* Audits, one after the other, until @n have ended. */
static void run(struct world *world, size_t n)
{
	const struct periodic_config config = {.api = world->place,
		.driver = DRIVER,
		.current = world->current,
		.every_ms = 10,
		.told = on_told,
		.found = on_found,
		.arg = world};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct periodic *periodic;
	struct err err = {0};

	assert_int_equal(periodic_start(&config, &periodic, &err), 0);
	for (uint64_t seen = 0; seen < n;) {
		eventfd_t more;
		assert_true(deadline_poll(&dl, world->news, POLLIN, -1, "news", &err) > 0);
		assert_int_equal(eventfd_read(world->news, &more), 0);
		seen += more;
	}
	assert_true(periodic_stop(periodic, &dl));
}

static void lists_come_in_parts(void **state UNUSED)
{
	struct world world;
	struct deadline dl = deadline_in(PATIENCE_MS);
	_cleanup_cluster_ struct cluster cluster = {0};
	struct err err = {0};

	start(&world);
	if (api_cluster(&world.place, DRIVER, &dl, &cluster, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(cluster.n_volumes, 2);
	assert_string_equal(cluster.volumes[1].handle, "a/" ID("2"));
	assert_int_equal(cluster.n_attachments, 1);
	assert_string_equal(cluster.attachments[0].node_id, NODE);
	assert_true(cluster.has_volumes && cluster.has_attachments);
	stop(&world);
}

static void what_the_api_refuses_is_told(void **state UNUSED)
{
	static const struct {
		int status;
		enum err_code code;
		const char *word;
	} cases[] = {{403, ERR_PERMISSION_DENIED, "may not read /api/v1/persistentvolumes"},
		{401, ERR_UNAVAILABLE, "answered 401"}, {500, ERR_UNAVAILABLE, "answered 500"}};
	struct world world;
	struct deadline dl = deadline_in(PATIENCE_MS);

	start(&world);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_cluster_ struct cluster cluster = {0};
		struct err err = {0};
		atomic_store(&world.status, cases[i].status);
		assert_int_equal(api_cluster(&world.place, DRIVER, &dl, &cluster, &err), -1);
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].word));
		assert_null(strstr(err.msg, "let-me-in"));
	}
	run(&world, 2);
	assert_int_equal(world.failed, world.audits);
	stop(&world);
}

static void what_two_audits_found_is_told_once(void **state UNUSED)
{
	struct world world;

	start(&world);
	/* p1 is attached to a node that is not let in, p2's volume is not there, 3 is nobody's. */
	put(&world, 0, ID("1"));
	put(&world, 1, ID("3"));
	run(&world, 1);
	assert_int_equal(world.found, 0);
	run(&world, 5);
	assert_int_equal(world.failed, 0);
	assert_int_equal(world.found, 3);
	assert_string_equal(world.last_volume, "a/" ID("3"));
	assert_int_equal(world.result.counts[FOUND_LEAKED_VOLUME], 1);
	assert_int_equal(world.result.counts[FOUND_MISSING_VOLUME], 1);
	assert_int_equal(world.result.counts[FOUND_MISSING_GRANT], 1);
	assert_int_equal(world.result.counts[FOUND_LEAKED_GRANT], 0);
	stop(&world);
}

static void a_pod_knows_where_the_api_is(void **state UNUSED)
{
	struct api_place place;

	api_of_pod("10.96.0.1", "443", &place);
	assert_string_equal(place.url, "https://10.96.0.1:443");
	assert_string_equal(
		place.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
	api_of_pod("fd00::1", "443", &place);
	assert_string_equal(place.url, "https://[fd00::1]:443");
}

static int set_up(void **state UNUSED)
{
	struct err err = {0};

	return http_global_init(&err);
}

static int tear_down(void **state UNUSED)
{
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_come_in_parts),
		cmocka_unit_test(what_the_api_refuses_is_told),
		cmocka_unit_test(what_two_audits_found_is_told_once),
		cmocka_unit_test(a_pod_knows_where_the_api_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
