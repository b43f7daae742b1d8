/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: counted, wiped at the end.
 */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct secret {
	_Atomic unsigned refs;
	size_t len;
	char bytes[];
};

struct secret *secret_new(const void *bytes, size_t n)
{
	struct secret *secret = n <= SECRET_MAX ? calloc(1, sizeof(*secret) + n + 1) : NULL;

	if (!secret) {
		return NULL;
	}
	secret->refs = 1;
	secret->len = n;
	if (n > 0) {
		memcpy(secret->bytes, bytes, n);
	}
	return secret;
}

struct secret *secret_ref(struct secret *secret)
{
	if (secret) {
		(void)atomic_fetch_add(&secret->refs, 1);
	}
	return secret;
}

void secret_unref(struct secret *secret)
{
	if (!secret || atomic_fetch_sub(&secret->refs, 1) != 1) {
		return;
	}
	explicit_bzero(secret->bytes, secret->len);
	free(secret);
}

const char *secret_bytes(const struct secret *secret)
{
	return secret->bytes;
}

size_t secret_len(const struct secret *secret)
{
	return secret->len;
}

bool secret_equal(const struct secret *secret, const void *bytes, size_t n)
{
	const volatile unsigned char *ours = (const volatile unsigned char *)secret->bytes;
	const volatile unsigned char *theirs = bytes;
	unsigned char differs = secret->len != n;

	for (size_t i = 0; i < secret->len; i++) {
		differs |= ours[i] ^ (i < n ? theirs[i] : 0);
	}
	return differs == 0;
}

int secret_read_file(const char *path, struct secret **ret_secret, struct err *err)
{
	char bytes[SECRET_MAX + 1];
	struct stat st;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_errno(err, errno, "%s: cannot open the secret", path);
	}
	if (st.st_mode & 0007) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: anybody may read this secret (mode %03o); chmod it to 600", path,
			st.st_mode & 0777U);
	}
	ssize_t n = read(fd, bytes, sizeof(bytes));
	int saved = errno;
	while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) {
		n--;
	}
	if (n < 0) {
		return err_errno(err, saved, "%s: cannot read the secret", path);
	}
	struct secret *secret = secret_new(bytes, (size_t)n);
	explicit_bzero(bytes, sizeof(bytes));
	if (n == 0 || !secret) {
		secret_unref(secret);
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: the secret must have 1 to %d bytes", path, SECRET_MAX);
	}
	*ret_secret = secret;
	return 0;
}
