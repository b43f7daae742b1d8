/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals: text to addresses and back.
 */
#include "common/nvmf/portal.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SHOWN_SIZE 65

static int bad_portal(const char *field, const char *text, struct err *err)
{
	char shown[SHOWN_SIZE];

	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s: '%s' is no portal; give a numeric address with its port, as 10.0.0.5:4420 or "
		"[fd00::5]:4420",
		field, printable(text, shown, sizeof(shown)));
}

int portal_parse(const char *field, const char *text, struct portal *ret, struct err *err)
{
	struct portal made = {.v6 = text[0] == '['};
	unsigned char raw[sizeof(struct in6_addr)];
	char addr[PORTAL_ADDR_SIZE];
	uint64_t port;
	const char *start = text + made.v6;
	const char *end = made.v6 ? strchr(start, ']') : strchr(start, ':');
	size_t len = end ? (size_t)(end - start) : 0;

	if (len == 0 || len >= sizeof(addr) || (made.v6 && end[1] != ':')) {
		return bad_portal(field, text, err);
	}
	memcpy(addr, start, len);
	addr[len] = '\0';
	int family = made.v6 ? AF_INET6 : AF_INET;
	if (inet_pton(family, addr, raw) != 1 ||
		!inet_ntop(family, raw, made.addr, sizeof(made.addr)) ||
		parse_u64(field, end + 1 + made.v6, 1, UINT16_MAX, &port, NULL) < 0) {
		return bad_portal(field, text, err);
	}
	made.port = (uint16_t)port;
	*ret = made;
	return 0;
}

void portal_print(const struct portal *portal, char out[PORTAL_TEXT_SIZE])
{
	(void)snprintf(out, PORTAL_TEXT_SIZE, portal->v6 ? "[%s]:%u" : "%s:%u", portal->addr,
		(unsigned)portal->port);
}

bool portal_equal(const struct portal *a, const struct portal *b)
{
	return a->v6 == b->v6 && a->port == b->port && streq(a->addr, b->addr);
}

static bool portals_have(const struct portals *portals, const struct portal *portal)
{
	for (unsigned i = 0; i < portals->n; i++) {
		if (portal_equal(&portals->list[i], portal)) {
			return true;
		}
	}
	return false;
}

int portals_parse(const char *field, const char *text, struct portals *ret, struct err *err)
{
	struct portals made = {0};
	const char *rest = text;

	for (;;) {
		char one[PORTAL_TEXT_SIZE];
		struct portal portal = {0};
		size_t len = strcspn(rest, ",");
		if (len >= sizeof(one)) {
			return bad_portal(field, rest, err);
		}
		memcpy(one, rest, len);
		one[len] = '\0';
		if (portal_parse(field, one, &portal, err) < 0) {
			return -1;
		}
		if (!portals_have(&made, &portal)) {
			if (made.n == PORTALS_MAX) {
				return err_set(err, ERR_INVALID_ARGUMENT,
					"%s: more than %d portals", field, PORTALS_MAX);
			}
			made.list[made.n++] = portal;
		}
		if (rest[len] == '\0') {
			break;
		}
		rest += len + 1;
	}
	*ret = made;
	return 0;
}

void portals_print(const struct portals *portals, char out[PORTALS_TEXT_SIZE])
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < portals->n; i++) {
		char one[PORTAL_TEXT_SIZE];
		portal_print(&portals->list[i], one);
		at += (size_t)snprintf(out + at, PORTALS_TEXT_SIZE - at, "%s%s", i ? "," : "", one);
	}
}
