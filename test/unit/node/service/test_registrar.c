/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registration socket against all that happens to it: kubelet says yes or no, somebody cleans
 * or removes the folder, a killed plugin left its socket, another one has it. The test is kubelet.
 */
#include "common/base/log.h"
#include "common/rpc/client.h"
#include "node/service/registrar.h"
#include "proto/pluginregistration.pb-c.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#define LONG_MS 20000
#define DRIVER "nvmetcp.csi.dev"

struct rig {
	char dir[64];
	char folder[96];
	char path[128];
	char lock[96];
	struct registrar_config config;
	struct registrar *registrar;
	int log;
	char text[16384];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = {0};

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/nv-registrar-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->folder, sizeof(rig->folder), "%s/plugins_registry", rig->dir);
	(void)snprintf(rig->path, sizeof(rig->path), "%s/%s-reg.sock", rig->folder, DRIVER);
	(void)snprintf(rig->lock, sizeof(rig->lock), "%s/lock", rig->dir);
	assert_int_equal(mkdir(rig->folder, 0700), 0);
	rig->config = (struct registrar_config){.driver = DRIVER,
		.endpoint = "/host/csi.sock",
		.folder = rig->folder,
		.lock_path = rig->lock};
	rig->log = memfd_create("log", 0);
	log_set(LOG_LEVEL_INFO, rig->log);
	assert_int_equal(registrar_new(&rig->config, &rig->registrar, &err), 0);
	*state = rig;
	return 0;
}

/* Whatever happened, nothing of ours stays in kubelet's folder. */
static int teardown(void **state)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct rig *rig = *state;

	assert_true(registrar_stop(rig->registrar, &dl));
	registrar_free(rig->registrar);
	log_set(LOG_LEVEL_INFO, STDERR_FILENO);
	(void)close(rig->log);
	assert_int_equal(rmdir(rig->folder), 0);
	(void)unlink(rig->lock);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

static const char *logged(struct rig *rig)
{
	ssize_t n = pread(rig->log, rig->text, sizeof(rig->text) - 1, 0);

	assert_true(n >= 0);
	rig->text[n] = '\0';
	return rig->text;
}

static void start(struct rig *rig)
{
	struct err err = {0};

	assert_int_equal(registrar_start(rig->registrar, &err), 0);
}

static void pause_for_the_other(const struct deadline *dl)
{
	assert_int_equal(deadline_poll(dl, -1, 0, 5, "the test", NULL), 0);
}

/* kubelet's first call; it dials until somebody answers. */
static void get_info(struct rig *rig)
{
	struct deadline dl = deadline_in(LONG_MS);

	for (;;) {
		Pluginregistration__InfoRequest request = PLUGINREGISTRATION__INFO_REQUEST__INIT;
		ProtobufCMessage *answer = NULL;
		struct rpc_client *client = NULL;
		struct err err = {0};

		assert_int_equal(rpc_client_new(rig->path, &client, &err), 0);
		int result = rpc_client_call(client, "/pluginregistration.Registration/GetInfo",
			&request.base, &pluginregistration__plugin_info__descriptor, &dl, &answer,
			&err);
		rpc_client_free(client);
		if (result == 0) {
			const Pluginregistration__PluginInfo *info = (const void *)answer;
			assert_string_equal(info->name, DRIVER);
			assert_string_equal(info->endpoint, "/host/csi.sock");
			protobuf_c_message_free_unpacked(answer, NULL);
			return;
		}
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		pause_for_the_other(&dl);
	}
}

static void notify(struct rig *rig, bool registered, const char *error)
{
	Pluginregistration__RegistrationStatus status =
		PLUGINREGISTRATION__REGISTRATION_STATUS__INIT;
	struct deadline dl = deadline_in(LONG_MS);
	ProtobufCMessage *answer = NULL;
	struct rpc_client *client = NULL;
	struct err err = {0};

	status.plugin_registered = registered;
	status.error = (char *)(uintptr_t)error;
	assert_int_equal(rpc_client_new(rig->path, &client, &err), 0);
	assert_int_equal(
		rpc_client_call(client, "/pluginregistration.Registration/NotifyRegistrationStatus",
			&status.base, &pluginregistration__registration_status_response__descriptor,
			&dl, &answer, &err),
		0);
	protobuf_c_message_free_unpacked(answer, NULL);
	rpc_client_free(client);
}

static void wait_until_said(struct rig *rig, const char *words)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct err err = {0};

	while (registrar_check(rig->registrar, &err) == 0 || !strstr(err.msg, words)) {
		pause_for_the_other(&dl);
	}
}

