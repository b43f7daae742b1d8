/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs as texts, files and maps, and the end when a check does not hold.
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

void fuzz_fail(const char *truth, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, truth);
	abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	return text;
}

int fuzz_file(const uint8_t *data, size_t size, char ret_path[FUZZ_PATH_SIZE])
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(file_write_all(fd, (const char *)data, size) == 0);
	(void)snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

/* The folder, whose path is needed to remove it. */
static char folder_path[] = "/tmp/nv-fuzz-XXXXXX";
static int folder_fd = -1;

static int remove_file(const char *name, void *arg)
{
	return unlinkat(*(int *)arg, name, 0) == 0 ? 0 : 1;
}

static void remove_folder(void)
{
	if (dir_each(folder_fd, ".", remove_file, &folder_fd, NULL) == 0) {
		(void)rmdir(folder_path);
	}
}

int fuzz_folder(void)
{
	if (folder_fd < 0) {
		FUZZ_CHECK(mkdtemp(folder_path));
		folder_fd = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		FUZZ_CHECK(folder_fd >= 0);
		FUZZ_CHECK(atexit(remove_folder) == 0);
	}
	return folder_fd;
}

void fuzz_put(const char *name, const void *content, size_t size)
{
	_cleanup_close_ int fd = -1;

	if (!content) {
		(void)unlinkat(fuzz_folder(), name, 0);
		return;
	}
	fd = openat(fuzz_folder(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(file_write_all(fd, content, size) == 0);
}

void fuzz_said(const struct err *err)
{
	FUZZ_CHECK(err->code != ERR_OK);
	FUZZ_CHECK(*err->msg);
	FUZZ_CHECK(utf8_valid(err->msg, strlen(err->msg)));
	for (const char *p = err->msg; *p; p++) {
		FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7F);
	}
}

static size_t lines_take(const uint8_t *data, size_t size, struct lines *ret)
{
	size = MIN(size, (size_t)LINES_SIZE);
	if (size > 0) {
		memcpy(ret->text, data, size);
	}
	ret->text[size] = '\0';
	ret->n = 0;
	return size;
}

int lines_words(const uint8_t *data, size_t size, struct lines *lines, char **ret)
{
	char *rest = lines->text;
	int n = 0;

	(void)lines_take(data, size, lines);
	while (rest && n < LINES_MAX) {
		ret[n++] = strsep(&rest, "\n");
	}
	ret[n] = NULL;
	return n;
}

void lines_split(const uint8_t *data, size_t size, struct lines *ret)
{
	size = lines_take(data, size, ret);
	for (char *p = ret->text; p < ret->text + size && ret->n < LINES_MAX;) {
		char *end = memchr(p, '\n', (size_t)(ret->text + size - p));
		if (!end) {
			end = ret->text + size;
		}
		*end = '\0';
		char *equals = strchr(p, '=');
		if (equals) {
			*equals = '\0';
		}
		ret->items[ret->n++] = (struct kv){.key = p, .value = equals ? equals + 1 : ""};
		p = end + 1;
	}
}

struct kv_list lines_list(const struct lines *lines)
{
	return (struct kv_list){.items = lines->items, .n = lines->n};
}
