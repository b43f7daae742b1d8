/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit: each difference between a backend and a cluster is found once, by name, and only what
 * two audits found is mended.
 */
#include "controller/audit/repair.h"
#include "controller/audit/report.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define DRIVER "nvmetcp.csi.dev"
#define PV(name, driver, handle, mode)                                                             \
	"{\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":\"" name                            \
	"\"},\"spec\":{\"accessModes\":[\"" mode "\"],\"csi\":{\"driver\":\"" driver               \
	"\",\"volumeHandle\":\"" handle "\"}}}"
#define VA(pv, notes, attached)                                                                    \
	"{\"kind\":\"VolumeAttachment\",\"metadata\":{\"name\":\"x\"" notes                        \
	"},\"spec\":{\"attacher\":\"" DRIVER "\",\"nodeName\":\"n\",\"source\":{"                  \
	"\"persistentVolumeName\":\"" pv "\"}},\"status\":{\"attached\":" attached "}}"
#define NODE_ID(id) ",\"annotations\":{\"csi.alpha.kubernetes.io/node-id\":\"" id "\"}"
#define LIST(items) "{\"kind\":\"List\",\"items\":[" items "]}"

/* A volume of "a", under an id that the listings of this file know. */
#define ID(digit) BENCH_INSTANCE "-v-0000000000000000000000000000000" digit

static void put(struct bench *bench, const char *object, const char *host)
{
	for (size_t i = 0; i < TINY_MAX; i++) {
		struct tiny_volume *v = &bench->a->volumes[i];

		if (!v->used) {
			v->used = true;
			v->size = GIB;
			(void)snprintf(v->object, sizeof(v->object), "%s", object);
			if (host) {
				tiny_add_host(v, host);
			}
			return;
		}
	}
	fail();
}

static struct cluster parse(struct bench *bench, const char *text)
{
	struct cluster cluster = {0};

	if (cluster_add(&cluster, "listing", text, strlen(text), DRIVER, NULL, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return cluster;
}

/* What an audit with the listing @text finds, as "kind volume node pv" lines. */
static void expect(struct bench *bench, const char *text, const char *const *lines, size_t n)
{
	_cleanup_cluster_ struct cluster cluster = parse(bench, text);
	struct findings findings;
	char line[512];

	if (audit_compare(bench->core, &bench->op, &cluster, &findings, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	for (size_t i = 0; i < findings.n && i < n; i++) {
		(void)snprintf(line, sizeof(line), "%s %s %s %s",
			finding_kinds[findings.list[i].kind], findings.list[i].volume,
			findings.list[i].node, findings.list[i].pv);
		assert_string_equal(line, lines[i]);
	}
	assert_int_equal(findings.n, n);
}

#define EXPECT(bench, text, ...)                                                                   \
	expect(bench, text, (const char *const[]){__VA_ARGS__},                                    \
		ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void both_sides_agree(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, false);
	put(&bench, ID("1"), NODE_1);
	put(&bench, ID("2"), NULL);
	/* Another driver's, an alias, one not yet attached, two names for one volume. */
	expect(&bench,
		LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce") "," PV(
			"p2", DRIVER, "old-a/" ID("2"), "ReadWriteOnce") "," PV("p3", DRIVER,
			"a/" ID("2"), "ReadWriteOnce") "," PV("p4", "other.csi", "a/" ID("7"),
			"ReadWriteOnce") "," VA("p1", NODE_ID(NODE_1), "true") "," VA("p2",
			NODE_ID(NODE_2), "false")),
		NULL, 0);
	bench_stop(&bench);
}

static void each_difference_is_found(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, false);
	put(&bench, ID("1"), NODE_2);
	put(&bench, ID("2"), NODE_1);
	put(&bench, ID("3"), NULL);
	EXPECT(&bench,
		LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce") "," PV(
			"p2", DRIVER, "a/" ID("2"), "ReadWriteMany") "," PV("p4", DRIVER,
			"a/" ID("4"), "ReadWriteOnce") "," PV("p5", DRIVER, "gone/" ID("5"),
			"ReadWriteOnce") "," VA("p1", NODE_ID(NODE_1), "true") "," VA("p2",
			NODE_ID(NODE_1), "true")),
		"missing-volume a/" ID("4") "  p4", "no-backend gone/" ID("5") "  p5",
		"missing-grant a/" ID("1") " " NODE_1 " p1",
		"leaked-grant a/" ID("1") " " NODE_2 " p1", "leaked-volume a/" ID("3") "  ");
	/* One that the attacher has not begun with may be the node's. */
	EXPECT(&bench,
		LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce") "," VA("p1", "", "false")),
		"leaked-grant a/" ID("2") " " NODE_1 " ", "leaked-volume a/" ID("2") "  ",
		"leaked-volume a/" ID("3") "  ");
	bench_stop(&bench);
}

