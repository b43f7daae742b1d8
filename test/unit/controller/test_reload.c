/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A changed configuration file: taken over when it is good, refused and told once when it is not,
 * and tried again.
 */
#include "common/base/fileio.h"
#include "common/http/client.h"
#include "controller/reload.h"

#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define A "{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///run/a.sock\"}"
#define A_ELSEWHERE "{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///run/other.sock\"}"
#define B "{\"name\":\"b\",\"type\":\"static\"}"
#define B_PLACED "{\"name\":\"b\",\"type\":\"static\",\"topology\":[{\"zone\":\"a\"}]}"
#define CONFIG(backends) "{\"instance\":\"prod\",\"backends\":[" backends "]}"

struct rig {
	char dir[64];
	char path[80];
	struct current *current;
	struct reload *reload;
	sem_t news;
	sem_t heard; /* of the news before */
	struct config_change change;
	struct err why; /* code 0: taken over */
	char gone[64];
	char going[64]; /* the thread's own */
};

static void told(void *arg, const struct config_change *change, const struct err *why)
{
	struct rig *rig = arg;

	assert_int_equal(sem_wait(&rig->heard), 0);
	(void)snprintf(rig->gone, sizeof(rig->gone), "%s", rig->going);
	rig->change = change ? *change : (struct config_change){0};
	rig->why = why ? *why : (struct err){0};
	assert_int_equal(sem_post(&rig->news), 0);
}

static void gone(void *arg, const char *backend)
{
	struct rig *rig = arg;

	(void)snprintf(rig->going, sizeof(rig->going), "%s", backend);
}

/* Let the thread go on; what it told is read no more then. */
static void heard(struct rig *rig)
{
	assert_int_equal(sem_post(&rig->heard), 0);
}

static void hear(struct rig *rig)
{
	assert_int_equal(sem_wait(&rig->news), 0);
}

static void put(struct rig *rig, const char *text)
{
	struct err err = {0};

	if (file_write_atomic(AT_FDCWD, rig->path, text, strlen(text), 0600, &err) < 0) {
		fail_msg("%s", err.msg);
	}
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct config config = {0};
	struct core *core = NULL;
	struct err err = {0};

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/nvmetcp-reload-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->path, sizeof(rig->path), "%s/config.json", rig->dir);
	assert_int_equal(http_global_init(&err), 0);
	assert_int_equal(sem_init(&rig->news, 0, 0), 0);
	assert_int_equal(sem_init(&rig->heard, 0, 1), 0);
	put(rig, CONFIG(A "," B));
	assert_int_equal(config_read(rig->path, "", &config, &err), 0);
	assert_int_equal(config_open(&config, &core, &err), 0);
	rig->current = current_new(core);
	const struct reload_config reload = {.path = rig->path,
		.current = rig->current,
		.told = told,
		.gone = gone,
		.arg = rig,
		.every_ms = 1};
	assert_int_equal(reload_start(&reload, &config, &rig->reload, &err), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	/* It may have more to tell, as that the file is missing for a moment. */
	for (unsigned i = 0; i < 16; i++) {
		heard(rig);
	}
	reload_stop(rig->reload);
	current_free(rig->current);
	(void)unlink(rig->path);
	assert_int_equal(rmdir(rig->dir), 0);
	assert_int_equal(sem_destroy(&rig->news), 0);
	assert_int_equal(sem_destroy(&rig->heard), 0);
	http_global_cleanup();
	free(rig);
	return 0;
}

/* The next news is this, with @gone as the last backend that went. */
static void taken_over(struct rig *rig, size_t kept, size_t opened, const char *gone_name)
{
	hear(rig);
	if (rig->why.code != ERR_OK) {
		fail_msg("%s", rig->why.msg);
	}
	assert_int_equal(rig->change.kept, kept);
	assert_int_equal(rig->change.opened, opened);
	assert_string_equal(rig->gone, gone_name);
	heard(rig);
}

static void refused(struct rig *rig, const char *word)
{
	hear(rig);
	assert_int_not_equal(rig->why.code, ERR_OK);
	if (!strstr(rig->why.msg, word)) {
		fail_msg("no \"%s\" in: %s", word, rig->why.msg);
	}
	heard(rig);
}

/* At last it is taken over, whatever was told before. */
static void taken_over_at_last(struct rig *rig, size_t kept, size_t opened, const char *gone_name)
{
	bool done = false;

	while (!done) {
		hear(rig);
		done = rig->why.code == ERR_OK && rig->change.kept == kept &&
		       rig->change.opened == opened && streq(rig->gone, gone_name);
		heard(rig);
	}
}

static size_t count(struct rig *rig)
{
	_cleanup_core_ struct core *core = current_core(rig->current);

	return core_backend_count(core);
}

