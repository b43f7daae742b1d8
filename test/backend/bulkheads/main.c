/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller with two backends, of which one takes requests and never answers: 200 calls to it
 * hang or are turned away, and the other is served as if it were alone. What it was measured with
 * is printed; what is asserted is who is answered, and how.
 *
 * Usage: backend_bulkheads PATH-OF-NVMETCP-CONTROLLER
 */
#include "common/base/fileio.h"
#include "common/rpc/client.h"
#include "proto/csi.pb-c.h"
#include "test/backend/bulkheads/agent.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Nothing here takes so long unless it hangs. */
#define PATIENCE_MS 60000
#define HANGING 200
/* Longer than what the breaker takes for silence. */
#define SILENT_MS 6000
/* Longer than the measurement takes on a busy machine. */
#define HANGING_MS 15000
#define MEASURED 400
#define MEASURED_AT_ONCE 4
/* What the lane of one backend holds: at work, and waiting (controller/plugin.c). */
#define AT_WORK 16
#define WAITING 128

#define OBJECT "prod-v-f2868e1aa7cab669517cd9f5ab1b7957"

struct rig {
	const char *program;
	char dir[64];
	char socket[96];
	char config[96];
	struct agent *dead;
	struct agent *well;
	pid_t pid;
	struct rpc_client *client;
};

static const char *program;

static void write_config(const struct rig *rig)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
		"{\"instance\":\"prod\",\"backends\":["
		"{\"name\":\"dead\",\"type\":\"linux\",\"url\":\"http://127.0.0.1:%u\"},"
		"{\"name\":\"well\",\"type\":\"linux\",\"url\":\"http://127.0.0.1:%u\"}]}",
		agent_port(rig->dead), agent_port(rig->well));
	int fd = open(rig->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char endpoint[128];
	struct err err = {0};

	assert_non_null(rig);
	*rig = (struct rig){.dir = "/tmp/nv-bulkheads-XXXXXX",
		.dead = agent_start(true),
		.well = agent_start(false)};
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->socket, sizeof(rig->socket), "%s/csi.sock", rig->dir);
	(void)snprintf(rig->config, sizeof(rig->config), "%s/config", rig->dir);
	(void)snprintf(endpoint, sizeof(endpoint), "unix://%s", rig->socket);
	write_config(rig);
	char *argv[] = {(char *)(uintptr_t)program, (char[]){"--config"}, rig->config,
		(char[]){"--endpoint"}, endpoint, (char[]){"--log-level"}, (char[]){"error"}, NULL};
	assert_int_equal(posix_spawn(&rig->pid, program, NULL, NULL, argv, environ), 0);
	assert_int_equal(rpc_client_new(rig->socket, &rig->client, &err), 0);
	rpc_client_wait(rig->client, true);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	char path[128];
	int status = 0;

	rpc_client_free(rig->client);
	assert_int_equal(kill(rig->pid, SIGTERM), 0);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	agent_stop(rig->dead);
	agent_stop(rig->well);
	(void)unlink(rig->config);
	(void)snprintf(path, sizeof(path), "%s/state/controller.lock", rig->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/state", rig->dir);
	(void)rmdir(path);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

/* Look a volume of @backend up. Return: 0, or -1. */
static int look_up(struct rig *rig, const char *backend, int64_t ms, struct err *err)
{
	Csi__V1__ControllerGetVolumeRequest request = CSI__V1__CONTROLLER_GET_VOLUME_REQUEST__INIT;
	struct deadline dl = deadline_in(ms);
	ProtobufCMessage *answer = NULL;
	char id[128];

	(void)snprintf(id, sizeof(id), "%s/" OBJECT, backend);
	request.volume_id = id;
	if (rpc_client_call(rig->client, "/csi.v1.Controller/ControllerGetVolume", &request.base,
		    &csi__v1__controller_get_volume_response__descriptor, &dl, &answer, err) < 0) {
		return -1;
	}
	assert_string_equal(
		((Csi__V1__ControllerGetVolumeResponse *)answer)->volume->volume_id, id);
	protobuf_c_message_free_unpacked(answer, NULL);
	return 0;
}

static int probe(struct rig *rig, struct err *err)
{
	Csi__V1__ProbeRequest request = CSI__V1__PROBE_REQUEST__INIT;
	struct deadline dl = deadline_in(PATIENCE_MS);
	ProtobufCMessage *answer = NULL;

	if (rpc_client_call(rig->client, "/csi.v1.Identity/Probe", &request.base,
		    &csi__v1__probe_response__descriptor, &dl, &answer, err) < 0) {
		return -1;
	}
	protobuf_c_message_free_unpacked(answer, NULL);
	return 0;
}

struct caller {
	pthread_t thread;
	struct rig *rig;
	atomic_uint *ended;
	int result;
	struct err err;
};

static void *hang(void *arg)
{
	struct caller *caller = arg;

	caller->result = look_up(caller->rig, "dead", HANGING_MS, &caller->err);
	(void)atomic_fetch_add(caller->ended, 1);
	return NULL;
}

struct measuring {
	pthread_t thread;
	struct rig *rig;
	unsigned failed;
	struct err err; /* of the last that failed */
	double seconds[MEASURED / MEASURED_AT_ONCE];
};

static void *measure_some(void *arg)
{
	struct measuring *m = arg;

	for (size_t i = 0; i < ARRAY_SIZE(m->seconds); i++) {
		double began = clock_seconds();

		m->failed += look_up(m->rig, "well", PATIENCE_MS, &m->err) < 0;
		m->seconds[i] = clock_seconds() - began;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Every call to the backend that is well must be answered. Return: the 99th percentile, in ms. */
static double measure(struct rig *rig, const char *when)
{
	struct measuring *all = calloc(MEASURED_AT_ONCE, sizeof(*all));
	double seconds[MEASURED];
	size_t n = 0;

	assert_non_null(all);
	for (size_t i = 0; i < MEASURED_AT_ONCE; i++) {
		all[i].rig = rig;
		assert_int_equal(pthread_create(&all[i].thread, NULL, measure_some, &all[i]), 0);
	}
	for (size_t i = 0; i < MEASURED_AT_ONCE; i++) {
		assert_int_equal(pthread_join(all[i].thread, NULL), 0);
		if (all[i].failed > 0) {
			fail_msg("%s: %u calls failed: %s", when, all[i].failed, all[i].err.msg);
		}
		memcpy(seconds + n, all[i].seconds, sizeof(all[i].seconds));
		n += ARRAY_SIZE(all[i].seconds);
	}
	qsort(seconds, n, sizeof(seconds[0]), by_size);
	print_message("%s: %zu calls to the other backend, p50 %.2f ms, p99 %.2f ms\n", when, n,
		seconds[n / 2] * 1000, seconds[n * 99 / 100] * 1000);
	free(all);
	return seconds[n * 99 / 100] * 1000;
}

/* Until as many calls hang as may, and @ended have been told that there is no room for them. */
static void wait_until_they_hang(const struct rig *rig, const atomic_uint *counted, unsigned ended)
{
	struct deadline dl = deadline_in(PATIENCE_MS);

	while (agent_waiting(rig->dead) < AT_WORK || atomic_load(counted) < ended) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 5, "the agent", NULL), 0);
	}
}

