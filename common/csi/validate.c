/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field checks. Values go into messages only through printable(), since they come from outside.
 */
#include "common/csi/validate.h"

#include "common/base/parse.h"

#include <inttypes.h>

static int check_text(const char *field, const char *text, bool needed, size_t max, struct err *err)
{
	char shown[65];
	size_t len;

	if (str_empty(text)) {
		return needed ? err_set(err, ERR_INVALID_ARGUMENT, "%s: missing, it is required",
					field)
			      : 0;
	}
	len = strlen(text);
	if (len > max) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: \"%s\" has %zu bytes, at most %zu are allowed", field,
			printable(text, shown, sizeof(shown)), len, max);
	}
	if (!utf8_valid(text, len)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: \"%s\" is not valid UTF-8", field,
			printable(text, shown, sizeof(shown)));
	}
	return 0;
}

int csi_check_name(const char *field, const char *text, struct err *err)
{
	char shown[65];

	if (check_text(field, text, true, CSI_STRING_MAX, err) < 0) {
		return -1;
	}
	for (const char *c = text; *c; c++) {
		unsigned char u = (unsigned char)*c;

		if ((u < 0x20 && u != '\t' && u != '\n' && u != '\r') || u == 0x7f) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: \"%s\" has the control character 0x%02x; only tab, LF and CR are allowed",
				field, printable(text, shown, sizeof(shown)), u);
		}
		/* U+0080 to U+009F are control characters too: C2 80 to C2 9F in UTF-8. */
		if (u == 0xc2 && (unsigned char)c[1] < 0xa0) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: \"%s\" has the control character U+%04X; only tab, LF and CR are allowed",
				field, printable(text, shown, sizeof(shown)), (unsigned char)c[1]);
		}
	}
	return 0;
}

int csi_check_id(const char *field, const char *text, struct err *err)
{
	return check_text(field, text, true, CSI_STRING_MAX, err);
}

int csi_check_node_id(const char *field, const char *text, struct err *err)
{
	return check_text(field, text, true, CSI_NODE_ID_MAX, err);
}

int csi_check_string(const char *field, const char *text, struct err *err)
{
	return check_text(field, text, false, CSI_STRING_MAX, err);
}

/* A "." or ".." step would let two spellings mean one place, and leave the folders meant for us. */
static bool has_dot_step(const char *path)
{
	for (const char *step = path; step; step = strchr(step, '/')) {
		size_t len;

		step += *step == '/';
		len = strcspn(step, "/");
		if ((len == 1 && step[0] == '.') ||
			(len == 2 && step[0] == '.' && step[1] == '.')) {
			return true;
		}
	}
	return false;
}

int csi_check_path(const char *field, const char *text, struct err *err)
{
	char shown[65];
	const char *why = NULL;

	if (check_text(field, text, true, CSI_PATH_MAX, err) < 0) {
		return -1;
	}
	if (text[0] != '/') {
		why = "is not absolute";
	} else if (has_dot_step(text)) {
		why = "has a \".\" or \"..\" step";
	}
	for (const char *c = text; !why && *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			why = "has a control character";
		}
	}
	if (!why) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s: \"%s\" %s; an absolute, plain path is needed", field,
		printable(text, shown, sizeof(shown)), why);
}

int csi_check_published_path(const char *field, const char *text, struct err *err)
{
	struct err why = {0};

	if (csi_check_path(field, text, &why) == 0) {
		return 0;
	}
	return err_set(err, str_empty(text) ? why.code : ERR_NOT_FOUND, "%s", why.msg);
}

int csi_check_max_entries(const char *field, int32_t max_entries, struct err *err)
{
	if (max_entries >= 0) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s: %" PRId32 " is negative; 0 (all) or more is allowed", field, max_entries);
}

int csi_check_range(const char *field, const Csi__V1__CapacityRange *range, bool needed,
	struct csi_range *ret, struct err *err)
{
	*ret = (struct csi_range){0};
	if (!range) {
		return needed ? err_set(err, ERR_INVALID_ARGUMENT, "%s: missing, it is required",
					field)
			      : 0;
	}
	if (range->required_bytes < 0 || range->limit_bytes < 0) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: required_bytes %" PRId64 ", limit_bytes %" PRId64
			": a size cannot be negative",
			field, range->required_bytes, range->limit_bytes);
	}
	if (range->required_bytes == 0 && range->limit_bytes == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: neither required_bytes nor limit_bytes is set, one of them is required",
			field);
	}
	if (range->limit_bytes != 0 && range->required_bytes > range->limit_bytes) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: required_bytes %" PRId64 " is above limit_bytes %" PRId64, field,
			range->required_bytes, range->limit_bytes);
	}
	*ret = (struct csi_range){.required = range->required_bytes, .limit = range->limit_bytes};
	return 0;
}
