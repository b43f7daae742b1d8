/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: every text is made in a buffer of its own first, so that the message that is there may
 * be one of the arguments. errno is left as it was. What a device, a target or a user wrote may be
 * in a text, so each is made printable here, whoever made it.
 */
#include "common/base/err.h"

#include "common/base/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* End @text, cut by snprintf, at a whole UTF-8 character. @written is what snprintf returned. */
static void end_whole(char *text, size_t size, int written)
{
	if (written < 0) {
		text[0] = '\0';
		return;
	}
	if ((size_t)written < size) {
		return;
	}
	size_t end = size - 1;
	size_t start = end;
	/* The last character begins at most three bytes back; drop it unless it is whole. */
	while (start > 0 && end - start < 4) {
		start--;
		if (((unsigned char)text[start] & 0xC0) != 0x80) {
			break;
		}
	}
	if (utf8_char(text + start, end - start) != end - start) {
		text[start] = '\0';
	}
}

static void keep(struct err *err, char *text)
{
	for (char *p = text; (p = strpbrk(p, "\n\r\t")); p++) {
		*p = ' ';
	}
	(void)printable(text, err->msg, sizeof(err->msg));
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	int saved = errno;
	char text[ERR_MSG_MAX];
	va_list args;

	if (!err) {
		return -1;
	}
	va_start(args, fmt);
	end_whole(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, args));
	va_end(args);
	err->code = code;
	keep(err, text);
	errno = saved;
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char context[ERR_MSG_MAX];
	char text[ERR_MSG_MAX];
	va_list args;

	if (!err) {
		return -1;
	}
	va_start(args, fmt);
	end_whole(context, sizeof(context), vsnprintf(context, sizeof(context), fmt, args));
	va_end(args);
	end_whole(text, sizeof(text), snprintf(text, sizeof(text), "%s: %s", context, err->msg));
	keep(err, text);
	errno = saved;
	return -1;
}

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
	int saved = errno;
	char context[ERR_MSG_MAX];
	va_list args;

	if (!err) {
		return -1;
	}
	va_start(args, fmt);
	end_whole(context, sizeof(context), vsnprintf(context, sizeof(context), fmt, args));
	va_end(args);
	const char *what = strerrordesc_np(errnum);
	if (what) {
		(void)err_set(err, err_code_of_errno(errnum), "%s: %s", context, what);
	} else {
		(void)err_set(err, err_code_of_errno(errnum), "%s: errno %d", context, errnum);
	}
	errno = saved;
	return -1;
}

enum err_code err_code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
		return ERR_RESOURCE_EXHAUSTED;
	case EBUSY:
		return ERR_ABORTED;
	case ENOENT:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_ALREADY_EXISTS;
	case ETIMEDOUT:
		return ERR_DEADLINE_EXCEEDED;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION_DENIED;
	case EINVAL:
		return ERR_INVALID_ARGUMENT;
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETDOWN:
	case ENETRESET:
	case ENETUNREACH:
	case ENOTCONN:
	case EPIPE:
		return ERR_UNAVAILABLE;
	case ECANCELED:
		return ERR_CANCELLED;
	default:
		return ERR_INTERNAL;
	}
}

const char *err_code_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_OK] = "OK",
		[ERR_CANCELLED] = "CANCELLED",
		[ERR_UNKNOWN] = "UNKNOWN",
		[ERR_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[ERR_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[ERR_NOT_FOUND] = "NOT_FOUND",
		[ERR_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[ERR_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[ERR_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[ERR_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[ERR_ABORTED] = "ABORTED",
		[ERR_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[ERR_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[ERR_INTERNAL] = "INTERNAL",
		[ERR_UNAVAILABLE] = "UNAVAILABLE",
		[ERR_DATA_LOSS] = "DATA_LOSS",
		[ERR_UNAUTHENTICATED] = "UNAUTHENTICATED",
	};

	if ((size_t)code >= ARRAY_SIZE(names)) {
		return "UNKNOWN";
	}
	return names[code];
}

bool err_is_final(enum err_code code)
{
	return code != ERR_CANCELLED && code != ERR_DEADLINE_EXCEEDED && code != ERR_ABORTED &&
	       code != ERR_UNAVAILABLE;
}
