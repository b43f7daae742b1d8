/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volume and snapshot ids: parse and print. The alphabet is a whitelist, so an id can stand in a
 * URL path, a file name or a log line without quoting.
 */
#include "common/csi/ids.h"

#include "common/base/parse.h"

#include <stdio.h>

static bool backend_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool object_char(char c)
{
	return backend_char(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == ':';
}

static bool backend_legal(const char *text, size_t len)
{
	if (len < 1 || len > CSI_BACKEND_MAX || text[0] == '-' || text[len - 1] == '-') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!backend_char(text[i])) {
			return false;
		}
	}
	return true;
}

static bool object_legal(const char *text)
{
	size_t len = strnlen(text, CSI_OBJECT_MAX + 1);

	/* No leading '.': "." and ".." are path steps wherever an object is part of a path. */
	if (len < 1 || len > CSI_OBJECT_MAX || text[0] == '.') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!object_char(text[i])) {
			return false;
		}
	}
	return true;
}

int csi_backend_check(const char *field, const char *text, struct err *err)
{
	char shown[65];

	if (backend_legal(text, strnlen(text, CSI_BACKEND_MAX + 1))) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s: \"%s\" is no backend name: 1 to %d of a-z, 0-9 and '-', no '-' at either end",
		field, printable(text, shown, sizeof(shown)), CSI_BACKEND_MAX);
}

int csi_id_parse(const char *what, const char *text, struct csi_id *ret, struct err *err)
{
	const char *slash = strchr(text, '/');
	char shown[CSI_ID_SIZE];
	size_t len;

	len = slash ? (size_t)(slash - text) : 0;
	if (!slash || !backend_legal(text, len) || !object_legal(slash + 1)) {
		return err_set(err, ERR_NOT_FOUND,
			"%s \"%s\" does not exist: it is no id of this driver", what,
			printable(text, shown, sizeof(shown)));
	}
	*ret = (struct csi_id){0};
	memcpy(ret->backend, text, len);
	memcpy(ret->object, slash + 1, strlen(slash + 1));
	return 0;
}

int csi_id_print(const char *backend, const char *object, char out[CSI_ID_SIZE], struct err *err)
{
	char shown_backend[65];
	char shown_object[CSI_ID_SIZE];

	if (!backend_legal(backend, strnlen(backend, CSI_BACKEND_MAX + 1)) ||
		!object_legal(object)) {
		return err_set(err, ERR_INTERNAL,
			"backend \"%s\", object \"%s\": they make no legal id",
			printable(backend, shown_backend, sizeof(shown_backend)),
			printable(object, shown_object, sizeof(shown_object)));
	}
	(void)snprintf(out, CSI_ID_SIZE, "%s/%s", backend, object);
	return 0;
}
