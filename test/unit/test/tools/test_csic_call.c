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

static void csic(
	struct setup *setup, const char *rpc, const char *json, int status, const char *out)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct spawn_result result;
	struct err err = {0};
	char path[600];
	const char *argv[] = {path, "--socket", setup->socket_path, rpc, json, NULL};

	csic_path(path, sizeof(path));
	if (spawn_run(&(struct spawn){.argv = argv, .pass_fd = SPAWN_NO_FD}, &dl, &result, &err) <
		0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(result.output, out);
	assert_int_equal(result.exit_code, status);
	spawn_result_done(&result);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
