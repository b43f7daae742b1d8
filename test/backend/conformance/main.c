/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_conformance: does a backend keep the contract? One table says which backends there are
 * and how each is opened; docs/add-a-backend.md tells how to add a row.
 */
#include "common/base/parse.h"
#include "common/http/client.h"
#include "controller/backend/linux/linux.h"
#include "controller/backend/spdk/spdk.h"
#include "test/backend/conformance/control.h"
#include "test/backend/conformance/lossy.h"
#include "test/backend/fake/fake.h"

#include <getopt.h>
#include <stdio.h>

/** What the command line says. */
struct options {
	const char *backend;
	const char *url;
	const char *pool;
	const char *other_pool;
	const char *token_file;
	const char *ca_file;
	const char *instance;
	const char *portals;
	const char *control;
	const char *state; /* file of the fake's state */
	const char *filter;
	unsigned worker; /* 0: run the suite */
};

struct open_args {
	const struct options *options;
	struct subject *subject;
};

/** struct row - one backend that can be tested. */
struct row {
	const char *name;
	const char *help;
	int (*open)(const struct row *row, const struct open_args *args, struct err *err);
	enum be_metadata metadata;
	bool shared;
	const struct backend_type *type; /* of real ones */
};

/** Another instance on the same backend. */
#define OTHER_INSTANCE "other-one"

static int open_fake(const struct row *row, const struct open_args *args, struct err *err)
{
	struct subject *subject = args->subject;
	const struct fake_options options = {.metadata = row->metadata,
		.path = args->options->state,
		.shared_subsystem = row->shared,
		.dependent_snapshots = row->shared};

	subject->pool = FAKE_POOL_A;
	subject->other_pool = FAKE_POOL_B;
	return fake_new(&options, &subject->fake, err) < 0 ||
			       fake_open(subject->fake, row->name, subject->instance, &subject->a,
				       err) < 0 ||
			       fake_open(subject->fake, row->name, subject->instance, &subject->b,
				       err) < 0 ||
			       fake_open(subject->fake, row->name, OTHER_INSTANCE, &subject->other,
				       err) < 0
		       ? -1
		       : 0;
}

/* Handle a goes over the bad line when there can be one, b straight to the agent. */
static int open_real(const struct row *row, const struct open_args *args, struct err *err)
{
	const struct options *options = args->options;
	struct subject *subject = args->subject;
	char pools[2 * BE_POOL_MAX + 2];
	const struct kv extra[] = {{"pools", pools}, {"portals", options->portals}};
	struct be_config config = {.name = row->name,
		.instance = subject->instance,
		.url = options->url,
		.ca_file = options->ca_file,
		.token_file = options->token_file,
		.pool = options->pool,
		.extra = {.items = extra, .n = ARRAY_SIZE(extra)}};
	bool bad_line = strncmp(options->url, "unix://", 7) == 0 ||
			strncmp(options->url, "http://", 7) == 0;

	(void)snprintf(pools, sizeof(pools), "%s%s%s", options->pool,
		*options->other_pool ? "," : "", options->other_pool);
	subject->pool = options->pool;
	subject->other_pool = *options->other_pool ? options->other_pool : NULL;
	if (row->type->open(&config, &subject->b, err) < 0) {
		return -1;
	}
	if (bad_line && options->worker == 0) {
		if (lossy_start(options->url, &subject->lossy, err) < 0) {
			return -1;
		}
		config.url = lossy_url(subject->lossy);
	}
	if (row->type->open(&config, &subject->a, err) < 0) {
		return -1;
	}
	config.url = options->url;
	config.instance = OTHER_INSTANCE;
	return row->type->open(&config, &subject->other, err);
}

