/* SPDX-License-Identifier: Apache-2.0 */
/* The registry and its text. */
#include "common/metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void prints(struct metrics *m, const char *want)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 20);

	metrics_print(m, &sb);
	assert_false(sb.failed);
	assert_string_equal(sb_str(&sb), want);
}

static void contains(struct metrics *m, const char *want)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 20);

	metrics_print(m, &sb);
	if (!strstr(sb_str(&sb), want)) {
		fail_msg("\"%s\" is not in:\n%s", want, sb_str(&sb));
	}
}

static const char *const one_label[] = {"target", NULL};

static void test_counter_and_gauge(void **state)
{
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *c = metrics_counter(m, "a_total", "Things\\ done.\nAll.", NULL, &err);
	struct metric *g = metrics_gauge(m, "b_bytes", "Size.", one_label, &err);

	(void)state;
	prints(m, "# HELP a_total Things\\\\ done.\\nAll.\n# TYPE a_total counter\n"
		  "# HELP b_bytes Size.\n# TYPE b_bytes gauge\n");
	metric_add(c, NULL, 2);
	metric_add(c, NULL, 0.5);
	metric_add(c, NULL, -1); /* a counter never falls */
	metric_set(c, NULL, 99); /* and is not set */
	metric_observe(c, NULL, 1);
	metric_set(g, (const char *[]){"x"}, 1e18);
	metric_set(g, (const char *[]){"y"}, -3);
	metric_add(g, (const char *[]){"y"}, -1);
	metric_set(g, (const char *[]){NULL}, INFINITY);
	prints(m, "# HELP a_total Things\\\\ done.\\nAll.\n# TYPE a_total counter\na_total 2.5\n"
		  "# HELP b_bytes Size.\n# TYPE b_bytes gauge\nb_bytes{target=\"x\"} 1e+18\n"
		  "b_bytes{target=\"y\"} -4\nb_bytes{target=\"\"} +Inf\n");
	metrics_free(m);
}

static void test_label_values(void **state)
{
	static const char *const two[] = {"a", "b", NULL};
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *g = metrics_gauge(m, "g", "G.", two, &err);
	char cut[METRICS_VALUE_MAX + 64];

	(void)state;
	metric_set(g, (const char *[]){"q\"b\\n\nx", "\xff"}, 1);
	contains(m, "g{a=\"q\\\"b\\\\n\\nx\",b=\"?\"} 1\n");
	/* Fewer values than labels: the rest is empty, and nothing is read past the NULL. */
	metric_set(g, (const char *[]){"only", NULL}, 2);
	contains(m, "g{a=\"only\",b=\"\"} 2\n");
	/* Cut before the two bytes of a character that does not fit. */
	memset(cut, 'x', METRICS_VALUE_MAX - 1);
	(void)snprintf(cut + METRICS_VALUE_MAX - 1, 8, "\xc3\xa9z");
	metric_set(g, (const char *[]){"", cut}, 3);
	contains(m, "xxx\"} 3\n");
	metrics_free(m);
}

static void test_histogram(void **state)
{
	static const double bounds[] = {0.1, 1, 2.5};
	const struct metrics_histogram what = {.name = "h_seconds",
		.help = "H.",
		.labels = one_label,
		.bounds = bounds,
		.n_bounds = 3};
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *h = metrics_histogram(m, &what, &err);

	(void)state;
	metric_observe(h, (const char *[]){"x"}, 0.1); /* on a bound counts below it */
	metric_observe(h, (const char *[]){"x"}, 0.5);
	metric_observe(h, (const char *[]){"x"}, 100);
	metric_observe(h, (const char *[]){"x"}, NAN);
	metric_add(h, (const char *[]){"x"}, 1);
	prints(m, "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
		  "h_seconds_bucket{target=\"x\",le=\"0.1\"} 1\n"
		  "h_seconds_bucket{target=\"x\",le=\"1\"} 2\n"
		  "h_seconds_bucket{target=\"x\",le=\"2.5\"} 2\n"
		  "h_seconds_bucket{target=\"x\",le=\"+Inf\"} 3\n"
		  "h_seconds_sum{target=\"x\"} 100.6\n"
		  "h_seconds_count{target=\"x\"} 3\n");
	metrics_free(m);

	m = metrics_new();
	h = metrics_histogram(
		m, &(struct metrics_histogram){.name = "h", .bounds = bounds, .n_bounds = 1}, &err);
	metric_observe(h, NULL, 5);
	prints(m, "# HELP h \n# TYPE h histogram\nh_bucket{le=\"0.1\"} 0\nh_bucket{le=\"+Inf\"} 1\n"
		  "h_sum 5\nh_count 1\n");
	metrics_free(m);
}

static double answer(void *arg)
{
	return *(double *)arg;
}

