/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of portals: what was taken prints in one spelling, which is taken as the same list.
 */
#include "common/nvmf/portal.h"
#include "test/fuzz/fuzz.h"

static void check_one(const struct portal *portal)
{
	struct portal same;
	char text[PORTAL_TEXT_SIZE];

	FUZZ_CHECK(portal->port > 0);
	/* It goes into what is written to /dev/nvme-fabrics. */
	FUZZ_CHECK(strspn(portal->addr, "0123456789abcdef:.") == strlen(portal->addr));
	portal_print(portal, text);
	FUZZ_CHECK(portal_parse("field", text, &same, NULL) == 0);
	FUZZ_CHECK(portal_equal(portal, &same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct portals portals;
	struct portals same;
	struct err err = {0};
	char printed[PORTALS_TEXT_SIZE];
	char again[PORTALS_TEXT_SIZE];
	_cleanup_free_ char *text = fuzz_text(data, size);

	if (portals_parse("field", text, &portals, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INVALID_ARGUMENT);
		fuzz_said(&err);
		return 0;
	}
	FUZZ_CHECK(portals.n >= 1 && portals.n <= PORTALS_MAX);
	for (unsigned i = 0; i < portals.n; i++) {
		check_one(&portals.list[i]);
	}
	portals_print(&portals, printed);
	FUZZ_CHECK(portals_parse("field", printed, &same, NULL) == 0);
	FUZZ_CHECK(same.n == portals.n);
	portals_print(&same, again);
	FUZZ_CHECK(streq(printed, again));
	return 0;
}
