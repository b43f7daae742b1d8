/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every errno of a connect has a text that names the portal and says what to do; none is final
 * where a retry can help.
 */
#include "node/nvme/fabrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct portal portal = {.addr = "fd00::5", .port = 4420, .v6 = true};

static void test_codes(void **state)
{
	static const struct {
		int errnum;
		enum err_code code;
		const char *says;
	} cases[] = {
		{EIO, ERR_PERMISSION_DENIED,
			"refused by the target: host not allowed or unknown subsystem"},
		{EINVAL, ERR_FAILED_PRECONDITION, "options"},
		{ECONNREFUSED, ERR_UNAVAILABLE, "refused"},
		{ETIMEDOUT, ERR_UNAVAILABLE, "no answer"},
		{EHOSTUNREACH, ERR_UNAVAILABLE, "route"},
		{ECONNRESET, ERR_UNAVAILABLE, "closed"},
		{ENOKEY, ERR_FAILED_PRECONDITION, "key"},
		{EKEYREJECTED, ERR_PERMISSION_DENIED, "authentication failed"},
		{ESRCH, ERR_FAILED_PRECONDITION, "tlshd"},
		{EADDRNOTAVAIL, ERR_FAILED_PRECONDITION, "source address"},
		{ENOSPC, ERR_UNAVAILABLE, "ENOSPC"},
		{54321, ERR_UNAVAILABLE, "unknown error"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = {0};
		assert_int_equal(fab_error(cases[i].errnum, "nqn.x:y", &portal, &err), -1);
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.msg, "nqn.x:y at [fd00::5]:4420: "));
		if (!strstr(err.msg, cases[i].says)) {
			fail_msg("'%s' is not in: %s", cases[i].says, err.msg);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
