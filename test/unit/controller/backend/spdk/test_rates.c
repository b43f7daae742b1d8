/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of rates in names: what can be kept comes back as it was, what cannot is refused.
 */
#include "controller/backend/spdk/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t note_of(struct be_rates rates)
{
	struct err err = {0};
	uint64_t note = UINT64_MAX;

	if (spdk_rates_note(&rates, &note, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	return note;
}

static void what_can_be_kept_comes_back(void **state UNUSED)
{
	static const struct be_rates kept[] = {{{0, 0, 0, 0}}, {{1000, 0, 0, 0}}, {{0, 1, 0, 0}},
		{{0, 0, 9, 10}}, {{9000, 10, 99, 100}}, {{10000, 110, 990, 1000}},
		{{25000, 250, 9900, 10000}}, {{1500000, 0, 0, 12000}},
		{{99000000, 99000, 99000, 99000}}};

	assert_int_equal(note_of(kept[0]), 0); /* names without limits are what they were */
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		uint64_t note = note_of(kept[i]);
		struct be_rates back = spdk_rates_of(note);

		assert_int_equal(note >> OBJNAME_NOTE_BITS, 0);
		assert_memory_equal(&back, &kept[i], sizeof(back));
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(note, note_of(kept[k]));
		}
	}
}

static void every_code_is_one_value(void **state UNUSED)
{
	int64_t last = -1;

	/* Of the last of the four, so the notes are the codes. */
	for (uint64_t note = 0; note < 370; note++) {
		struct be_rates rates = spdk_rates_of(note);

		assert_true(rates.of[BE_RATE_W_MBYTES] > last);
		last = rates.of[BE_RATE_W_MBYTES];
		assert_int_equal(note_of(rates), note);
	}
	assert_int_equal(last, 99000);
}

static void what_cannot_be_kept_is_refused(void **state UNUSED)
{
	static const struct {
		struct be_rates rates;
		const char *text;
	} bad[] = {
		{{{12345, 0, 0, 0}}, "qosRwIops: 12345 cannot be kept"},
		{{{12345, 0, 0, 0}}, "use 12000 or 13000"},
		{{{500, 0, 0, 0}}, "use 1000 or more"},
		{{{99500, 0, 0, 0}}, "use 99000 or 100000"},
		{{{0, 101, 0, 0}}, "qosRwMbytes: 101 cannot be kept"},
		{{{0, 0, 1024, 0}}, "use 1000 or 1100"},
		{{{0, 0, 0, 995}}, "qosWMbytes: 995"},
		{{{0, 0, 0, 995}}, "use 990 or 1000"},
		{{{99000000 + 1, 0, 0, 0}}, "at most 99000000"},
		{{{0, INT64_MAX, 0, 0}}, "at most 99000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		uint64_t note = 7;

		assert_int_equal(spdk_rates_note(&bad[i].rates, &note, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		if (!strstr(err.msg, bad[i].text)) {
			fail_msg("\"%s\" does not say \"%s\"", err.msg, bad[i].text);
		}
		assert_int_equal(note, 7);
	}
}

/* A later version may put something else there. */
static void an_unknown_note_is_no_limit(void **state UNUSED)
{
	static const struct be_rates none = {{0}};
	struct be_rates rates = spdk_rates_of((UINT64_C(1) << OBJNAME_NOTE_BITS) - 1);

	assert_memory_equal(&rates, &none, sizeof(none));
	rates = spdk_rates_of(UINT64_C(370) * 370 * 370 * 370);
	assert_memory_equal(&rates, &none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_kept_comes_back),
		cmocka_unit_test(every_code_is_one_value),
		cmocka_unit_test(what_cannot_be_kept_is_refused),
		cmocka_unit_test(an_unknown_note_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
