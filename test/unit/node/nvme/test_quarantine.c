/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P7: a portal that failed in the kernel is left alone, longer each time, and forgiven at once.
 */
#include "node/nvme/portal_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct portal portal_number(unsigned n)
{
	struct portal portal = {.port = 4420};

	(void)snprintf(portal.addr, sizeof(portal.addr), "10.0.0.%u", n);
	return portal;
}

static void test_doubles_up_to_the_longest(void **state)
{
	struct quarantine *q;
	struct err err = {0};
	struct portal bad = portal_number(1);
	struct portal good = portal_number(2);
	int64_t now = 5000;
	int64_t expect = QUARANTINE_FIRST_MS;

	(void)state;
	assert_int_equal(quarantine_new(4, &q, &err), 0);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(quarantine_left_ms(q, &bad, now), 0);
		assert_int_equal(quarantine_failed(q, &bad, now), expect);
		assert_int_equal(quarantine_left_ms(q, &bad, now), expect);
		assert_int_equal(quarantine_left_ms(q, &bad, now + expect - 1), 1);
		assert_int_equal(quarantine_left_ms(q, &good, now), 0);
		now += expect;
		expect = MIN(expect * 2, (int64_t)QUARANTINE_LONGEST_MS);
	}
	(void)quarantine_failed(q, &bad, now);
	quarantine_worked(q, &bad);
	assert_int_equal(quarantine_left_ms(q, &bad, now), 0);
	assert_int_equal(quarantine_failed(q, &bad, now), QUARANTINE_FIRST_MS);
	quarantine_worked(q, &good);
	quarantine_free(q);
	quarantine_free(NULL);
}

static void test_full(void **state)
{
	struct quarantine *q;
	struct err err = {0};

	(void)state;
	assert_int_equal(quarantine_new(0, &q, &err), -1);
	assert_int_equal(quarantine_new(3, &q, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct portal portal = portal_number(i);
		(void)quarantine_failed(q, &portal, 100 - (int64_t)i);
	}
	/* The one that is free soonest makes room. */
	struct portal more = portal_number(9);
	(void)quarantine_failed(q, &more, 200);
	for (unsigned i = 0; i < 3; i++) {
		struct portal portal = portal_number(i);
		assert_int_equal(quarantine_left_ms(q, &portal, 200) > 0, i != 2);
	}
	assert_true(quarantine_left_ms(q, &more, 200) > 0);
	quarantine_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_longest),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
