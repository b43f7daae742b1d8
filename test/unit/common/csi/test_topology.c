/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology segments: what is taken, how it is named then, and each thing that is refused.
 */
#include "common/csi/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define W63 "a23456789-123456789-123456789-123456789-123456789-123456789-12z"

static struct csi_segment fresh(size_t room)
{
	return (struct csi_segment){.arena = arena_new(room), .driver = "x.example.org"};
}

static void taken(const char *text, const char *key, const char *value)
{
	struct csi_segment segment = fresh(MIB);
	const char *found;
	struct err err = {0};

	if (csi_segment_parse(&segment, "--topology", text, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	found = kv_get(csi_segment_list(&segment), key);
	assert_non_null(found);
	assert_string_equal(found, value);
	arena_free(segment.arena);
}

static void refused(const char *text, const char *word)
{
	struct csi_segment segment = fresh(MIB);
	struct err err = {0};

	if (csi_segment_parse(&segment, "--topology", text, &err) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (strncmp(err.msg, "--topology: ", 12) != 0 || !strstr(err.msg, word)) {
		fail_msg("no \"%s\" in: %s", word, err.msg);
	}
	arena_free(segment.arena);
}

static void names(void **state UNUSED)
{
	taken("zone=a", "x.example.org/zone", "a");
	taken("zone=a,rack=7", "x.example.org/rack", "7");
	taken("topology.kubernetes.io/zone=eu-1a", "topology.kubernetes.io/zone", "eu-1a");
	taken("Zone_1.x=A_b.c-D", "x.example.org/Zone_1.x", "A_b.c-D");
	taken(W63 "/" W63 "=" W63, W63 "/" W63, W63);
}

static void what_has_no_value_is_left_out(void **state UNUSED)
{
	struct csi_segment segment = fresh(MIB);
	struct err err = {0};

	assert_int_equal(csi_segment_parse(&segment, "f", "zone=,rack=7", &err), 0);
	assert_int_equal(segment.n, 1);
	assert_string_equal(segment.items[0].key, "x.example.org/rack");
	arena_free(segment.arena);
}

static void wrong_ones(void **state UNUSED)
{
	refused("", "KEY=VALUE");
	refused("zone", "KEY=VALUE");
	refused("zone=a,", "KEY=VALUE");
	refused("=a", "topology key");
	refused("-zone=a", "topology key");
	refused("zone.=a", "topology key");
	refused("zo ne=a", "topology key");
	refused("/zone=a", "topology key");
	refused("x.y/=a", "topology key");
	refused("X.y/zone=a", "topology key");
	refused("x..y/zone=a", "topology key");
	refused("x_y/zone=a", "topology key");
	refused("x/y/zone=a", "topology key");
	refused(W63 "a=a", "topology key");
	refused(W63 "a/zone=a", "topology key");
	refused("zone=\xc3\xa4", "topology value");
	refused("zone=a b", "topology value");
	refused("zone=-a", "topology value");
	refused("zone=a=b", "topology value");
	refused("zone=" W63 "a", "topology value");
	refused("zone=a,zone=b", "given twice");
	refused("zone=a,Zone=a", "given twice");
	refused("zone=a,x.example.org/zone=a", "given twice");
	refused("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1", "more than 8 keys");
}

static void without_memory(void **state UNUSED)
{
	for (size_t room = 0; room < 24; room++) {
		struct csi_segment segment = fresh(room);
		struct err err = {0};

		assert_int_equal(csi_segment_parse(&segment, "f", "zone=a", &err), -1);
		assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
		arena_free(segment.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(what_has_no_value_is_left_out),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
