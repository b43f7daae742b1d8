/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry. One lock for all: a metric is a handful of additions, and the printer copies
 * nothing but text. Functions of the caller (gauge_fn) run without the lock.
 */
#include "common/metrics/metrics.h"

#include "common/base/parse.h"

#include <math.h>
#include <pthread.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* One combination of label values. text is what stands between the braces. */
struct series {
	struct series *next;
	char *text;
	double value; /* sum for a histogram */
	uint64_t count;
	uint64_t buckets[];
};

struct metric {
	struct metrics *owner;
	enum metric_type type;
	char *name;
	char *help;
	char *labels[METRICS_LABELS_MAX];
	size_t n_labels;
	double *bounds;
	size_t n_bounds;
	double (*fn)(void *arg);
	void *arg;
	struct series *first;
	struct series *last;
	size_t n_series;
	uint64_t dropped;
};

struct metrics {
	pthread_mutex_t lock;
	struct metric *list[METRICS_MAX];
	size_t n;
};

/** Longest text between the braces. */
#define SERIES_TEXT_MAX ((size_t)METRICS_LABELS_MAX * (METRICS_VALUE_MAX * 2 + 128))

static const char *const type_names[] = {"counter", "gauge", "histogram"};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics && pthread_mutex_init(&metrics->lock, NULL) != 0) {
		free(metrics);
		return NULL;
	}
	return metrics;
}

static void series_free(struct series *series)
{
	if (series) {
		free(series->text);
		free(series);
	}
}

static void metric_free(struct metric *metric)
{
	struct series *next;

	if (!metric) {
		return;
	}
	for (struct series *s = metric->first; s; s = next) {
		next = s->next;
		series_free(s);
	}
	for (size_t i = 0; i < metric->n_labels; i++) {
		free(metric->labels[i]);
	}
	free(metric->bounds);
	free(metric->name);
	free(metric->help);
	free(metric);
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics) {
		return;
	}
	for (size_t i = 0; i < metrics->n; i++) {
		metric_free(metrics->list[i]);
	}
	(void)pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* [a-zA-Z_][a-zA-Z0-9_]*, for metrics ':' as well. */
static bool name_valid(const char *name, bool colon)
{
	for (size_t i = 0; name[i]; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			      (colon && c == ':');

		if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
			return false;
		}
	}
	return *name != '\0';
}

static bool label_valid(const char *label, enum metric_type type)
{
	/* Names with "__" are Prometheus' own; "le" is the histogram's. */
	return name_valid(label, false) && strncmp(label, "__", 2) != 0 &&
	       !(type == METRIC_HISTOGRAM && streq(label, "le"));
}

static int check_labels(
	const char *name, const char *const *labels, enum metric_type type, struct err *err)
{
	for (size_t i = 0; labels && labels[i]; i++) {
		if (i >= METRICS_LABELS_MAX) {
			return err_set(err, ERR_INVALID_ARGUMENT, "metric %s: more than %d labels",
				name, METRICS_LABELS_MAX);
		}
		if (!label_valid(labels[i], type)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"metric %s: \"%s\" is not a label's name", name, labels[i]);
		}
	}
	return 0;
}

static int check_bounds(const struct metrics_histogram *what, struct err *err)
{
	if (what->n_bounds > METRICS_BUCKETS_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "metric %s: more than %d buckets",
			what->name, METRICS_BUCKETS_MAX);
	}
	for (size_t i = 0; i < what->n_bounds; i++) {
		if (!isfinite(what->bounds[i]) ||
			(i > 0 && what->bounds[i] <= what->bounds[i - 1])) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"metric %s: the bounds of its buckets must rise", what->name);
		}
	}
	return 0;
}

static bool fill(struct metric *metric, const struct metrics_histogram *what)
{
	metric->name = strdup(what->name);
	metric->help = strdup(what->help ? what->help : "");
	for (size_t i = 0; what->labels && what->labels[i]; i++) {
		metric->labels[i] = strdup(what->labels[i]);
		metric->n_labels = i + 1;
		if (!metric->labels[i]) {
			return false;
		}
	}
	if (what->n_bounds > 0) {
		metric->bounds = calloc(what->n_bounds, sizeof(*metric->bounds));
		if (!metric->bounds) {
			return false;
		}
		memcpy(metric->bounds, what->bounds, what->n_bounds * sizeof(*metric->bounds));
		metric->n_bounds = what->n_bounds;
	}
	return metric->name && metric->help;
}

