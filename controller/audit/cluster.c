/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the listing. Members that the audit does not need are not looked at.
 */
#include "controller/audit/cluster.h"

/** Most objects of one listing. */
#define ITEMS_MAX 1000000
/** Longest name, id or handle. */
#define TEXT_MAX 512

static int read_name(const struct js_at *item, const char **ret, struct err *err)
{
	struct js_at metadata;

	return js_get_obj(item, "metadata", &metadata, err) < 0
		       ? -1
		       : js_get_str(&metadata, "name", TEXT_MAX, ret, err);
}

static int read_volume(
	struct cluster *cluster, const struct js_at *item, const char *driver, struct err *err)
{
	struct cluster_volume *to = &cluster->volumes[cluster->n_volumes];
	struct js_at spec;
	struct js_at csi = {0};
	const char *of = NULL;

	cluster->has_volumes = true;
	if (js_get_obj(item, "spec", &spec, err) < 0 || js_opt_obj(&spec, "csi", &csi, err) < 0) {
		return -1;
	}
	if (!csi.value) {
		return 0;
	}
	if (js_get_str(&csi, "driver", TEXT_MAX, &of, err) < 0) {
		return -1;
	}
	if (!streq(of, driver)) {
		return 0;
	}
	if (read_name(item, &to->name, err) < 0 ||
		js_get_str(&csi, "volumeHandle", TEXT_MAX, &to->handle, err) < 0) {
		return -1;
	}
	cluster->n_volumes++;
	return 0;
}

/* The attacher writes the id of the node that it attaches to into an annotation before it does. */
static int read_node_id(const struct js_at *item, const char **ret, struct err *err)
{
	struct js_at metadata;
	struct js_at notes = {0};

	*ret = "";
	if (js_get_obj(item, "metadata", &metadata, err) < 0 ||
		js_opt_obj(&metadata, "annotations", &notes, err) < 0) {
		return -1;
	}
	return notes.value
		       ? js_opt_str(&notes, "csi.alpha.kubernetes.io/node-id", TEXT_MAX, ret, err)
		       : 0;
}

static int read_attachment(
	struct cluster *cluster, const struct js_at *item, const char *driver, struct err *err)
{
	struct cluster_attachment *to = &cluster->attachments[cluster->n_attachments];
	struct js_at spec;
	struct js_at source;
	struct js_at status = {0};
	const char *of = NULL;

	cluster->has_attachments = true;
	*to = (struct cluster_attachment){0};
	if (js_get_obj(item, "spec", &spec, err) < 0 ||
		js_get_str(&spec, "attacher", TEXT_MAX, &of, err) < 0 ||
		js_get_obj(&spec, "source", &source, err) < 0 ||
		js_opt_str(&source, "persistentVolumeName", TEXT_MAX, &to->volume, err) < 0) {
		return -1;
	}
	if (!streq(of, driver) || !to->volume) {
		return 0;
	}
	if (read_node_id(item, &to->node_id, err) < 0 ||
		js_opt_obj(item, "status", &status, err) < 0 ||
		(status.value && js_opt_bool(&status, "attached", &to->attached, err) < 0)) {
		return -1;
	}
	cluster->n_attachments++;
	return 0;
}

static int by_volume(const void *a, const void *b)
{
	const struct cluster_attachment *x = a;
	const struct cluster_attachment *y = b;

	return strcmp(x->volume, y->volume);
}

static int read_items(
	struct cluster *cluster, const struct js_at *items, const char *driver, struct err *err)
{
	size_t n = js_len(items);
	const char *kind = NULL;
	struct js_at item;
	int rc = 0;

	cluster->volumes = calloc(n + 1, sizeof(*cluster->volumes));
	cluster->attachments = calloc(n + 1, sizeof(*cluster->attachments));
	if (!cluster->volumes || !cluster->attachments) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for %zu objects", n);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (js_item_obj(items, i, &item, err) < 0 ||
			js_get_str(&item, "kind", TEXT_MAX, &kind, err) < 0) {
			return -1;
		}
		if (streq(kind, "PersistentVolume")) {
			rc = read_volume(cluster, &item, driver, err);
		} else if (streq(kind, "VolumeAttachment")) {
			rc = read_attachment(cluster, &item, driver, err);
		}
	}
	return rc;
}

int cluster_parse(const char *name, const char *text, size_t len, const char *driver,
	struct cluster *ret, struct err *err)
{
	struct cluster cluster = {0};
	struct js_at root;
	struct js_at items;

	if (js_parse(name, text, len, CLUSTER_TEXT_MAX, &cluster.doc, err) < 0) {
		return -1;
	}
	root = js_root(cluster.doc);
	if (js_want_obj(&root, err) < 0 ||
		js_get_array(&root, "items", ITEMS_MAX, &items, err) < 0 ||
		read_items(&cluster, &items, driver, err) < 0) {
		cluster_done(&cluster);
		return -1;
	}
	qsort(cluster.attachments, cluster.n_attachments, sizeof(*cluster.attachments), by_volume);
	*ret = cluster;
	return 0;
}

void cluster_done(struct cluster *cluster)
{
	free(cluster->volumes);
	free(cluster->attachments);
	js_doc_free(cluster->doc);
	*cluster = (struct cluster){0};
}
