/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's command line and the file that says where nodes are: the first byte says which, the
 * words of a command line are lines.
 */
#include "node/topology.h"
#include "test/fuzz/fuzz.h"

static const char *no_variable(const char *name)
{
	(void)name;
	return NULL;
}

static void take_flags(const uint8_t *data, size_t size)
{
	static struct lines lines;
	char *argv[LINES_MAX + 2] = {(char *)"nvmetcp-node"};
	struct node_flags flags;
	struct err err = {0};
	int n = lines_words(data, size, &lines, argv + 1) + 1;

	if (node_flags_parse(n, argv, no_variable, &flags, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	if (!flags.help && !flags.version) {
		FUZZ_CHECK(flags.socket && flags.socket[0] == '/');
		FUZZ_CHECK(*flags.instance && *flags.node_name && *flags.driver_name);
		FUZZ_CHECK(*flags.state_dir && flags.max_volumes >= 0);
	}
}

static void take_topology(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	_cleanup_close_ int fd = fuzz_file(data, size, path);
	const struct node_flags flags = {.node_name = "rack1-7", .topology_file = path};
	struct csi_segment segment = {
		.arena = arena_new(TOPOLOGY_ARENA_MAX), .driver = "nvmetcp.csi.dev"};
	struct err err = {0};

	FUZZ_CHECK(fd >= 0 && topology_is_on(&flags));
	if (topology_read(&flags, &segment, &err) < 0) {
		fuzz_said(&err);
	}
	FUZZ_CHECK(segment.n <= CSI_SEGMENT_KEYS_MAX);
	arena_free(segment.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0) {
		(data[0] % 2 == 0 ? take_topology : take_flags)(data + 1, size - 1);
	}
	return 0;
}
