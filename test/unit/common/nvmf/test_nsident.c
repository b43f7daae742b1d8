/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity of namespaces: equal where both are known, and never proven by nothing (P2).
 */
#include "common/nvmf/nsident.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct ns_ident full = {
	.uuid = {1, 2, 3, 4},
	.nguid = {5, 6, 7, 8},
	.eui64 = {9, 10},
	.nsid = 1,
};

static int match(const struct ns_ident *want, const struct ns_ident *seen, struct err *err)
{
	*err = (struct err){0};
	int result = ns_ident_match("nvme0n1", want, seen, err);

	if (result < 0) {
		assert_int_equal(err->code, ERR_FAILED_PRECONDITION);
		assert_non_null(strstr(err->msg, "nvme0n1"));
	} else {
		assert_int_equal(err->code, ERR_OK);
	}
	return result;
}

static void test_known(void **state)
{
	struct ns_ident ident = {.nsid = 7};

	(void)state;
	assert_false(ns_ident_known(&ident));
	ident.uuid[15] = 1;
	assert_true(ns_ident_known(&ident));
	ident = (struct ns_ident){.nguid = {[0] = 1}};
	assert_true(ns_ident_known(&ident));
	ident = (struct ns_ident){.eui64 = {[7] = 1}};
	assert_true(ns_ident_known(&ident));
}

static void test_p2_equal(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(match(&full, &full, &err), 0);
	/* What only one side knows is not compared, as long as something was. */
	struct ns_ident some = {.nguid = {5, 6, 7, 8}};
	assert_int_equal(match(&some, &full, &err), 0);
	assert_int_equal(match(&full, &some, &err), 0);
	some = (struct ns_ident){.eui64 = {9, 10}, .nsid = 1};
	assert_int_equal(match(&some, &full, &err), 0);
	some = (struct ns_ident){.uuid = {1, 2, 3, 4}};
	assert_int_equal(match(&full, &some, &err), 0);
}

/* One difference anywhere is enough, also in the last byte, also when the others are equal. */
static void test_p2_any_difference(void **state)
{
	struct err err;

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct ns_ident seen = full;
		seen.uuid[i] ^= 0x80;
		assert_int_equal(match(&full, &seen, &err), -1);
		assert_non_null(strstr(err.msg, "UUID"));
		seen = full;
		seen.nguid[i] ^= 1;
		assert_int_equal(match(&full, &seen, &err), -1);
		assert_non_null(strstr(err.msg, "NGUID"));
		assert_non_null(strstr(err.msg, "05060708000000000000000000000000"));
	}
	for (size_t i = 0; i < 8; i++) {
		struct ns_ident seen = full;
		seen.eui64[i] ^= 1;
		assert_int_equal(match(&full, &seen, &err), -1);
		assert_non_null(strstr(err.msg, "EUI-64"));
	}
	struct ns_ident seen = full;
	seen.nsid = 2;
	assert_int_equal(match(&full, &seen, &err), -1);
	assert_non_null(strstr(err.msg, "NSID"));
}

static void test_p2_nothing_compared_is_no_proof(void **state)
{
	const struct ns_ident none = {0};
	const struct ns_ident nsid = {.nsid = 1};
	const struct ns_ident uuid = {.uuid = {1, 2, 3, 4}, .nsid = 1};
	const struct ns_ident nguid = {.nguid = {5, 6, 7, 8}, .nsid = 1};
	struct err err;

	(void)state;
	assert_int_equal(match(&none, &none, &err), -1);
	assert_int_equal(match(&full, &none, &err), -1);
	assert_int_equal(match(&none, &full, &err), -1);
	/* The same NSID proves nothing by itself. */
	assert_int_equal(match(&nsid, &full, &err), -1);
	assert_int_equal(match(&full, &nsid, &err), -1);
	assert_int_equal(match(&uuid, &nguid, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_p2_equal),
		cmocka_unit_test(test_p2_any_difference),
		cmocka_unit_test(test_p2_nothing_compared_is_no_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
