/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a call: what it is about, how it ended, and never a secret. And what is counted.
 */
#include "common/base/log.h"
#include "controller/observe.h"
#include "proto/csi.pb-c.h"
#include "test/unit/common/metrics/exposition.h"

#include <semaphore.h>
#include <sys/mman.h>

struct fixture {
	struct observe observe;
	int log;
	char text[8192];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = {0};

	assert_non_null(f);
	f->log = memfd_create("log", 0);
	assert_true(f->log >= 0);
	assert_int_equal(observe_init(&f->observe, "x.example.org", &err), 0);
	log_set(LOG_LEVEL_INFO, f->log);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_set(LOG_LEVEL_INFO, STDERR_FILENO);
	observe_done(&f->observe);
	assert_int_equal(close(f->log), 0);
	free(f);
	return 0;
}

static const char *logged(struct fixture *f)
{
	ssize_t n = pread(f->log, f->text, sizeof(f->text) - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static void a_call_and_its_secrets(void **state)
{
	struct fixture *f = *state;
	Csi__V1__CreateVolumeRequest__SecretsEntry secret =
		CSI__V1__CREATE_VOLUME_REQUEST__SECRETS_ENTRY__INIT;
	Csi__V1__CreateVolumeRequest__SecretsEntry *secrets[] = {&secret};
	Csi__V1__CreateVolumeRequest request = CSI__V1__CREATE_VOLUME_REQUEST__INIT;
	struct rpc_done done = {
		.method = "/csi.v1.Controller/CreateVolume",
		.id = 42,
		.code = ERR_OUT_OF_RANGE,
		.message = "capacity_range: too large",
		.seconds = 0.25,
		.request = &request.base,
	};

	secret.key = (char[]){"key"};
	secret.value = (char[]){"hunter2"};
	request.secrets = secrets;
	request.n_secrets = 1;
	request.name = (char[]){"pvc-7"};
	observe_call(&f->observe, &done);
	assert_non_null(strstr(logged(f), "\"rpc\":\"/csi.v1.Controller/CreateVolume\""));
	assert_non_null(strstr(f->text, "\"name\":\"pvc-7\""));
	assert_non_null(strstr(f->text, "OUT_OF_RANGE"));
	assert_non_null(strstr(f->text, "capacity_range: too large"));
	assert_non_null(strstr(f->text, "\"ms\":250"));
	assert_non_null(strstr(f->text, "***stripped***"));
	assert_null(strstr(f->text, "hunter2"));
	/* One line. */
	assert_ptr_equal(strchr(f->text, '\n'), f->text + strlen(f->text) - 1);
}

static void ids_of_a_call(void **state)
{
	struct fixture *f = *state;
	Csi__V1__ControllerPublishVolumeRequest request =
		CSI__V1__CONTROLLER_PUBLISH_VOLUME_REQUEST__INIT;
	struct rpc_done done = {
		.method = "/csi.v1.Controller/ControllerPublishVolume",
		.message = "",
		.request = &request.base,
	};

	request.volume_id = (char[]){"a/v"};
	request.node_id = (char[]){"nqn.x:n"};
	observe_call(&f->observe, &done);
	assert_non_null(strstr(logged(f), "\"volume_id\":\"a/v\""));
	assert_non_null(strstr(f->text, "\"node_id\":\"nqn.x:n\""));
	assert_null(strstr(f->text, "\"request\""));
	assert_null(strstr(f->text, "\"err\""));
	assert_null(strstr(f->text, "\"snapshot_id\""));
}

static void no_news_is_not_told(void **state)
{
	struct fixture *f = *state;
	struct rpc_done done = {.method = "/csi.v1.Identity/Probe", .message = ""};

	observe_call(&f->observe, &done);
	done.method = "/csi.v1.Controller/ListVolumes";
	observe_call(&f->observe, &done);
	assert_string_equal(logged(f), "");
	/* A failure is news, and so is a call that nobody knows. */
	done.code = ERR_UNAVAILABLE;
	done.message = "down";
	observe_call(&f->observe, &done);
	assert_non_null(strstr(logged(f), "UNAVAILABLE"));
	done.method = RPC_METHOD_UNKNOWN;
	done.code = ERR_UNIMPLEMENTED;
	observe_call(&f->observe, &done);
	assert_non_null(strstr(logged(f), "UNIMPLEMENTED"));
}

static void calls_are_counted(void **state)
{
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf text = sb_init(64 * 1024);
	struct rpc_done done = {
		.method = "/csi.v1.Identity/Probe", .message = "", .seconds = 0.001};

	observe_call(&f->observe, &done);
	observe_call(&f->observe, &done);
	metrics_print(f->observe.metrics, &text);
	exposition_check(sb_str(&text));
	assert_non_null(strstr(sb_str(&text), "csi_plugin_operations_seconds_count{"));
	assert_non_null(strstr(sb_str(&text), "driver_name=\"x.example.org\""));
	assert_non_null(strstr(sb_str(&text), "grpc_status_code=\"OK\"} 2"));
}

/* --- two backends, of which one or both are down --- */

struct half {
	struct backend base;
	const char *why; /* NULL: it works */
	struct breaker_state link;
};

static int half_capacity(struct backend *self, const struct op *op UNUSED, const char *pool UNUSED,
	struct be_capacity *ret, struct err *err)
{
	const struct half *half = (const struct half *)self;

	*ret = (struct be_capacity){.available = 1};
	return half->why ? err_set(err, ERR_UNAUTHENTICATED, "%s", half->why) : 0;
}

static void half_close(struct backend *self UNUSED) {}

static void half_link(struct backend *self, struct breaker_state *ret)
{
	*ret = ((const struct half *)self)->link;
}

static const struct backend_ops half_ops = {
	.capacity = half_capacity, .close = half_close, .link = half_link};

struct news {
	struct observe *observe;
	sem_t told;
};

static void hear(void *arg, const char *backend, const struct err *why)
{
	struct news *news = arg;

	observe_backend(news->observe, backend, why);
	assert_int_equal(sem_post(&news->told), 0);
}

/* Health as it is once both were asked. */
static bool health_of(struct fixture *f, const char *why_a, const char *why_b, char text[2048])
{
	struct half a = {.base.ops = &half_ops, .why = why_a};
	struct half b = {.base.ops = &half_ops, .why = why_b};
	const struct core_backend backends[] = {{.name = "ssd", .take_backend = &a.base},
		{.name = "disk", .take_backend = &b.base}};
	_cleanup_strbuf_ struct strbuf sb = sb_init(2047);
	struct news news = {.observe = &f->observe};
	const struct core_watch watch = {.told = hear, .arg = &news};
	struct deadline dl = deadline_in(20000);
	struct core *core = NULL;
	struct err err = {0};

	assert_int_equal(sem_init(&news.told, 0, 0), 0);
	assert_int_equal(core_new("t1", backends, 2, &core, &err), 0);
	f->observe.current = current_new(core_ref(core));
	/* Nobody knows yet: no reason to be unwell. */
	assert_true(observe_health(&f->observe, &dl, &sb));
	assert_string_equal(sb_str(&sb), "ok\n");
	sb_reset(&sb);
	assert_int_equal(core_watch_start(core, &watch, &err), 0);
	assert_int_equal(sem_wait(&news.told), 0);
	assert_int_equal(sem_wait(&news.told), 0);
	bool well = observe_health(&f->observe, &dl, &sb);
	(void)snprintf(text, 2048, "%s", sb_str(&sb));
	core_watch_end(core);
	current_free(TAKE_PTR(f->observe.current));
	core_free(core);
	assert_int_equal(sem_destroy(&news.told), 0);
	return well;
}

static void one_backend_down_is_told(void **state)
{
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf text = sb_init(64 * 1024);
	char health[2048];

	assert_true(health_of(f, NULL, NULL, health));
	assert_string_equal(health, "ok\n");
	assert_true(health_of(f, NULL, "the token is not accepted", health));
	assert_string_equal(health, "ok\nbackend disk: the token is not accepted\n");
	assert_non_null(strstr(logged(f), "\"backend\":\"disk\""));
	metrics_print(f->observe.metrics, &text);
	assert_non_null(strstr(sb_str(&text), "nvmetcp_backend_up{backend=\"disk\"} 0\n"));
	assert_non_null(strstr(sb_str(&text), "nvmetcp_backend_up{backend=\"ssd\"} 1\n"));
	assert_false(health_of(f, "no route", "the token is not accepted", health));
	assert_string_equal(
		health, "backend disk: the token is not accepted\nbackend ssd: no route\n");
}

/* Calls are refused at once long before the next look: that is told with its reason, and counted.
 */
static void an_open_breaker_is_told(void **state)
{
	struct fixture *f = *state;
	struct half a = {.base.ops = &half_ops,
		.link = {.open = true,
			.silent = 7,
			.since_ms = 43000,
			.attempt_ms = 4000,
			.why = "no route"}};
	struct half b = {.base.ops = &half_ops};
	const struct core_backend backends[] = {{.name = "ssd", .take_backend = &a.base},
		{.name = "disk", .take_backend = &b.base}};
	_cleanup_strbuf_ struct strbuf health = sb_init(2047);
	_cleanup_strbuf_ struct strbuf text = sb_init(64 * 1024);
	struct deadline dl = deadline_in(20000);
	struct core *core = NULL;
	struct err err = {0};

	assert_int_equal(core_new("t1", backends, 2, &core, &err), 0);
	f->observe.current = current_new(core_ref(core));
	assert_true(observe_health(&f->observe, &dl, &health));
	assert_string_equal(sb_str(&health),
		"ok\nbackend ssd: the server has not answered for 43 s, 7 calls in a row; next attempt "
		"in 4 s; look at the server and the network to it; the last call: no route\n");
	observe_metrics(&f->observe, &text);
	assert_non_null(
		strstr(sb_str(&text), "nvmetcp_backend_breaker_open{backend=\"disk\"} 0\n"));
	assert_non_null(strstr(sb_str(&text), "nvmetcp_backend_breaker_open{backend=\"ssd\"} 1\n"));
	assert_non_null(strstr(sb_str(&text), "nvmetcp_backend_calls{backend=\"ssd\"} 0\n"));
	core_watch_end(core);
	current_free(TAKE_PTR(f->observe.current));
	core_free(core);
}

static void the_socket_is_gone(void **state)
{
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf text = sb_init(2047);
	struct deadline dl = deadline_in(20000);
	struct err err = {0};

	f->observe.socket = "/tmp/nv-nothing/csi.sock";
	/* Still starting. */
	assert_int_equal(observe_alive(&f->observe, &dl, &err), 0);
	f->observe.serving = true;
	assert_int_equal(observe_alive(&f->observe, &dl, &err), -1);
	assert_non_null(strstr(err.msg, "/tmp/nv-nothing/csi.sock"));
	assert_false(observe_health(&f->observe, &dl, &text));
	assert_non_null(strstr(sb_str(&text), "/tmp/nv-nothing/csi.sock"));
}

static void the_routes(void **state UNUSED)
{
	size_t n;
	const struct http_route *routes = observe_routes(&n);

	assert_int_equal(n, 3);
	assert_string_equal(routes[0].pattern, "/livez");
	assert_string_equal(routes[1].pattern, "/healthz");
	assert_string_equal(routes[2].pattern, "/metrics");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_and_its_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_of_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(no_news_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(one_backend_down_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(an_open_breaker_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_socket_is_gone, setup, teardown),
		cmocka_unit_test(the_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
