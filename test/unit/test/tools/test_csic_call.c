/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csic against a server: its answer on standard output, its errors and its exit status.
 */
#include "common/base/spawn.h"
#include "test/unit/common/rpc/support.h"

/* The program is in bin/ beside the unit/ that this test is in. */
static void csic_path(char *out, size_t size)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(out, size, "%s/bin/csic", self);
}

static void run(const char *const argv[], int status, const char *out)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct spawn_result result;
	struct err err = {0};

	if (spawn_run(&(struct spawn){.argv = argv, .pass_fd = SPAWN_NO_FD}, &dl, &result, &err) <
		0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(result.output, out);
	assert_int_equal(result.exit_code, status);
	spawn_result_done(&result);
}

static void csic(
	struct setup *setup, const char *rpc, const char *json, int status, const char *out)
{
	char path[600];

	csic_path(path, sizeof(path));
	run((const char *[]){path, "--socket", setup->socket_path, rpc, json, NULL}, status, out);
}

/* csic_reads - CreateVolume with what is on standard input. */
static void csic_reads(struct setup *setup, const char *input, int status, const char *out)
{
	static const char script[] = "printf %s \"$1\" | \"$2\" --socket \"$3\" CreateVolume -";
	char path[600];

	csic_path(path, sizeof(path));
	run((const char *[]){"/bin/sh", "-c", script, "sh", input, path, setup->socket_path, NULL},
		status, out);
}

static void create_refuse(struct setup *setup UNUSED, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	(void)err_set(&op->err, ERR_FAILED_PRECONDITION, "volume %s: is in use", request->name);
	closure(NULL, op);
}

static void test_call(void **state UNUSED)
{
	struct setup setup;

#if defined(__SANITIZE_THREAD__)
	skip(); /* the program is started with an environment of its own, without suppressions */
#endif
	setup_prepare(&setup);
	setup_start(&setup);
	csic(&setup, "CreateVolume", "{\"name\": \"pvc-\xc3\xa4\"}", 0,
		"{\n  \"volume\": {\n    \"volume_id\": \"pvc-\xc3\xa4\"\n  }\n}\n");
	csic(&setup, "csi.v1.Identity/GetPluginInfo", NULL, 0,
		"{\n  \"name\": \"plugin.under.test\"\n}\n");
	csic(&setup, "GetInfo", "{}", 0, "{\n  \"type\": \"CSIPlugin\"\n}\n");
	setup.create = create_refuse;
	csic(&setup, "CreateVolume", "{\"name\": \"a\"}", 1,
		"FAILED_PRECONDITION: volume a: is in use\n");
	csic(&setup, "NodeGetInfo", NULL, 1,
		"UNIMPLEMENTED: method /csi.v1.Node/NodeGetInfo: this plugin does not serve it\n");
	setup_end(&setup);
}

static void create_but_b(struct setup *setup, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	if (streq(request->name, "b")) {
		create_refuse(setup, op, request, closure);
	} else {
		create_echo(setup, op, request, closure);
	}
}

static void test_several_requests(void **state UNUSED)
{
	struct setup setup;

#if defined(__SANITIZE_THREAD__)
	skip(); /* as above */
#endif
	setup_prepare(&setup);
	setup_start(&setup);
	csic_reads(&setup, "{\"name\": \"a\"}\n{\"name\": \"c\"}\n", 0,
		"{\n  \"volume\": {\n    \"volume_id\": \"a\"\n  }\n}\n"
		"{\n  \"volume\": {\n    \"volume_id\": \"c\"\n  }\n}\n");
	setup.create = create_but_b;
	csic_reads(&setup, "{\"name\": \"b\"} {\"name\": \"c\"}", 1,
		"FAILED_PRECONDITION: volume b: is in use\n");
	csic_reads(&setup, "", 2,
		"csic: request: line 1 column 0: '[' or '{' expected near end of file\n");
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_several_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
