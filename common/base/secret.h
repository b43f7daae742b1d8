/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key or password: counted, compared in constant time, wiped when the last holder lets go. It
 * has no printer on purpose (P8). Thread-safe.
 */
#pragma once

#include "common/base/err.h"

struct secret;

/** Longest secret taken, in bytes. */
#define SECRET_MAX 4096

/** secret_new - copy @n bytes. Return: NULL without memory or when longer than SECRET_MAX. */
struct secret *secret_new(const void *bytes, size_t n);
struct secret *secret_ref(struct secret *secret);
/** secret_unref - let go; wipes at the last one; accepts NULL. */
void secret_unref(struct secret *secret);
/** secret_bytes - borrowed, NUL-terminated after secret_len() bytes. */
const char *secret_bytes(const struct secret *secret);
size_t secret_len(const struct secret *secret);
/** secret_equal - constant time in the length of @secret. */
bool secret_equal(const struct secret *secret, const void *bytes, size_t n);
/**
 * secret_read_file - the file's content without trailing newlines; refuses a file that others may
 * read (mode & 0007) naming it. Return: 0, or -1.
 */
MUST_USE int secret_read_file(const char *path, struct secret **ret_secret, struct err *err);
/** secret_read_given - the same of a file that a platform hands to us, as kubelet does, and whose
 * mode is not ours to choose: it is not looked at. */
MUST_USE int secret_read_given(const char *path, struct secret **ret_secret, struct err *err);