/* Under the lock. */
static int enlist(struct metrics *metrics, struct metric *metric, struct err *err)
{
	for (size_t i = 0; i < metrics->n; i++) {
		if (streq(metrics->list[i]->name, metric->name)) {
			return err_set(
				err, ERR_ALREADY_EXISTS, "metric %s: is made twice", metric->name);
		}
	}
	if (metrics->n == METRICS_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "metric %s: there are %d already",
			metric->name, METRICS_MAX);
	}
	metrics->list[metrics->n++] = metric;
	return 0;
}

static struct metric *make(struct metrics *metrics, enum metric_type type,
	const struct metrics_histogram *what, struct err *err)
{
	struct metric *metric;
	int rc;

	if (!name_valid(what->name, true)) {
		(void)err_set(err, ERR_INVALID_ARGUMENT, "metric \"%s\": is not a metric's name",
			what->name);
		return NULL;
	}
	if (check_labels(what->name, what->labels, type, err) < 0 || check_bounds(what, err) < 0) {
		return NULL;
	}
	metric = calloc(1, sizeof(*metric));
	if (!metric || !fill(metric, what)) {
		metric_free(metric);
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "metric %s: out of memory", what->name);
		return NULL;
	}
	metric->owner = metrics;
	metric->type = type;
	(void)pthread_mutex_lock(&metrics->lock);
	rc = enlist(metrics, metric, err);
	(void)pthread_mutex_unlock(&metrics->lock);
	if (rc < 0) {
		metric_free(metric);
		return NULL;
	}
	return metric;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
	const char *const *labels, struct err *err)
{
	struct metrics_histogram what = {.name = name, .help = help, .labels = labels};

	return make(metrics, METRIC_COUNTER, &what, err);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
	const char *const *labels, struct err *err)
{
	struct metrics_histogram what = {.name = name, .help = help, .labels = labels};

	return make(metrics, METRIC_GAUGE, &what, err);
}

static struct metric *make_fn(struct metrics *metrics, enum metric_type type,
	struct metrics_histogram *what, double (*fn)(void *arg), void *arg, struct err *err)
{
	struct metric *metric = make(metrics, type, what, err);

	if (metric) {
		(void)pthread_mutex_lock(&metrics->lock);
		metric->fn = fn;
		metric->arg = arg;
		(void)pthread_mutex_unlock(&metrics->lock);
	}
	return metric;
}

struct metric *metrics_gauge_fn(struct metrics *metrics, const char *name, const char *help,
	double (*fn)(void *arg), void *arg, struct err *err)
{
	struct metrics_histogram what = {.name = name, .help = help};

	return make_fn(metrics, METRIC_GAUGE, &what, fn, arg, err);
}

struct metric *metrics_counter_fn(struct metrics *metrics, const char *name, const char *help,
	double (*fn)(void *arg), void *arg, struct err *err)
{
	struct metrics_histogram what = {.name = name, .help = help};

	return make_fn(metrics, METRIC_COUNTER, &what, fn, arg, err);
}

struct metric *metrics_histogram(
	struct metrics *metrics, const struct metrics_histogram *what, struct err *err)
{
	return make(metrics, METRIC_HISTOGRAM, what, err);
}

