/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing and reading findings.
 */
#include "controller/audit/report.h"

/** Largest report and most findings that are read. */
#define REPORT_TEXT_MAX ((size_t)64 * MIB)
#define REPORT_MAX 1000000
#define TEXT_MAX 512

static const char *const advice[FOUND_KINDS] = {
	[FOUND_MISSING_VOLUME] =
		"its data is not where it was: look at the backend before anything else",
	[FOUND_NO_BACKEND] =
		"add the backend to the configuration, or its name to another one's aliases",
	[FOUND_MISSING_GRANT] = "the node cannot reach it; the attacher mends this within a minute",
	[FOUND_LEAKED_GRANT] = "that node could still write to it; --repair fences it",
	[FOUND_LEAKED_VOLUME] =
		"kept by Retain, being made just now, or forgotten: look, then delete it on the backend",
};

void report_table(FILE *out, const struct cluster *cluster, const struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = &findings->list[i];

		(void)fprintf(out, "%-14s  %s", finding_kinds[finding->kind], finding->volume);
		if (*finding->pv) {
			(void)fprintf(out, "  (PersistentVolume %s)", finding->pv);
		}
		if (*finding->node) {
			(void)fprintf(out, "  node %s", finding->node);
		}
		(void)fprintf(out, "\n                %s\n", advice[finding->kind]);
	}
	(void)fprintf(out,
		"%zu volumes on the backends, %zu PersistentVolumes, %zu attachments: %zu findings\n",
		findings->volumes, cluster->n_volumes, cluster->n_attachments, findings->n);
}

int report_json(FILE *out, const struct findings *findings, struct err *err)
{
	_cleanup_js_ struct js *report = js_object();
	struct js *list = js_array();
	char *text = NULL;
	int rc;

	for (size_t i = 0; i < findings->n; i++) {
		struct js *one = js_object();

		js_set_str(one, "kind", finding_kinds[findings->list[i].kind]);
		js_set_str(one, "volume", findings->list[i].volume);
		js_set_str(one, "node", findings->list[i].node);
		js_set_str(one, "persistentVolume", findings->list[i].pv);
		js_add(list, one);
	}
	js_set(report, "findings", list);
	if (js_print(report, "report", REPORT_TEXT_MAX, &text, NULL, err) < 0) {
		return -1;
	}
	rc = fprintf(out, "%s\n", text) < 0
		     ? err_set(err, ERR_INTERNAL, "the report could not be written")
		     : 0;
	free(text);
	return rc;
}

static int read_one(
	const struct js_at *item, struct arena *arena, struct finding *ret, struct err *err)
{
	const char *volume = NULL;
	const char *node = NULL;
	int kind = 0;

	if (js_get_choice(item, "kind", finding_kinds, &kind, err) < 0 ||
		js_get_str(item, "volume", TEXT_MAX, &volume, err) < 0 ||
		js_get_str(item, "node", TEXT_MAX, &node, err) < 0) {
		return -1;
	}
	*ret = (struct finding){.kind = (enum finding_kind)kind,
		.volume = arena_strdup(arena, volume),
		.node = arena_strdup(arena, node),
		.pv = ""};
	return ret->volume && ret->node
		       ? 0
		       : err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the report");
}

int report_read(const char *from, struct arena *arena, struct findings *ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at root;
	struct js_at list;
	struct js_at item;

	*ret = (struct findings){0};
	int rc = *from == '{' ? js_parse("report", from, strlen(from), REPORT_TEXT_MAX, &doc, err)
			      : js_parse_file(from, REPORT_TEXT_MAX, &doc, err);
	if (rc < 0) {
		return -1;
	}
	root = js_root(doc);
	if (js_want_obj(&root, err) < 0 ||
		js_get_array(&root, "findings", REPORT_MAX, &list, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(arena, (js_len(&list) + 1) * sizeof(*ret->list));
	if (!ret->list) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the report");
	}
	for (size_t i = 0; i < js_len(&list); i++) {
		if (js_item_obj(&list, i, &item, err) < 0 ||
			read_one(&item, arena, &ret->list[i], err) < 0) {
			return -1;
		}
		ret->n++;
	}
	return 0;
}
