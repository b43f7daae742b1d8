/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, UUIDs and values as LVM has them, and what the device mapper makes of them.
 */
#include "common/base/parse.h"
#include "target/store/lvm.h"

#include <stdio.h>

int lvm_name_check(const char *field, const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool good = len >= 1 && len < LVM_NAME_SIZE && name[0] != '-' && !streq(name, ".") &&
		    !streq(name, "..");

	for (size_t i = 0; good && i < len; i++) {
		good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
		       (name[i] >= '0' && name[i] <= '9') || strchr("+_.-", name[i]);
	}
	if (!good) {
		char shown[72];

		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: \"%s\" must be 1 to %d characters of a-z, A-Z, 0-9 and \"+_.-\", not starting with '-'",
			field, printable(name, shown, sizeof(shown)), LVM_NAME_SIZE - 1);
	}
	return 0;
}

/* A '-' is doubled, as a single one stands between the parts. */
static size_t add_part(char *out, size_t at, const char *part)
{
	for (; *part; part++) {
		for (int i = 0; i < (*part == '-' ? 2 : 1); i++) {
			if (at < DM_DEVICE_NAME_SIZE) {
				out[at] = *part;
			}
			at++;
		}
	}
	return at;
}

static size_t add_dash(char *out, size_t at)
{
	if (at < DM_DEVICE_NAME_SIZE) {
		out[at] = '-';
	}
	return at + 1;
}

int lvm_device(const char *vg, const char *lv, const char *layer, char out[DM_DEVICE_NAME_SIZE],
	struct err *err)
{
	size_t at = add_part(out, add_dash(out, add_part(out, 0, vg)), lv);

	if (*layer) {
		at = add_part(out, add_dash(out, at), layer);
	}
	if (at >= DM_DEVICE_NAME_SIZE) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s/%s: is longer than the %d characters that the device mapper takes", vg,
			lv, DM_DEVICE_NAME_SIZE - 1);
	}
	out[at] = '\0';
	return 0;
}

static const char *skip_uuid(const char *text, const char *uuid)
{
	for (; *uuid; uuid++) {
		if (*uuid != '-' && *text++ != *uuid) {
			return NULL;
		}
	}
	return text;
}

bool lvm_device_is(const char *device_uuid, const char *vg_uuid, const char *lv_uuid)
{
	static const char prefix[] = "LVM-";
	const char *rest;

	if (strncmp(device_uuid, prefix, strlen(prefix)) != 0) {
		return false;
	}
	rest = skip_uuid(device_uuid + strlen(prefix), vg_uuid);
	rest = rest ? skip_uuid(rest, lv_uuid) : NULL;
	/* An unnamed part is any logical volume of the group; a layer may follow a named one. */
	return rest && (!*lv_uuid || *rest == '\0' || *rest == '-');
}

int lvm_bytes(const struct js_at *row, const char *field, int64_t *ret, struct err *err)
{
	const char *text;

	if (js_get_str(row, field, 32, &text, err) < 0) {
		return -1;
	}
	if (parse_i64(field, text, 0, INT64_MAX, ret, NULL) < 0) {
		return js_fail(row, field, err, "must be a number of bytes");
	}
	return 0;
}

bool lvm_has_tag(const char *tags, const char *tag)
{
	size_t len = strlen(tag);

	for (const char *at = tags; *at;) {
		size_t n = strcspn(at, ",");

		if (n == len && strncmp(at, tag, len) == 0) {
			return true;
		}
		at += n + (at[n] == ',');
	}
	return false;
}
