/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a call: what it is about, how it ended, and never a secret. And what is counted.
 */
#include "common/base/log.h"
#include "controller/observe.h"
#include "proto/csi.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

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
	assert_non_null(strstr(sb_str(&text), "csi_plugin_operations_seconds_count{"));
	assert_non_null(strstr(sb_str(&text), "driver_name=\"x.example.org\""));
	assert_non_null(strstr(sb_str(&text), "grpc_status_code=\"OK\"} 2"));
}

static void the_routes(void **state UNUSED)
{
	size_t n;
	const struct http_route *routes = observe_routes(&n);

	assert_int_equal(n, 2);
	assert_string_equal(routes[0].pattern, "/healthz");
	assert_string_equal(routes[1].pattern, "/metrics");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_and_its_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_of_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(no_news_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_are_counted, setup, teardown),
		cmocka_unit_test(the_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