static const struct row rows[] = {
	{.name = "fake-full",
		.help = "in memory, keeps metadata",
		.open = open_fake,
		.metadata = BE_METADATA_FULL},
	{.name = "fake-name-only",
		.help = "in memory, keeps names only",
		.open = open_fake,
		.metadata = BE_METADATA_NAME_ONLY},
	{.name = "fake-shared",
		.help = "in memory, one subsystem for all, snapshots die with their volume",
		.open = open_fake,
		.metadata = BE_METADATA_FULL,
		.shared = true},
	{.name = "linux",
		.help = "a running nvmetcp-target (--url, --pool, --token-file, --ca-file)",
		.open = open_real,
		.type = &backend_linux},
	{.name = "spdk",
		.help = "a running SPDK target (--url, --pool, --portals, --token-file, --ca-file)",
		.open = open_real,
		.type = &backend_spdk},
};

bool subject_lost(struct subject *subject)
{
	return !subject->lossy || lossy_disarm(subject->lossy);
}

bool subject_lose(struct subject *subject, const char *call, enum loss loss, unsigned skip)
{
	static const enum fake_action actions[LOSS_MAX] = {FAKE_FAIL_BEFORE, FAKE_FAIL_AFTER,
		FAKE_HANG_BEFORE, FAKE_HANG_AFTER, FAKE_FAIL_AFTER, FAKE_IN_PROGRESS};

	if (subject->lossy) {
		return lossy_arm(subject->lossy, loss, skip);
	}
	if (!subject->fake || loss == LOSS_GARBLED || skip > 0) {
		return false;
	}
	fake_faults_clear(subject->fake);
	fake_fault(subject->fake,
		&(struct fake_fault){.call = call, .times = 1, .action = actions[loss]});
	return true;
}

bool subject_restart(struct subject *subject, struct err *err)
{
	return *subject->control && control_do(subject->control, "{\"do\": \"restart\"}", err) == 0;
}

bool subject_pool(struct subject *subject, bool there)
{
	char command[BE_POOL_MAX + 64];

	if (subject->fake) {
		fake_pool_present(subject->fake, subject->pool, there);
		return true;
	}
	(void)snprintf(command, sizeof(command), "{\"do\": \"%s\", \"store\": \"%s\"}",
		there ? "online" : "offline", subject->pool);
	return *subject->control && control_do(subject->control, command, NULL) == 0;
}

/* The tests of cmocka have no argument of their own: this is how they get the subject. */
static struct subject *under_test;

int suite_setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	if (!env) {
		return -1;
	}
	env_init(env, under_test);
	clear_all(env, under_test->a);
	env_reset(env);
	*state = env;
	return 0;
}

int suite_teardown(void **state)
{
	struct env *env = *state;
	int rc;

	if (under_test->fake) {
		fake_faults_clear(under_test->fake);
		fake_pool_present(under_test->fake, FAKE_POOL_A, true);
		fake_pool_present(under_test->fake, FAKE_POOL_B, true);
	}
	env_reset(env);
	clear_all(env, under_test->b);
	rc = all_volumes(env, under_test->a, 0).n == 0 ? 0 : -1;
	if (under_test->fake) {
		struct fake_count count = fake_count(under_test->fake);

		rc = count.volumes + count.snapshots + count.grants == 0 ? rc : -1;
	}
	env_done(env);
	free(env);
	return rc;
}

static int run_groups(void)
{
	static const struct {
		const char *name;
		const struct CMUnitTest *tests;
	} groups[] = {{"volumes", volume_tests}, {"grants", grant_tests},
		{"snapshots", snapshot_tests}, {"lists", list_tests},
		{"unknown outcomes", unknown_tests}, {"restarts", restart_tests},
		{"rates", rate_tests}, {"races", race_tests}};
	int failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		size_t n = 0;

		while (groups[i].tests[n].name) {
			n++;
		}
		failed += _cmocka_run_group_tests(groups[i].name, groups[i].tests, n, NULL, NULL);
	}
	return failed;
}

static void usage(FILE *out)
{
	(void)fprintf(out,
		"backend_conformance: does a backend keep the contract of docs/backend-contract.md?\n\n"
		"Usage: backend_conformance --backend NAME [--url URL] [--pool POOL] [--other-pool POOL]\n"
		"           [--token-file FILE] [--ca-file FILE] [--portals LIST] [--instance NAME]\n"
		"           [--control SOCKET] [--test PATTERN]\n\n"
		"Backends:\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)fprintf(out, "  %-16s %s\n", rows[i].name, rows[i].help);
	}
	(void)fprintf(out,
		"\nIt removes everything that its instance (default: conformance) has there, and "
		"touches nothing else.\n");
}