static void a_backend_that_does_not_answer_proves_nothing(void **state UNUSED)
{
	struct bench bench;
	struct cluster cluster;
	struct findings findings;

	bench_start(&bench, false);
	cluster = parse(&bench, LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce")));
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	assert_int_equal(audit_compare(bench.core, &bench.op, &cluster, &findings, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	cluster_done(&cluster);
	bench_stop(&bench);
}

static void static_volumes_are_left_out(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, false);
	bench.a->features.foreign = true;
	expect(&bench, LIST(PV("p1", DRIVER, "a/any.name", "ReadWriteOnce")), NULL, 0);
	bench_stop(&bench);
}

static const char *const not_listings[] = {"", "[]", "{}", "{\"items\":{}}", "{\"items\":[7]}",
	"{\"items\":[{}]}", LIST("{\"kind\":\"PersistentVolume\"}"),
	LIST("{\"kind\":\"VolumeAttachment\",\"spec\":{}}"),
	LIST("{\"kind\":\"PersistentVolume\",\"metadata\":{},\"spec\":{\"csi\":{\"driver\":\"" DRIVER
	     "\"}}}")};

static void what_is_no_listing_is_refused(void **state UNUSED)
{
	struct cluster cluster;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(not_listings); i++) {
		cluster = (struct cluster){0};
		err = (struct err){0};
		if (cluster_add(&cluster, "listing", not_listings[i], strlen(not_listings[i]),
			    DRIVER, NULL, &err) == 0) {
			fail_msg("taken: %s", not_listings[i]);
		}
		cluster_done(&cluster);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
}

/* --- repair --- */

static int repair(
	struct bench *bench, const char *text, const struct findings *earlier, struct repaired *ret)
{
	_cleanup_cluster_ struct cluster cluster = parse(bench, text);
	struct findings now;
	FILE *nowhere = fopen("/dev/null", "w");
	int rc;

	assert_non_null(nowhere);
	bench->err = (struct err){0};
	assert_int_equal(audit_compare(bench->core, &bench->op, &cluster, &now, &bench->err), 0);
	rc = audit_repair(bench->core, &bench->op,
		&(struct repair){.cluster = &cluster,
			.now = &now,
			.earlier = earlier ? earlier : &now,
			.out = nowhere},
		ret, &bench->err);
	(void)fclose(nowhere);
	return rc;
}

#define LEAKING                                                                                    \
	LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce") "," VA("p9", NODE_ID(NODE_1), "true"))

static void only_what_two_audits_found_is_fenced(void **state UNUSED)
{
	struct bench bench;
	struct repaired done;
	struct findings none = {0};

	bench_start(&bench, false);
	put(&bench, ID("1"), NODE_2);
	assert_int_equal(repair(&bench, LEAKING, &none, &done), 0);
	assert_int_equal(done.fenced, 0);
	assert_int_equal(done.left, 1);
	assert_int_equal(bench.a->calls[TINY_REVOKE], 0);
	assert_int_equal(repair(&bench, LEAKING, NULL, &done), 0);
	assert_int_equal(done.fenced, 1);
	assert_int_equal(tiny_volume(bench.a, ID("1"))->n_hosts, 0);
	bench_stop(&bench);
}

static void a_listing_without_a_kind_mends_nothing(void **state UNUSED)
{
	struct bench bench;
	struct repaired done;

	bench_start(&bench, false);
	put(&bench, ID("1"), NODE_2);
	assert_int_equal(
		repair(&bench, LIST(PV("p1", DRIVER, "a/" ID("1"), "ReadWriteOnce")), NULL, &done),
		-1);
	assert_non_null(strstr(bench.err.msg, "VolumeAttachment"));
	assert_int_equal(repair(&bench, LIST(VA("p1", NODE_ID(NODE_1), "true")), NULL, &done), -1);
	assert_non_null(strstr(bench.err.msg, "PersistentVolume"));
	assert_int_equal(bench.a->calls[TINY_REVOKE], 0);
	bench_stop(&bench);
}

static void a_backend_for_one_writer_is_left_to_the_plugin(void **state UNUSED)
{
	struct bench bench;
	struct repaired done;

	bench_start(&bench, false);
	bench.a->features.two_writers = false;
	put(&bench, ID("1"), NODE_2);
	assert_int_equal(repair(&bench, LEAKING, NULL, &done), 0);
	assert_int_equal(done.left, 1);
	assert_int_equal(bench.a->calls[TINY_REVOKE], 0);
	bench_stop(&bench);
}

static void a_report_is_read_as_it_was_written(void **state UNUSED)
{
	struct finding two[] = {
		{.kind = FOUND_LEAKED_GRANT, .volume = "a/1", .node = NODE_1, .pv = "p"},
		{.kind = FOUND_LEAKED_VOLUME, .volume = "a/2", .node = "", .pv = ""}};
	const struct findings wrote = {.list = two, .n = ARRAY_SIZE(two)};
	struct arena *arena = arena_new(65536);
	char path[] = "/tmp/nv-report-XXXXXX";
	int fd = mkstemp(path);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	struct findings read;
	struct err err = {0};

	assert_non_null(out);
	assert_int_equal(report_json(out, &wrote, &err), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(report_read(path, arena, &read, &err), 0);
	assert_int_equal(read.n, 2);
	for (size_t i = 0; i < read.n; i++) {
		assert_true(findings_have(&read, &two[i]));
	}
	assert_int_equal(report_read("{\"findings\":[]}", arena, &read, &err), 0);
	assert_int_equal(read.n, 0);
	assert_int_equal(report_read("{\"findings\":7}", arena, &read, &err), -1);
	assert_int_equal(report_read(path, arena, &read, &err), 0);
	two[0].node = NODE_2;
	assert_false(findings_have(&read, &two[0]));
	(void)unlink(path);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree),
		cmocka_unit_test(each_difference_is_found),
		cmocka_unit_test(a_backend_that_does_not_answer_proves_nothing),
		cmocka_unit_test(static_volumes_are_left_out),
		cmocka_unit_test(what_is_no_listing_is_refused),
		cmocka_unit_test(only_what_two_audits_found_is_fenced),
		cmocka_unit_test(a_listing_without_a_kind_mends_nothing),
		cmocka_unit_test(a_backend_for_one_writer_is_left_to_the_plugin),
		cmocka_unit_test(a_report_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
