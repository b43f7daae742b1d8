/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_context: printing and reading version 1.
 */
#include "common/nvmf/attach.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN_SIZE 65

static void add(struct attach_text *text, size_t *at, const char *key, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* One more item; *at passes the size of data when it does not fit. */
static void add(struct attach_text *text, size_t *at, const char *key, const char *fmt, ...)
{
	va_list ap;

	if (*at >= sizeof(text->data)) {
		return;
	}
	char *value = text->data + *at;
	va_start(ap, fmt);
	int n = vsnprintf(value, sizeof(text->data) - *at, fmt, ap);
	va_end(ap);
	*at += (size_t)n + 1;
	text->items[text->n++] = (struct kv){.key = key, .value = value};
}

static void add_bytes(
	struct attach_text *text, size_t *at, const char *key, const uint8_t *bytes, size_t n)
{
	char hex[33];

	if (!bytes_zero(bytes, n)) {
		hex_print(bytes, n, hex);
		add(text, at, key, "%s", hex);
	}
}

/* Keys and values together, as CSI counts a map. */
static size_t context_size(const struct attach_text *text)
{
	size_t size = 0;

	for (size_t i = 0; i < text->n; i++) {
		size += strlen(text->items[i].key) + strlen(text->items[i].value);
	}
	return size;
}

int attach_print(const struct attach_info *info, struct attach_text *ret, struct err *err)
{
	char portals[PORTALS_TEXT_SIZE];
	char uuid[UUID_TEXT_SIZE];
	size_t at = 0;

	if (!ns_ident_known(&info->ident) || info->portals.n == 0) {
		return err_set(err, ERR_INTERNAL, "publish_context of %s: the backend gave no %s",
			info->nqn, info->portals.n == 0 ? "portal" : "NGUID, UUID or EUI-64");
	}
	ret->n = 0;
	portals_print(&info->portals, portals);
	add(ret, &at, "v", "1");
	add(ret, &at, "nqn", "%s", info->nqn);
	add(ret, &at, "shared", "%s", info->shared ? "true" : "false");
	if (info->ident.nsid) {
		add(ret, &at, "nsid", "%" PRIu32, info->ident.nsid);
	}
	add_bytes(ret, &at, "nguid", info->ident.nguid, sizeof(info->ident.nguid));
	if (!bytes_zero(info->ident.uuid, sizeof(info->ident.uuid))) {
		uuid_print(info->ident.uuid, uuid);
		add(ret, &at, "uuid", "%s", uuid);
	}
	add_bytes(ret, &at, "eui64", info->ident.eui64, sizeof(info->ident.eui64));
	add(ret, &at, "minSize", "%" PRId64, info->min_size);
	add(ret, &at, "portals", "%s", portals);
	if (info->discovery[0]) {
		add(ret, &at, "discovery", "%s", info->discovery);
	}
	add(ret, &at, "written", "%s", info->written ? "yes" : "no");
	add(ret, &at, "auth", "%s", info->auth[0] ? info->auth : "none");
	add(ret, &at, "tls", "%s", info->tls[0] ? info->tls : "none");
	if (at > sizeof(ret->data) || context_size(ret) > 4096) {
		return err_set(err, ERR_INTERNAL,
			"publish_context of %s: longer than the 4096 bytes CSI allows", info->nqn);
	}
	return 0;
}

/* A map that is being read, and what messages call it. */
struct reader {
	const char *field;
	struct kv_list map;
};

static int bad(const struct reader *in, const char *key, const char *value, const char *want,
	struct err *err)
{
	char shown[SHOWN_SIZE];

	if (!value) {
		return err_set(
			err, ERR_INVALID_ARGUMENT, "%s.%s: missing; %s", in->field, key, want);
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s.%s: '%s' is not allowed; %s", in->field, key,
		printable(value, shown, sizeof(shown)), want);
}

/* full - the name of @key for a message. */
static const char *full(const struct reader *in, const char *key, char out[SHOWN_SIZE])
{
	(void)snprintf(out, SHOWN_SIZE, "%s.%s", in->field, key);
	return out;
}

static int parse_ident(const struct reader *in, struct ns_ident *ret, struct err *err)
{
	const struct {
		const char *key;
		uint8_t *bytes;
		size_t n;
	} parts[] = {
		{"nguid", ret->nguid, sizeof(ret->nguid)},
		{"uuid", ret->uuid, sizeof(ret->uuid)},
		{"eui64", ret->eui64, sizeof(ret->eui64)},
	};
	const char *nsid = kv_get(in->map, "nsid");
	uint64_t number = 0;
	char field[SHOWN_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *text = kv_get(in->map, parts[i].key);
		if (text && parse_hex(full(in, parts[i].key, field), text, parts[i].bytes,
				    parts[i].n, err) < 0) {
			return -1;
		}
	}
	if (nsid && parse_u64(full(in, "nsid", field), nsid, 1, UINT32_MAX - 1, &number, err) < 0) {
		return -1;
	}
	ret->nsid = (uint32_t)number;
	if (!ns_ident_known(ret)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: none of nguid, uuid, eui64 is set, so the device could not be proven to be the "
			"volume's",
			in->field);
	}
	return 0;
}

