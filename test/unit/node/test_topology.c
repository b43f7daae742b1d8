/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node is: the flag, the lines of the file that fit its name, and what is wrong in them.
 */
#include "node/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define KEY(name) "x.dev/" name

struct rig {
	char path[64];
	struct node_flags flags;
	struct csi_segment segment;
	struct err err;
};

/* Read @flag and, unless it is NULL, a file of @text for node "rack1-n2". */
static int read_both(struct rig *rig, const char *flag, const char *text)
{
	int result;

	*rig = (struct rig){.path = "/tmp/nvmetcp-topology-XXXXXX",
		.flags = {.node_name = "rack1-n2", .topology = flag, .topology_file = ""},
		.segment = {.arena = arena_new(TOPOLOGY_ARENA_MAX), .driver = "x.dev"}};
	if (text) {
		int fd = mkstemp(rig->path);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		assert_int_equal(close(fd), 0);
		rig->flags.topology_file = rig->path;
	}
	result = topology_read(&rig->flags, &rig->segment, &rig->err);
	if (text) {
		assert_int_equal(unlink(rig->path), 0);
	}
	return result;
}

static void taken(struct rig *rig, const char *flag, const char *text, size_t n)
{
	if (read_both(rig, flag, text) < 0) {
		fail_msg("%s", rig->err.msg);
	}
	assert_int_equal(rig->segment.n, n);
}

static const char *value(const struct rig *rig, const char *key)
{
	return kv_get(csi_segment_list(&rig->segment), key);
}

static void refused(const char *flag, const char *text, const char *where, const char *word)
{
	struct rig rig;

	assert_int_equal(read_both(&rig, flag, text), -1);
	assert_int_equal(rig.err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(rig.err.msg, where) || !strstr(rig.err.msg, word)) {
		fail_msg("neither \"%s\" nor \"%s\" in: %s", where, word, rig.err.msg);
	}
	arena_free(rig.segment.arena);
}

static void nothing_said(void **state UNUSED)
{
	struct rig rig;

	taken(&rig, "", NULL, 0);
	assert_false(topology_is_on(&rig.flags));
	arena_free(rig.segment.arena);
}

static void the_flag(void **state UNUSED)
{
	struct rig rig;

	taken(&rig, "zone=a,topology.kubernetes.io/zone=eu", NULL, 2);
	assert_string_equal(value(&rig, KEY("zone")), "a");
	assert_string_equal(value(&rig, "topology.kubernetes.io/zone"), "eu");
	assert_true(topology_is_on(&rig.flags));
	arena_free(rig.segment.arena);
}

static void lines_that_fit(void **state UNUSED)
{
	struct rig rig;

	taken(&rig, "",
		"# who is where\n"
		"\n"
		"rack2-*\tzone=b\n"
		"  rack1-*   zone=a  # the old hall\n"
		"rack1-n[2-4] fabric=blue\r\n"
		"rack1-n zone=c\n"
		"*-n2 pod=2",
		3);
	assert_string_equal(value(&rig, KEY("zone")), "a");
	assert_string_equal(value(&rig, KEY("fabric")), "blue");
	assert_string_equal(value(&rig, KEY("pod")), "2");
	arena_free(rig.segment.arena);
	/* A node that no line fits is nowhere, and topology is on all the same. */
	taken(&rig, "", "other zone=a\n", 0);
	assert_true(topology_is_on(&rig.flags));
	arena_free(rig.segment.arena);
	taken(&rig, "rack=7", "* zone=a", 2);
	arena_free(rig.segment.arena);
}

static void wrong_ones(void **state UNUSED)
{
	refused("zone", NULL, "--topology", "KEY=VALUE");
	refused("", "rack1-*\n", "line 1", "one word");
	refused("", "\n* zone=a rack=7\n", "line 2", "one word");
	refused("", "* zone=a\n\n* zo!ne=a\n", "line 3", "topology key");
	refused("", "* zone=a\nrack1-* zone=b\n", "line 2", "given twice");
	refused("zone=a", "* zone=a", "line 1", "given twice");
}

static void no_file(void **state UNUSED)
{
	struct rig rig = {.flags = {.node_name = "n", .topology = "", .topology_file = "/no/file"},
		.segment = {.arena = arena_new(TOPOLOGY_ARENA_MAX), .driver = "x.dev"}};

	assert_int_equal(topology_read(&rig.flags, &rig.segment, &rig.err), -1);
	assert_int_equal(rig.err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(rig.err.msg, "--topology-file"));
	assert_non_null(strstr(rig.err.msg, "/no/file"));
	arena_free(rig.segment.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said),
		cmocka_unit_test(the_flag),
		cmocka_unit_test(lines_that_fit),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