static void changes_come_into_force(void **state)
{
	struct rig *rig = *state;
	struct core *first = current_core(rig->current);
	struct core *now;

	put(rig, CONFIG(A_ELSEWHERE "," B));
	taken_over(rig, 1, 1, "");
	now = current_core(rig->current);
	assert_ptr_not_equal(now, first);
	assert_false(core_has_topology(now));
	core_free(now);
	put(rig, CONFIG(A_ELSEWHERE "," B_PLACED));
	taken_over(rig, 1, 1, "");
	now = current_core(rig->current);
	assert_true(core_has_topology(now));
	core_free(now);
	put(rig, CONFIG(B_PLACED));
	taken_over(rig, 1, 0, "a");
	assert_int_equal(count(rig), 1);
	/* Who holds the first one still works with it. */
	assert_int_equal(core_backend_count(first), 2);
	assert_string_equal(core_backend_name(first, 0), "a");
	core_free(first);
	put(rig, CONFIG(A "," B));
	taken_over(rig, 0, 2, "a");
}

/* The order of entries and of keys, and blanks, are no change of any backend. */
static void what_says_the_same_is_kept(void **state)
{
	struct rig *rig = *state;

	put(rig, CONFIG(B ",\n{\"url\":\"unix:///run/a.sock\",\"type\":\"linux\",\"name\":\"a\"}"));
	taken_over(rig, 2, 0, "");
}

static void what_is_wrong_is_refused_once(void **state)
{
	struct rig *rig = *state;
	struct core *first = current_core(rig->current);
	struct core *now;

	put(rig, "{\"instance\":\"prod\",");
	refused(rig, "line 1");
	put(rig, CONFIG(A "," A));
	refused(rig, "backends[1].name");
	put(rig, CONFIG(A ",{\"name\":\"c\",\"type\":\"linux\",\"url\":\"ftp://x\"}"));
	refused(rig, "backends[1].url");
	put(rig, "{\"instance\":\"other\",\"backends\":[" A "]}");
	refused(rig, "\"prod\" cannot become \"other\"");
	put(rig, "{\"instance\":\"prod\",\"driverName\":\"x.dev\",\"backends\":[" A "]}");
	refused(rig, "\"nvmetcp.csi.dev\" cannot become \"x.dev\"");
	assert_int_equal(unlink(rig->path), 0);
	refused(rig, "config.json");
	now = current_core(rig->current);
	assert_ptr_equal(now, first);
	core_free(now);
	core_free(first);
	/* Back to what is in force: no change, but good news. */
	put(rig, CONFIG(A "," B));
	taken_over(rig, 2, 0, "");
}

/* The token's file comes a moment after the configuration that names it. */
static void what_was_refused_is_tried_again(void **state)
{
	struct rig *rig = *state;
	char token[96];
	char text[512];
	int fd;

	(void)snprintf(token, sizeof(token), "%s/token", rig->dir);
	(void)snprintf(text, sizeof(text),
		CONFIG(A ",{\"name\":\"c\",\"type\":\"linux\",\"url\":\"unix:///run/c.sock\","
			 "\"tokenFile\":\"%s\"}"),
		token);
	put(rig, text);
	refused(rig, "token");
	fd = open(token, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "s3cret", 6), 6);
	assert_int_equal(close(fd), 0);
	/* Between open and write it was empty, which may have been told, too. */
	taken_over_at_last(rig, 1, 1, "b");
	assert_int_equal(unlink(token), 0);
}

/* As kubelet does it: the name is a link, of which another link is changed. */
static void a_swapped_link_is_seen(void **state)
{
	struct rig *rig = *state;
	char path[128];
	char data[128];
	char fresh[128];
	const char *text = CONFIG(A);

	(void)snprintf(path, sizeof(path), "%s/real", rig->dir);
	(void)snprintf(data, sizeof(data), "%s/data", rig->dir);
	(void)snprintf(fresh, sizeof(fresh), "%s/fresh", rig->dir);
	assert_int_equal(rename(rig->path, path), 0);
	assert_int_equal(symlink(path, data), 0);
	assert_int_equal(symlink(data, rig->path), 0);
	(void)snprintf(path, sizeof(path), "%s/next", rig->dir);
	{
		struct err err = {0};

		assert_int_equal(
			file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, &err), 0);
	}
	assert_int_equal(symlink(path, fresh), 0);
	assert_int_equal(rename(fresh, data), 0);
	/* The name was missing for a moment above. */
	taken_over_at_last(rig, 1, 0, "b");
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/real", rig->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(data), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_come_into_force, setup, teardown),
		cmocka_unit_test_setup_teardown(what_says_the_same_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_refused_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_swapped_link_is_seen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