/* @key is "yes"/"no" or "true"/"false" (@yes, @no); absent means no. */
static int parse_switch(const struct reader *in, const char *key, const char *yes, const char *no,
	bool *ret, struct err *err)
{
	const char *text = kv_get(in->map, key);
	char want[64];

	*ret = text && streq(text, yes);
	if (text && !*ret && !streq(text, no)) {
		(void)snprintf(want, sizeof(want), "give %s or %s", yes, no);
		return bad(in, key, text, want, err);
	}
	return 0;
}

/* "none" is all that this version can do; a newer controller may ask for more. */
static int parse_none(
	const struct reader *in, const char *key, char *out, size_t size, struct err *err)
{
	const char *text = kv_get(in->map, key);

	if (text && !streq(text, "none")) {
		return bad(in, key, text, "this version knows 'none' only; upgrade it", err);
	}
	(void)snprintf(out, size, "none");
	return 0;
}

/* What is in both maps; all but the size must be there or has a default. */
static int parse_common(const struct reader *in, struct attach_info *ret, struct err *err)
{
	const char *nqn = kv_get(in->map, "nqn");
	const char *portals = kv_get(in->map, "portals");
	const char *min_size = kv_get(in->map, "minSize");
	char field[SHOWN_SIZE];

	if (!nqn) {
		return bad(in, "nqn", NULL, "the subsystem's NQN is needed", err);
	}
	if (nqn_check(full(in, "nqn", field), nqn, err) < 0) {
		return -1;
	}
	(void)snprintf(ret->nqn, sizeof(ret->nqn), "%s", nqn);
	if (!portals) {
		return bad(in, "portals", NULL, "at least one portal is needed", err);
	}
	if (portals_parse(full(in, "portals", field), portals, &ret->portals, err) < 0 ||
		parse_ident(in, &ret->ident, err) < 0 ||
		parse_switch(in, "shared", "true", "false", &ret->shared, err) < 0 ||
		parse_switch(in, "written", "yes", "no", &ret->written, err) < 0 ||
		parse_none(in, "auth", ret->auth, sizeof(ret->auth), err) < 0 ||
		parse_none(in, "tls", ret->tls, sizeof(ret->tls), err) < 0) {
		return -1;
	}
	return min_size ? parse_i64(full(in, "minSize", field), min_size, 1, INT64_MAX,
				  &ret->min_size, err)
			: 0;
}

int attach_parse(struct kv_list context, struct attach_info *ret, struct err *err)
{
	const struct reader in = {.field = "publish_context", .map = context};
	struct attach_info info = {0};
	const char *version = kv_get(context, "v");
	const char *discovery = kv_get(context, "discovery");

	if (!version || !streq(version, "1")) {
		return bad(&in, "v", version,
			version ? "this node plugin reads version 1: the controller is newer, upgrade the "
				  "node plugin"
				: "it must come from ControllerPublishVolume of this driver",
			err);
	}
	if (parse_common(&in, &info, err) < 0) {
		return -1;
	}
	if (!kv_get(context, "minSize")) {
		return bad(&in, "minSize", NULL, "the volume's size in bytes is needed", err);
	}
	if (discovery) {
		struct portal portal;
		if (portal_parse("publish_context.discovery", discovery, &portal, err) < 0) {
			return -1;
		}
		portal_print(&portal, info.discovery);
	}
	*ret = info;
	return 0;
}

int attach_parse_attributes(struct kv_list attributes, struct attach_info *ret, struct err *err)
{
	const struct reader in = {.field = "volume_context", .map = attributes};
	struct attach_info info = {.min_size = 1};

	if (parse_common(&in, &info, err) < 0) {
		return -1;
	}
	*ret = info;
	return 0;
}