/* A label's value: backslash, quote and newline are escaped, and it is cut at a whole character. */
static void add_value(struct strbuf *sb, const char *value)
{
	size_t n = strnlen(value, METRICS_VALUE_MAX);
	char shown[METRICS_VALUE_MAX + 1];

	if (!utf8_valid(value, strlen(value))) {
		value = printable(value, shown, sizeof(shown));
		n = strlen(value);
	} else if (n == METRICS_VALUE_MAX) {
		while (n > 0 && ((unsigned char)value[n] & 0xc0) == 0x80) {
			n--;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (value[i] == '\n') {
			sb_add(sb, "\\n");
			continue;
		}
		if (value[i] == '\\' || value[i] == '"') {
			sb_addc(sb, '\\');
		}
		sb_addc(sb, value[i]);
	}
}

static void series_text(const struct metric *metric, const char *const *values, struct strbuf *sb)
{
	for (size_t i = 0; i < metric->n_labels; i++) {
		const char *value = values ? *values : NULL;

		sb_addf(sb, "%s%s=\"", i > 0 ? "," : "", metric->labels[i]);
		add_value(sb, value ? value : "");
		sb_addc(sb, '"');
		values = value ? values + 1 : NULL;
	}
}

/* Under the lock. */
static struct series *find(const struct metric *metric, const char *text)
{
	for (struct series *s = metric->first; s; s = s->next) {
		if (streq(s->text, text)) {
			return s;
		}
	}
	return NULL;
}

/* Under the lock; NULL when there is no room, which is counted. */
static struct series *find_or_make(struct metric *metric, const char *text)
{
	struct series *series = find(metric, text);

	if (series) {
		return series;
	}
	if (metric->n_series < METRICS_SERIES_MAX) {
		series = calloc(1, sizeof(*series) + metric->n_bounds * sizeof(series->buckets[0]));
	}
	if (series) {
		series->text = strdup(text);
	}
	if (!series || !series->text) {
		series_free(series);
		metric->dropped++;
		return NULL;
	}
	if (metric->last) {
		metric->last->next = series;
	} else {
		metric->first = series;
	}
	metric->last = series;
	metric->n_series++;
	return series;
}

static void add(struct metric *metric, struct series *series, double by)
{
	(void)metric;
	series->value += by;
}

static void set(struct metric *metric, struct series *series, double value)
{
	(void)metric;
	series->value = value;
}

static void observe(struct metric *metric, struct series *series, double value)
{
	for (size_t i = 0; i < metric->n_bounds; i++) {
		if (value <= metric->bounds[i]) {
			series->buckets[i]++;
			break;
		}
	}
	series->count++;
	series->value += value;
}

static void update(struct metric *metric, const char *const *values, double value,
	void (*fn)(struct metric *metric, struct series *series, double value))
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(SERIES_TEXT_MAX);
	struct series *series;

	series_text(metric, values, &sb);
	(void)pthread_mutex_lock(&metric->owner->lock);
	if (sb.failed) {
		metric->dropped++;
	} else {
		series = find_or_make(metric, sb_str(&sb));
		if (series) {
			fn(metric, series, value);
		}
	}
	(void)pthread_mutex_unlock(&metric->owner->lock);
}

void metric_add(struct metric *metric, const char *const *values, double by)
{
	bool falls = metric && metric->type == METRIC_COUNTER && by < 0;

	if (metric && metric->type != METRIC_HISTOGRAM && !falls) {
		update(metric, values, by, add);
	}
}

void metric_set(struct metric *metric, const char *const *values, double value)
{
	if (metric && metric->type == METRIC_GAUGE) {
		update(metric, values, value, set);
	}
}

void metric_observe(struct metric *metric, const char *const *values, double value)
{
	if (metric && metric->type == METRIC_HISTOGRAM && !isnan(value)) {
		update(metric, values, value, observe);
	}
}

void metric_forget(struct metric *metric, const char *const *values)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(SERIES_TEXT_MAX);
	struct series *before = NULL;

	if (!metric) {
		return;
	}
	series_text(metric, values, &sb);
	(void)pthread_mutex_lock(&metric->owner->lock);
	for (struct series *s = metric->first; s && !sb.failed; before = s, s = s->next) {
		if (!streq(s->text, sb_str(&sb))) {
			continue;
		}
		if (before) {
			before->next = s->next;
		} else {
			metric->first = s->next;
		}
		if (metric->last == s) {
			metric->last = before;
		}
		metric->n_series--;
		series_free(s);
		break;
	}
	(void)pthread_mutex_unlock(&metric->owner->lock);
}