static const struct option long_options[] = {{"backend", required_argument, NULL, 'b'},
	{"url", required_argument, NULL, 'u'}, {"pool", required_argument, NULL, 'p'},
	{"other-pool", required_argument, NULL, 'o'}, {"token-file", required_argument, NULL, 't'},
	{"ca-file", required_argument, NULL, 'c'}, {"instance", required_argument, NULL, 'i'},
	{"portals", required_argument, NULL, 'l'}, {"control", required_argument, NULL, 'd'},
	{"state", required_argument, NULL, 's'}, {"test", required_argument, NULL, 'f'},
	{"worker", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {0}};

/* Return: 0 to go on, 1 after help, 2 on a mistake. */
static int read_options(int argc, char **argv, struct options *ret)
{
	const char **texts[256] = {['b'] = &ret->backend,
		['u'] = &ret->url,
		['p'] = &ret->pool,
		['o'] = &ret->other_pool,
		['t'] = &ret->token_file,
		['c'] = &ret->ca_file,
		['i'] = &ret->instance,
		['l'] = &ret->portals,
		['d'] = &ret->control,
		['s'] = &ret->state,
		['f'] = &ret->filter};
	struct err err = {0};
	uint64_t worker = 0;
	int c;

	// NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread exists
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 1;
		}
		if (c == 'w') {
			if (parse_u64("--worker", optarg, 1, 1000, &worker, &err) < 0) {
				(void)fprintf(stderr, "%s\n", err.msg);
				return 2;
			}
		} else if (c > 0 && c < 256 && texts[c]) {
			*texts[c] = optarg;
		} else {
			usage(stderr);
			return 2;
		}
	}
	ret->worker = (unsigned)worker;
	return 0;
}

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(rows); i++) {
		if (streq(rows[i].name, name)) {
			return &rows[i];
		}
	}
	return NULL;
}

static void close_subject(struct subject *subject)
{
	be_close(subject->a);
	be_close(subject->b);
	be_close(subject->other);
	lossy_stop(subject->lossy);
	fake_free(subject->fake);
}

/* Open the backend, and be the worker or run the suite. */
static int run(const struct row *row, const struct options *options, struct subject *subject)
{
	const struct open_args args = {.options = options, .subject = subject};
	struct err err = {0};
	int rc;

	if (http_global_init(&err) < 0 || row->open(row, &args, &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", row->name, err.msg);
		return 2;
	}
	under_test = subject;
	if (options->filter) {
		cmocka_set_test_filter(options->filter);
	}
	rc = options->worker ? worker_run(subject, options->worker) : run_groups();
	close_subject(subject);
	http_global_cleanup();
	return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options options = {.url = "",
		.pool = "",
		.other_pool = "",
		.token_file = "",
		.ca_file = "",
		.portals = "127.0.0.1:4420",
		.control = "",
		.instance = "conformance"};
	char state[] = "/tmp/backend-fake-XXXXXX";
	const char *worker_argv[64] = {"/proc/self/exe"};
	struct subject subject = {.worker_argv = worker_argv};
	const struct row *row;
	size_t n = 1;
	int rc = read_options(argc, argv, &options);

	if (rc != 0) {
		return rc == 1 ? 0 : rc;
	}
	row = find_row(options.backend);
	if (!row || argc > 60) {
		usage(stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		worker_argv[n++] = argv[i];
	}
	if (row->open == open_fake && !options.state) {
		_cleanup_close_ int fd = mkstemp(state);

		if (fd < 0) {
			perror(state);
			return 2;
		}
		options.state = state;
		worker_argv[n++] = "--state";
		worker_argv[n++] = state;
	}
	subject.name = row->name;
	subject.control = options.control;
	subject.instance = options.instance;
	rc = run(row, &options, &subject);
	if (options.state == state) {
		(void)unlink(state);
	}
	return rc;
}
