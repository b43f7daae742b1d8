/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong: a code with gRPC's number and a text for the person who reads it in a
 * Kubernetes event. The message is inside the struct, so an error never allocates.
 */
#pragma once

#include "common/base/base.h"

/** Longest message, with its NUL; kubelet cuts events at 1024 bytes. */
#define ERR_MSG_MAX 1024

/** Codes have gRPC's numbers (grpc/status.h); rpc/ asserts it. */
enum err_code {
	ERR_OK = 0,
	ERR_CANCELLED = 1,
	ERR_UNKNOWN = 2,
	ERR_INVALID_ARGUMENT = 3,
	ERR_DEADLINE_EXCEEDED = 4,
	ERR_NOT_FOUND = 5,
	ERR_ALREADY_EXISTS = 6,
	ERR_PERMISSION_DENIED = 7,
	ERR_RESOURCE_EXHAUSTED = 8,
	ERR_FAILED_PRECONDITION = 9,
	ERR_ABORTED = 10,
	ERR_OUT_OF_RANGE = 11,
	ERR_UNIMPLEMENTED = 12,
	ERR_INTERNAL = 13,
	ERR_UNAVAILABLE = 14,
	ERR_DATA_LOSS = 15,
	ERR_UNAUTHENTICATED = 16,
};

/**
 * struct err - one failure. Start it as `struct err err = {0}`; a function that fails fills it,
 * one that succeeds leaves it alone. The message starts with the field or the object, says what is
 * allowed and what to do, never holds a secret, and is one line of UTF-8: ends of lines become
 * blanks, other control characters and bytes that are none '?'.
 */
struct err {
	enum err_code code;
	char msg[ERR_MSG_MAX];
};

/**
 * err_set - fill @err (may be NULL) with a code and a message; a longer text is cut at a whole
 * UTF-8 character. Return: always -1, so that `return err_set(...)` reads well.
 */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/**
 * err_wrap - put context in front of the message that is there ("format nvme0n1: ..."); the code
 * stays. Return: always -1.
 */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * err_errno - like err_set with the code that belongs to @errnum (err_code_of_errno) and
 * ": <strerror>" after the text. Return: always -1.
 */
int err_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/**
 * err_code_of_errno - the one place that turns an errno into a code: ENOSPC and EDQUOT
 * RESOURCE_EXHAUSTED, EBUSY ABORTED, ENOENT NOT_FOUND, EEXIST ALREADY_EXISTS, ETIMEDOUT
 * DEADLINE_EXCEEDED, EACCES and EPERM PERMISSION_DENIED, EINVAL INVALID_ARGUMENT, connection
 * errors UNAVAILABLE, ECANCELED CANCELLED, the rest INTERNAL.
 */
enum err_code err_code_of_errno(int errnum);

/** err_code_name - "NOT_FOUND" and so on; static string, "UNKNOWN" for a number we do not know. */
const char *err_code_name(enum err_code code);

/**
 * err_is_final - true when the CO may take it that nothing was done and nothing is left behind
 * (csi-rules section 2): every code but CANCELLED, DEADLINE_EXCEEDED, ABORTED, UNAVAILABLE.
 * A call whose outcome is unknown must not return a final code (P6).
 */
bool err_is_final(enum err_code code);