static void registers(struct rig *rig, uint64_t times)
{
	struct registrar_counts counts;
	struct err err = {0};

	get_info(rig);
	notify(rig, true, "");
	if (registrar_check(rig->registrar, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	registrar_read_counts(rig->registrar, &counts);
	assert_true(counts.registered);
	assert_int_equal(counts.taken, times);
}

static void kubelet_takes_it(void **state)
{
	struct rig *rig = *state;
	struct err err = {0};
	struct stat st;

	assert_int_equal(registrar_check(rig->registrar, &err), -1);
	assert_non_null(strstr(err.msg, rig->path));
	start(rig);
	registers(rig, 1);
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* kubelet was restarted: it asks what is there again. */
	registers(rig, 2);
	assert_non_null(strstr(logged(rig), "registered with kubelet"));
}

static void kubelet_refuses_and_tries_again(void **state)
{
	struct rig *rig = *state;
	struct registrar_counts counts;
	struct err err = {0};

	start(rig);
	get_info(rig);
	notify(rig, false, "cannot dial /host/csi.sock");
	assert_int_equal(registrar_check(rig->registrar, &err), -1);
	assert_non_null(strstr(err.msg, "cannot dial /host/csi.sock"));
	assert_non_null(strstr(err.msg, "--kubelet-endpoint-path /host/csi.sock"));
	assert_non_null(strstr(err.msg, "tries again"));
	assert_non_null(strstr(logged(rig), "cannot dial /host/csi.sock"));
	registrar_read_counts(rig->registrar, &counts);
	assert_false(counts.registered);
	assert_int_equal(counts.refused, 1);
	registers(rig, 1);
}

static void somebody_cleans_the_folder(void **state)
{
	struct rig *rig = *state;

	start(rig);
	registers(rig, 1);
	assert_int_equal(unlink(rig->path), 0);
	registers(rig, 2);
	assert_non_null(strstr(logged(rig), "was taken away"));
	assert_int_equal(unlink(rig->path), 0);
	/* Until kubelet speaks, the last word does not count. */
	wait_until_said(rig, "has not registered the driver yet");
	registers(rig, 3);
}

static void the_folder_goes_and_comes(void **state)
{
	struct rig *rig = *state;
	char away[128];

	(void)snprintf(away, sizeof(away), "%s/away", rig->dir);
	start(rig);
	registers(rig, 1);
	assert_int_equal(rename(rig->folder, away), 0);
	wait_until_said(rig, "trying on: folder ");
	assert_int_equal(mkdir(rig->folder, 0700), 0);
	registers(rig, 2);
	/* What was moved away is the mover's; the socket in it is dead. */
	(void)snprintf(away, sizeof(away), "%s/away/%s-reg.sock", rig->dir, DRIVER);
	(void)unlink(away);
	*strrchr(away, '/') = '\0';
	assert_int_equal(rmdir(away), 0);
	/* The new folder is watched as the old one was. */
	assert_int_equal(unlink(rig->path), 0);
	assert_int_equal(rmdir(rig->folder), 0);
	assert_int_equal(mkdir(rig->folder, 0700), 0);
	registers(rig, 3);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0) {
		fail_msg("cannot listen at %s", path);
	}
	return fd;
}

static void a_killed_plugin_left_its_socket(void **state)
{
	struct rig *rig = *state;

	(void)close(listen_at(rig->path));
	start(rig);
	registers(rig, 1);
}

static void another_plugin_has_the_socket(void **state)
{
	struct rig *rig = *state;
	int fd = listen_at(rig->path);
	struct stat before;
	struct stat st;

	assert_int_equal(stat(rig->path, &before), 0);
	start(rig);
	wait_until_said(rig, "another process answers there");
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_ino, before.st_ino);
	/* It ends: ours takes its place. */
	(void)close(fd);
	registers(rig, 1);
	/* The trouble was told once, however often it was tried. */
	const char *first = strstr(logged(rig), "another process");
	assert_non_null(first);
	assert_null(strstr(first + 1, "another process"));
}

static void too_long_a_path(void **state)
{
	struct rig *rig = *state;
	struct registrar_config config = rig->config;
	struct registrar *other = NULL;
	struct err err = {0};
	char folder[120];

	memset(folder, 'x', sizeof(folder));
	folder[0] = '/';
	folder[sizeof(folder) - 1] = '\0';
	config.folder = folder;
	assert_int_equal(registrar_new(&config, &other, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

#define REGISTRAR_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTRAR_TEST(kubelet_takes_it),
		REGISTRAR_TEST(kubelet_refuses_and_tries_again),
		REGISTRAR_TEST(somebody_cleans_the_folder),
		REGISTRAR_TEST(the_folder_goes_and_comes),
		REGISTRAR_TEST(a_killed_plugin_left_its_socket),
		REGISTRAR_TEST(another_plugin_has_the_socket),
		REGISTRAR_TEST(too_long_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
