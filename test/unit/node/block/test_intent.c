/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent block: what goes in comes out, or something that covers it; and whatever is not a
 * whole one is refused.
 */
#include "node/block/intent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BLOCK ((uint64_t)INTENT_BLOCK)

static struct intent make(struct intent_extent *extents, size_t n)
{
	struct intent intent = {.fstype = "ext4", .extents = extents, .n_extents = n};

	for (unsigned i = 0; i < sizeof(intent.volume); i++) {
		intent.volume[i] = (uint8_t)(0xf0 + i);
	}
	return intent;
}

static void test_round_trip(void **state)
{
	struct intent_extent extents[] = {{0, BLOCK}, {BLOCK * 3, BLOCK * 2}, {BLOCK * 1000, BLOCK},
		{BLOCK << 40, BLOCK * 7}};
	struct intent intent = make(extents, 4);
	struct intent back = {0};
	uint8_t block[INTENT_BLOCK];
	struct err err = {0};

	(void)state;
	assert_int_equal(intent_encode(&intent, block, &err), 0);
	assert_int_equal(intent_decode(block, &back, &err), 1);
	assert_memory_equal(back.volume, intent.volume, sizeof(back.volume));
	assert_string_equal(back.fstype, "ext4");
	assert_int_equal(back.n_extents, 4);
	assert_memory_equal(back.extents, extents, sizeof(extents));
	intent_done(&back);
	/* Neither a partition table nor an ext4 superblock can be seen in it. */
	for (size_t i = 52; i < 2048; i++) {
		assert_int_equal(block[i], 0);
	}
}

static void test_regular_list_stays_exact(void **state)
{
	static struct intent_extent extents[20000];
	struct intent intent = make(extents, 20000);
	struct intent back = {0};
	uint8_t block[INTENT_BLOCK];
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		extents[i] = (struct intent_extent){i * BLOCK * 524288, BLOCK * 8};
	}
	assert_int_equal(intent_encode(&intent, block, &err), 0);
	assert_int_equal(intent_decode(block, &back, &err), 1);
	assert_int_equal(back.n_extents, 20000);
	assert_memory_equal(back.extents, extents, sizeof(extents));
	intent_done(&back);
}

static void test_irregular_list_is_covered(void **state)
{
	static struct intent_extent extents[5000];
	struct intent intent = make(extents, 5000);
	struct intent back = {0};
	uint8_t block[INTENT_BLOCK];
	struct err err = {0};
	uint64_t at = 0;
	size_t j = 0;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		extents[i] = (struct intent_extent){at * BLOCK, (1 + i % 7) * BLOCK};
		at += 1 + i % 7 + 1 + (i * i * 31) % 4001;
	}
	assert_int_equal(intent_encode(&intent, block, &err), 0);
	assert_int_equal(intent_decode(block, &back, &err), 1);
	assert_true(back.n_extents < 5000);
	for (size_t i = 0; i < 5000; i++) {
		while (j < back.n_extents &&
			back.extents[j].offset + back.extents[j].length <= extents[i].offset) {
			j++;
		}
		assert_true(j < back.n_extents);
		assert_true(back.extents[j].offset <= extents[i].offset);
		assert_true(extents[i].offset + extents[i].length <=
			    back.extents[j].offset + back.extents[j].length);
	}
	intent_done(&back);
}

static void test_no_intent(void **state)
{
	struct intent back = {0};
	uint8_t block[INTENT_BLOCK] = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(intent_decode(block, &back, &err), 0);
	memset(block, 0xff, sizeof(block));
	assert_int_equal(intent_decode(block, &back, &err), 0);
	assert_null(back.extents);
}

/* Any single changed bit makes it no intent or a damaged one, never a good one. */
static void test_every_changed_bit_is_seen(void **state)
{
	struct intent_extent extents[] = {{0, BLOCK}, {BLOCK * 9, BLOCK}};
	struct intent intent = make(extents, 2);
	uint8_t block[INTENT_BLOCK];
	struct err err = {0};

	(void)state;
	assert_int_equal(intent_encode(&intent, block, &err), 0);
	for (size_t bit = 0; bit < sizeof(block) * 8; bit += 3) {
		struct intent back = {0};
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int found = intent_decode(block, &back, &err);
		assert_int_equal(found, bit < 16 * 8 ? 0 : -1);
		assert_null(back.extents);
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
}

static void test_bad_extents_refused(void **state)
{
	struct intent_extent unsorted[] = {{BLOCK * 4, BLOCK}, {0, BLOCK}};
	struct intent_extent overlap[] = {{0, BLOCK * 2}, {BLOCK, BLOCK}};
	struct intent_extent odd[] = {{1, BLOCK}};
	struct intent_extent empty[] = {{0, 0}};
	struct intent_extent wraps[] = {{UINT64_MAX - BLOCK + 1, BLOCK * 2}};
	struct intent_extent *bad[] = {unsorted, overlap, odd, empty, wraps};
	size_t n[] = {2, 2, 1, 1, 1};
	uint8_t block[INTENT_BLOCK];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct intent intent = make(bad[i], n[i]);
		struct err err = {0};
		assert_int_equal(intent_encode(&intent, block, &err), -1);
		assert_int_equal(err.code, ERR_INTERNAL);
	}
}

static void test_volume_id(void **state)
{
	struct ns_ident ident = {.uuid = {1}, .nguid = {2}, .eui64 = {3}};
	uint8_t id[16];

	(void)state;
	intent_volume_id(&ident, id);
	assert_int_equal(id[0], 1);
	memset(ident.uuid, 0, sizeof(ident.uuid));
	intent_volume_id(&ident, id);
	assert_int_equal(id[0], 2);
	memset(ident.nguid, 0, sizeof(ident.nguid));
	intent_volume_id(&ident, id);
	assert_int_equal(id[0], 3);
	assert_int_equal(id[15], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_regular_list_stays_exact),
		cmocka_unit_test(test_irregular_list_is_covered),
		cmocka_unit_test(test_no_intent),
		cmocka_unit_test(test_every_changed_bit_is_seen),
		cmocka_unit_test(test_bad_extents_refused),
		cmocka_unit_test(test_volume_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
