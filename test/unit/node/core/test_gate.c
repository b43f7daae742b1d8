/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P7: a target that does not answer holds a few operations, a good one as many as there are.
 */
#include "node/core/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct portal portal_of(unsigned i)
{
	struct portal portal;
	char text[64];

	(void)snprintf(text, sizeof(text), "10.0.%u.%u:4420", i / 250, i % 250 + 1);
	assert_int_equal(portal_parse("p", text, &portal, NULL), 0);
	return portal;
}

/* How many may be inside at once? They are left inside. */
static unsigned fill(struct gate *gate, const struct portal *portal)
{
	struct err err = {0};
	unsigned n = 0;

	while (n < 1000 && gate_enter(gate, portal, &err) == 0) {
		n++;
	}
	if (n < 1000) {
		assert_int_equal(err.code, ERR_UNAVAILABLE);
	}
	return n;
}

static void empty(struct gate *gate, const struct portal *portal, unsigned n, bool answered)
{
	for (unsigned i = 0; i < n; i++) {
		gate_leave(gate, portal, answered);
	}
}

static void the_limit_follows_the_last_answer(void **state)
{
	struct gate *gate = gate_new();
	struct portal one = portal_of(1);
	struct portal two = portal_of(2);

	(void)state;
	assert_int_equal(fill(gate, &one), 1000);
	empty(gate, &one, 1000, false);
	assert_int_equal(fill(gate, &one), GATE_BAD);
	/* Another target is another bulkhead. */
	assert_int_equal(fill(gate, &two), 1000);
	gate_leave(gate, &one, true);
	assert_int_equal(fill(gate, &one), 1000);
	empty(gate, &one, 1000 + GATE_BAD - 1, true);
	empty(gate, &two, 1000, true);
	gate_free(gate);
	gate_free(NULL);
}

static void the_oldest_unused_target_is_forgotten(void **state)
{
	struct gate *gate = gate_new();
	struct portal more = portal_of(GATE_TARGETS_MAX);
	struct err err = {0};

	(void)state;
	for (unsigned i = 0; i < GATE_TARGETS_MAX; i++) {
		struct portal portal = portal_of(i);
		assert_int_equal(gate_enter(gate, &portal, &err), 0);
	}
	/* Somebody is at every one of them. */
	assert_int_equal(gate_enter(gate, &more, &err), -1);
	struct portal zero = portal_of(0);
	struct portal seven = portal_of(7);
	gate_leave(gate, &seven, false);
	gate_leave(gate, &zero, false);
	assert_int_equal(gate_enter(gate, &more, &err), 0);
	/* It took the place of the one entered first; the other is still known as bad. */
	assert_int_equal(fill(gate, &seven), GATE_BAD);
	assert_int_equal(gate_enter(gate, &zero, &err), -1);
	gate_free(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_follows_the_last_answer),
		cmocka_unit_test(the_oldest_unused_target_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
