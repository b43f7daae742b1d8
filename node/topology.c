/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading it.
 */
#include "node/topology.h"

#include "common/base/fileio.h"
#include "common/base/parse.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>

#define BLANK " \t\r"

/* The next word of @line, which is moved behind it; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, BLANK);
	size_t len = strcspn(word, BLANK);

	if (len == 0) {
		return NULL;
	}
	*line = word + len;
	if (**line) {
		*(*line)++ = '\0';
	}
	return word;
}

static int read_line(
	char *line, const char *field, const char *node, struct csi_segment *ret, struct err *err)
{
	char *pattern;
	char *segment;
	char shown[65];

	line[strcspn(line, "#")] = '\0';
	pattern = next_word(&line);
	if (!pattern) {
		return 0;
	}
	segment = next_word(&line);
	if (!segment || next_word(&line)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: after \"%s\" there must be one word, the segment, as zone=a,rack=7",
			field, printable(pattern, shown, sizeof(shown)));
	}
	return fnmatch(pattern, node, 0) == 0 ? csi_segment_parse(ret, field, segment, err) : 0;
}

static int read_lines(
	char *text, const struct node_flags *flags, struct csi_segment *ret, struct err *err)
{
	char field[PATH_MAX + 32];
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		(void)snprintf(field, sizeof(field), "%s: line %u", flags->topology_file, ++number);
		if (read_line(line, field, flags->node_name, ret, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int topology_read(const struct node_flags *flags, struct csi_segment *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!str_empty(flags->topology) &&
		csi_segment_parse(ret, "--topology", flags->topology, err) < 0) {
		return -1;
	}
	if (str_empty(flags->topology_file)) {
		return 0;
	}
	if (file_read(AT_FDCWD, flags->topology_file, TOPOLOGY_FILE_MAX, &text, &len, err) < 0) {
		return err_wrap(err, "--topology-file");
	}
	return read_lines(text, flags, ret, err);
}

bool topology_is_on(const struct node_flags *flags)
{
	return !str_empty(flags->topology) || !str_empty(flags->topology_file);
}
