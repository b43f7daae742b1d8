/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection options: lines of key=value as StorageClass parameters, with "nqn" and "portal" beside
 * them. Nothing that passed the checks may add an option of its own to the kernel's string.
 */
#include "common/base/parse.h"
#include "common/nvmf/connect.h"
#include "test/fuzz/fuzz.h"

/* Options that connect_string() may write. */
static const char *const known[] = {"nqn=", "transport=", "traddr=", "trsvcid=", "hostnqn=",
	"hostid=", "nr_io_queues=", "nr_write_queues=", "queue_size=", "keep_alive_tmo=",
	"reconnect_delay=", "ctrl_loss_tmo=", "fast_io_fail_tmo=", "tos=", "hdr_digest",
	"data_digest"};

/* Every option is known and there once. */
static void check_string(const char *text)
{
	bool seen[ARRAY_SIZE(known)] = {0};

	while (*text) {
		size_t len = strcspn(text, ",");
		size_t i = 0;
		while (i < ARRAY_SIZE(known) && strncmp(text, known[i], strlen(known[i])) != 0) {
			i++;
		}
		FUZZ_CHECK(i < ARRAY_SIZE(known));
		FUZZ_CHECK(!seen[i]);
		seen[i] = true;
		text += len + (text[len] == ',');
	}
	for (size_t i = 0; i < 6; i++) {
		FUZZ_CHECK(seen[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;
	_cleanup_strbuf_ struct strbuf out = sb_init(2048);
	struct connect_options options;
	struct host_identity host;
	struct portal portal = {.addr = "10.0.0.5", .port = PORTAL_PORT_NVME};
	struct err err = {0};

	lines_split(data, size, &lines);
	struct kv_list list = lines_list(&lines);
	for (size_t i = 0; i < list.n; i++) {
		(void)connect_is_parameter(list.items[i].key);
	}
	if (connect_parse(list, &options, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INVALID_ARGUMENT);
		FUZZ_CHECK(utf8_valid(err.msg, strlen(err.msg)));
		return 0;
	}
	const char *nqn = kv_get(list, "nqn");
	const char *node = kv_get(list, "node");
	const char *where = kv_get(list, "portal");
	if (!nqn || nqn_check("nqn", nqn, NULL) < 0) {
		nqn = "nqn.2026-01.dev.csi.nvmetcp:demo:x";
	}
	if (!node || host_identity_make("demo", node, &host, NULL) < 0) {
		FUZZ_CHECK(host_identity_make("demo", "node-1", &host, NULL) == 0);
	}
	FUZZ_CHECK(nqn_is_node_of(host.nqn, "demo"));
	if (where) {
		(void)!portal_parse("portal", where, &portal, NULL);
	}
	FUZZ_CHECK(connect_string(&options, nqn, &host, &portal, &out, NULL) == 0);
	check_string(sb_str(&out));
	return 0;
}
