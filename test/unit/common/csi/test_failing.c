/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids, maps and segments of requests without memory.
 */
#include "common/csi/ids.h"
#include "common/csi/kvmap.h"
#include "common/csi/topology.h"
#include "proto/csi.pb-c.h"
#include "test/failing/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_MAX 65536

typedef Csi__V1__CreateVolumeRequest__ParametersEntry entry;

/* From the wire to a list and back, with the id that is in it. */
static int take_apart(void *arg, struct err *err)
{
	entry one = CSI__V1__CREATE_VOLUME_REQUEST__PARAMETERS_ENTRY__INIT;
	entry *entries[] = {&one};
	struct arena *arena = arena_new(ARENA_MAX);
	struct kv_list list;
	struct csi_id id;
	size_t n = 0;
	int rc = -1;

	(void)arg;
	one.key = (char *)"id";
	one.value = (char *)"fast/prod-v-1";
	if (!arena) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no arena");
	}
	if (csi_map_read(arena, "parameters", 1, entries, &list, err) == 0) {
		assert_int_equal(csi_id_parse("volume", kv_get(list, "id"), &id, NULL), 0);
		assert_string_equal(id.object, "prod-v-1");
		rc = csi_map_make(arena, one.base.descriptor, list, &n, err) ? 0 : -1;
		assert_int_equal(n, rc == 0 ? 1 : 0);
	}
	arena_free(arena);
	return rc;
}

static void maps(void **state)
{
	const struct failing_job job = {.run = take_apart};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) >= 2);
}

static int segment(void *arg, struct err *err)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct csi_segment got = {.arena = arena, .driver = "nvmetcp.csi.dev"};
	int rc = arena ? csi_segment_parse(&got, "field", "zone=a,example.com/rack=7", err)
		       : err_set(err, ERR_RESOURCE_EXHAUSTED, "no arena");

	(void)arg;
	assert_true(rc < 0 || got.n == 2);
	arena_free(arena);
	return rc;
}

/* Never a segment with a key less: a volume would then be made where nobody reaches it. */
static void segments(void **state)
{
	const struct failing_job job = {.run = segment, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps),
		cmocka_unit_test(segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