static void test_functions(void **state)
{
	struct metrics *m = metrics_new();
	struct err err = {0};
	double value = 7;

	(void)state;
	assert_non_null(metrics_gauge_fn(m, "g", "G.", answer, &value, &err));
	assert_non_null(metrics_counter_fn(m, "c_total", "C.", answer, &value, &err));
	prints(m,
		"# HELP g G.\n# TYPE g gauge\ng 7\n# HELP c_total C.\n# TYPE c_total counter\nc_total 7\n");
	value = NAN;
	contains(m, "\ng NaN\n");
	metrics_free(m);
}

static void test_forget(void **state)
{
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *g = metrics_gauge(m, "g", "G.", one_label, &err);
	static const char *const names[] = {"a", "b", "c"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		metric_set(g, &names[i], 1);
	}
	metric_forget(g, (const char *[]){"c"});
	metric_forget(g, (const char *[]){"a"});
	metric_forget(g, (const char *[]){"never"});
	metric_set(g, (const char *[]){"d"}, 2);
	prints(m, "# HELP g G.\n# TYPE g gauge\ng{target=\"b\"} 1\ng{target=\"d\"} 2\n");
	metric_forget(g, (const char *[]){"b"});
	metric_forget(g, (const char *[]){"d"});
	metric_set(g, (const char *[]){"e"}, 3);
	prints(m, "# HELP g G.\n# TYPE g gauge\ng{target=\"e\"} 3\n");
	metrics_free(m);
}

static void test_bounded_series(void **state)
{
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *g = metrics_gauge(m, "g", "G.", one_label, &err);
	char name[16];

	(void)state;
	for (int i = 0; i < METRICS_SERIES_MAX + 5; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		metric_set(g, (const char *[]){name}, i);
	}
	contains(m, "g{target=\"1023\"} 1023\n");
	contains(m,
		"# TYPE nvmetcp_metrics_dropped_total counter\nnvmetcp_metrics_dropped_total{metric=\"g\"} 5\n");
	/* Those that are there still change. */
	metric_set(g, (const char *[]){"7"}, 70);
	contains(m, "g{target=\"7\"} 70\n");
	metrics_free(m);
}

static void test_bad_names(void **state)
{
	static const char *const names[] = {"", "1a", "a-b", "a b", "\xc3\xa9"};
	static const char *const labels[] = {"", "__x", "le", "a:b", "9"};
	static const double falling[] = {2, 1};
	static const double endless[] = {1, INFINITY};
	static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", NULL};
	struct metrics *m = metrics_new();
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_null(metrics_counter(m, names[i], "", NULL, &err));
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		const char *const list[] = {labels[i], NULL};
		const struct metrics_histogram what = {.name = "h", .labels = list};

		assert_null(metrics_histogram(m, &what, &err));
	}
	assert_null(metrics_gauge(m, "g", "", many, &err));
	assert_null(metrics_histogram(m,
		&(struct metrics_histogram){.name = "h", .bounds = falling, .n_bounds = 2}, &err));
	assert_null(metrics_histogram(m,
		&(struct metrics_histogram){.name = "h", .bounds = endless, .n_bounds = 2}, &err));
	assert_non_null(metrics_gauge(m, "g", "", NULL, &err));
	assert_null(metrics_counter(m, "g", "", NULL, &err));
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	for (int i = 1; i < METRICS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "m%d", i);
		assert_non_null(metrics_gauge(m, name, "", NULL, &err));
	}
	assert_null(metrics_gauge(m, "last", "", NULL, &err));
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	metrics_free(m);
	/* A metric that could not be made is used without harm. */
	metric_add(NULL, NULL, 1);
	metric_set(NULL, NULL, 1);
	metric_observe(NULL, NULL, 1);
	metric_forget(NULL, NULL);
	metrics_free(NULL);
}

struct shared {
	struct metrics *m;
	struct metric *c;
	struct metric *g;
};

static void *hammer(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < 1000; i++) {
		_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 16);
		char name[8];

		(void)snprintf(name, sizeof(name), "%d", i % 7);
		metric_add(s->c, (const char *[]){name}, 1);
		metric_set(s->g, NULL, i);
		if (i % 3 == 0) {
			metric_forget(s->g, NULL);
		}
		if (i % 50 == 0) {
			metrics_print(s->m, &sb);
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct err err = {0};
	struct shared s = {.m = metrics_new()};
	pthread_t threads[4];

	(void)state;
	s.c = metrics_counter(s.m, "c_total", "C.", one_label, &err);
	s.g = metrics_gauge(s.m, "g", "G.", NULL, &err);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &s), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	contains(s.m, "c_total{target=\"5\"} 572\n"); /* 4 x 143 */
	metrics_free(s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter_and_gauge),
		cmocka_unit_test(test_label_values),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_bounded_series),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