static unsigned count_words(const struct caller *callers, const char *words)
{
	unsigned n = 0;

	for (size_t i = 0; i < HANGING; i++) {
		n += strstr(callers[i].err.msg, words) != NULL;
	}
	return n;
}

static void two_hundred_calls_hang_on_one_backend(void **state)
{
	struct rig *rig = *state;
	struct caller *callers = calloc(HANGING, sizeof(*callers));
	atomic_uint ended = 0;
	struct err err = {0};

	assert_non_null(callers);
	(void)measure(rig, "warm-up");
	double alone = measure(rig, "alone");
	for (size_t i = 0; i < HANGING; i++) {
		callers[i].rig = rig;
		callers[i].ended = &ended;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, hang, &callers[i]), 0);
		if (i + 1 == AT_WORK) {
			/* Else some would find the queue full that the workers are about to empty.
			 */
			wait_until_they_hang(rig, &ended, 0);
		}
	}
	wait_until_they_hang(rig, &ended, HANGING - AT_WORK - WAITING);
	double beside = measure(rig, "beside 200 calls that hang");
	/* Still so when all of that was answered: else it would have proven nothing. */
	unsigned still = agent_waiting(rig->dead);
	assert_int_equal(probe(rig, &err), 0);
	for (size_t i = 0; i < HANGING; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].result, -1);
		/* Nothing is known, so nothing may be said for good. */
		if (err_is_final(callers[i].err.code)) {
			fail_msg("%s", callers[i].err.msg);
		}
	}
	unsigned refused = count_words(
		callers, "backend dead: 16 calls are at work and 128 wait for their turn");
	print_message("p99 beside / alone: %.2f; %u calls were turned away at once, %u hung to the "
		      "end of the measurement\n",
		beside / alone, refused, still);
	assert_in_range(still, AT_WORK, AT_WORK + 3);
	assert_int_equal(refused, HANGING - AT_WORK - WAITING);
	free(callers);
}

/* Once it is known to be silent its calls fail at once and are not sent; one at a time finds out
 * when it is back. */
static void the_breaker_opens_and_closes(void **state)
{
	struct rig *rig = *state;
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};

	/* The calls of the test before were its silence. */
	do {
		assert_int_equal(look_up(rig, "dead", SILENT_MS, &err), -1);
		assert_false(err_is_final(err.code));
		assert_true(deadline_left_ms(&dl) > 0);
	} while (!strstr(err.msg, "the server has not answered for"));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "backend dead: "));
	assert_non_null(strstr(err.msg, "next attempt"));
	unsigned before = agent_requests(rig->dead);
	unsigned refused = 0;
	for (int i = 0; i < 100; i++) {
		struct err why = {0};

		if (look_up(rig, "dead", 100, &why) < 0) {
			refused += strstr(why.msg, "the server has not answered for") != NULL;
		}
	}
	/* Whoever was not refused was an attempt: one now and then. */
	assert_in_range(refused, 90, 100);
	assert_in_range(agent_requests(rig->dead) - before, 0, 100 - refused + 1);
	agent_hang(rig->dead, false);
	while (look_up(rig, "dead", PATIENCE_MS, &err) < 0) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 50, "the backend's return", NULL), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_calls_hang_on_one_backend),
		cmocka_unit_test(the_breaker_opens_and_closes),
	};

	if (argc != 2) {
		(void)fprintf(
			stderr, "backend_bulkheads: the path of nvmetcp-controller is missing\n");
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
