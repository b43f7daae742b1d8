/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the audit reads: kubectl's listing, and the report of an earlier audit. The first byte says
 * which.
 */
#include "controller/audit/report.h"
#include "test/fuzz/fuzz.h"

#define DRIVER "nvmetcp.csi.dev"
#define ARENA_MAX ((size_t)1024 * 1024)

static void take_listing(const char *text, size_t size)
{
	_cleanup_cluster_ struct cluster cluster = {0};
	struct err err = {0};

	if (cluster_add(&cluster, "listing", text, size, DRIVER, NULL, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(cluster.n_volumes == 0 || cluster.has_volumes);
	FUZZ_CHECK(cluster.n_attachments == 0 || cluster.has_attachments);
	for (size_t i = 0; i < cluster.n_volumes; i++) {
		FUZZ_CHECK(cluster.volumes[i].name && cluster.volumes[i].handle);
	}
	for (size_t i = 0; i < cluster.n_attachments; i++) {
		FUZZ_CHECK(cluster.attachments[i].volume && cluster.attachments[i].node_id);
		FUZZ_CHECK(i == 0 || strcmp(cluster.attachments[i - 1].volume,
					     cluster.attachments[i].volume) <= 0);
	}
}

/* What is read is written, and read as the same. */
static void take_report(const char *text)
{
	struct arena *arena = arena_new(ARENA_MAX);
	_cleanup_free_ char *again = NULL;
	struct findings findings;
	struct findings same;
	struct err err = {0};
	size_t len;

	if (report_read(text, arena, &findings, &err) < 0) {
		fuzz_said(&err);
		arena_free(arena);
		return;
	}
	FILE *out = open_memstream(&again, &len);

	FUZZ_CHECK(out);
	FUZZ_CHECK(report_json(out, &findings, NULL) == 0);
	FUZZ_CHECK(fclose(out) == 0);
	FUZZ_CHECK(
		report_read(again, arena, &same, &err) == 0 || err.code == ERR_RESOURCE_EXHAUSTED);
	for (size_t i = 0; i < findings.n && err.code == ERR_OK; i++) {
		FUZZ_CHECK(findings_have(&same, &findings.list[i]));
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	_cleanup_free_ char *text = fuzz_text(data + 1, size - 1);

	if (data[0] % 2 == 0) {
		take_listing(text, size - 1);
	} else if (*text == '{') {
		take_report(text);
	}
	return 0;
}
