/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: each in pages of its own, kept out of core dumps and, where the limit allows, of swap.
 */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* "Others": nobody outside the file's owner and group may do anything with it. */
#define MODE_OTHERS 0007

struct secret {
	atomic_uint holders;
	size_t len;
	char bytes[SECRET_MAX + 1];
};

static struct secret *allocate(void)
{
	void *pages = mmap(NULL, sizeof(struct secret), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED) {
		return NULL;
	}
	if (madvise(pages, sizeof(struct secret), MADV_DONTDUMP) < 0) {
		(void)munmap(pages, sizeof(struct secret));
		return NULL;
	}
	/* RLIMIT_MEMLOCK may be small; a secret that could be swapped still has to work. */
	(void)mlock(pages, sizeof(struct secret));
	struct secret *secret = pages;
	atomic_init(&secret->holders, 1);
	return secret;
}

struct secret *secret_new(const void *bytes, size_t n)
{
	struct secret *secret = n <= SECRET_MAX ? allocate() : NULL;

	if (!secret) {
		return NULL;
	}
	if (n > 0) {
		memcpy(secret->bytes, bytes, n);
	}
	secret->len = n;
	return secret;
}

struct secret *secret_ref(struct secret *secret)
{
	if (secret) {
		(void)atomic_fetch_add(&secret->holders, 1);
	}
	return secret;
}

void secret_unref(struct secret *secret)
{
	if (!secret || atomic_fetch_sub(&secret->holders, 1) != 1) {
		return;
	}
	explicit_bzero(secret, sizeof(*secret));
	(void)munmap(secret, sizeof(*secret));
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
	const unsigned char *other = bytes;
	/* volatile: the compiler must not leave the loop once the answer is known. */
	volatile unsigned char differs = n != secret->len;

	for (size_t i = 0; i < secret->len; i++) {
		unsigned char c = n > 0 ? other[i < n ? i : 0] : 0;
		differs = (unsigned char)(differs | (c ^ (unsigned char)secret->bytes[i]));
	}
	return !differs;
}

/* Straight into the secret's own pages, so that no other copy of the content is made. */
static int read_into(struct secret *secret, int fd, const char *path, struct err *err)
{
	size_t len = 0;

	while (len <= SECRET_MAX) {
		ssize_t n = read(fd, secret->bytes + len, SECRET_MAX + 1 - len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_errno(err, errno, "%s: read", path);
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	if (len > SECRET_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: longer than the %d bytes allowed for a secret", path, SECRET_MAX);
	}
	while (len > 0 && (secret->bytes[len - 1] == '\n' || secret->bytes[len - 1] == '\r')) {
		len--;
	}
	explicit_bzero(secret->bytes + len, sizeof(secret->bytes) - len);
	if (len == 0) {
		return err_set(
			err, ERR_INVALID_ARGUMENT, "%s: empty; it must hold the secret", path);
	}
	secret->len = len;
	return 0;
}

/* @refused: bits that the file's mode may not have. */
static int read_file(const char *path, mode_t refused, struct secret **ret_secret, struct err *err)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in its place must not make the program wait. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		return err_errno(err, errno, "%s: open", path);
	}
	if (fstat(fd, &st) < 0) {
		return err_errno(err, errno, "%s: stat", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: must be a regular file", path);
	}
	if (st.st_mode & refused) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: mode %04o lets others at the secret; allowed are owner and group, as 0640 "
			"or 0600: chmod o= it",
			path, (unsigned)(st.st_mode & 07777));
	}
	struct secret *secret = allocate();
	if (!secret) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	if (read_into(secret, fd, path, err) < 0) {
		secret_unref(secret);
		return -1;
	}
	*ret_secret = secret;
	return 0;
}

int secret_read_file(const char *path, struct secret **ret_secret, struct err *err)
{
	return read_file(path, MODE_OTHERS, ret_secret, err);
}

int secret_read_given(const char *path, struct secret **ret_secret, struct err *err)
{
	return read_file(path, 0, ret_secret, err);
}