/* Prometheus' spelling of a number. */
static void add_number(struct strbuf *sb, double value)
{
	if (isnan(value)) {
		sb_add(sb, "NaN");
	} else if (isinf(value)) {
		sb_add(sb, value > 0 ? "+Inf" : "-Inf");
	} else if (value == floor(value) && fabs(value) < 1e15) {
		sb_addf(sb, "%.0f", value);
	} else {
		sb_addf(sb, "%.15g", value);
	}
}

static void print_head(const char *name, const char *help, const char *type, struct strbuf *sb)
{
	sb_addf(sb, "# HELP %s ", name);
	for (const char *p = help; *p; p++) {
		if (*p == '\n') {
			sb_add(sb, "\\n");
		} else if (*p == '\\') {
			sb_add(sb, "\\\\");
		} else {
			sb_addc(sb, *p);
		}
	}
	sb_addf(sb, "\n# TYPE %s %s\n", name, type);
}

static void print_sample(const char *name, const char *labels, double value, struct strbuf *sb)
{
	sb_add(sb, name);
	if (*labels) {
		sb_addf(sb, "{%s}", labels);
	}
	sb_addc(sb, ' ');
	add_number(sb, value);
	sb_addc(sb, '\n');
}

static void print_histogram(const struct metric *metric, const struct series *s, struct strbuf *sb)
{
	const char *comma = *s->text ? "," : "";
	const char *open = *s->text ? "{" : "";
	const char *close = *s->text ? "}" : "";
	uint64_t below = 0;

	for (size_t i = 0; i < metric->n_bounds; i++) {
		below += s->buckets[i];
		sb_addf(sb, "%s_bucket{%s%sle=\"", metric->name, s->text, comma);
		add_number(sb, metric->bounds[i]);
		sb_addf(sb, "\"} %llu\n", (unsigned long long)below);
	}
	sb_addf(sb, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", metric->name, s->text, comma,
		(unsigned long long)s->count);
	sb_addf(sb, "%s_sum%s%s%s ", metric->name, open, s->text, close);
	add_number(sb, s->value);
	sb_addf(sb, "\n%s_count%s%s%s %llu\n", metric->name, open, s->text, close,
		(unsigned long long)s->count);
}

/* Under the lock. */
static void print_metric(const struct metric *metric, struct strbuf *sb)
{
	print_head(metric->name, metric->help, type_names[metric->type], sb);
	for (const struct series *s = metric->first; s; s = s->next) {
		if (metric->type == METRIC_HISTOGRAM) {
			print_histogram(metric, s, sb);
		} else {
			print_sample(metric->name, s->text, s->value, sb);
		}
	}
}

/* Under the lock. */
static void print_dropped(const struct metrics *metrics, struct strbuf *sb)
{
	bool head = false;

	for (size_t i = 0; i < metrics->n; i++) {
		const struct metric *metric = metrics->list[i];

		if (metric->dropped == 0) {
			continue;
		}
		if (!head) {
			print_head("nvmetcp_metrics_dropped_total",
				"Changes of metrics that were dropped, as there were too many combinations of labels.",
				"counter", sb);
			head = true;
		}
		sb_addf(sb, "nvmetcp_metrics_dropped_total{metric=\"%s\"} %llu\n", metric->name,
			(unsigned long long)metric->dropped);
	}
}

void metrics_print(struct metrics *metrics, struct strbuf *sb)
{
	size_t n;

	(void)pthread_mutex_lock(&metrics->lock);
	n = metrics->n;
	(void)pthread_mutex_unlock(&metrics->lock);
	/* Metrics are only ever added, so the first n stay valid without the lock. */
	for (size_t i = 0; i < n; i++) {
		struct metric *metric;
		double (*fn)(void *arg);
		void *arg;

		(void)pthread_mutex_lock(&metrics->lock);
		metric = metrics->list[i];
		fn = metric->fn;
		arg = metric->arg;
		if (!fn) {
			print_metric(metric, sb);
		}
		(void)pthread_mutex_unlock(&metrics->lock);
		if (fn) {
			print_head(metric->name, metric->help, type_names[metric->type], sb);
			print_sample(metric->name, "", fn(arg), sb);
		}
	}
	(void)pthread_mutex_lock(&metrics->lock);
	print_dropped(metrics, sb);
	(void)pthread_mutex_unlock(&metrics->lock);
}
