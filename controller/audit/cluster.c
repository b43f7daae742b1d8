/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the listing. Members that the audit does not need are not looked at.
 */
#include "controller/audit/cluster.h"

/** Most objects of one listing. */
#define ITEMS_MAX 1000000
/** Longest name, id or handle. */
#define TEXT_MAX 512
/** Longest word for the rest of a list. */
#define CONTINUE_MAX 4096
#define VOLUME "PersistentVolume"
#define ATTACHMENT "VolumeAttachment"

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

/* Room for @n more objects of each kind. */
static int make_room(struct cluster *cluster, size_t n, struct err *err)
{
	void *volumes = reallocarray(
		cluster->volumes, cluster->n_volumes + n + 1, sizeof(*cluster->volumes));

	cluster->volumes = volumes ? volumes : cluster->volumes;
	void *attachments = reallocarray(cluster->attachments, cluster->n_attachments + n + 1,
		sizeof(*cluster->attachments));
	cluster->attachments = attachments ? attachments : cluster->attachments;
	return volumes && attachments
		       ? 0
		       : err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for %zu objects", n);
}

/* An item's kind: kubectl's say it themselves, the API's only as the kind of their list. */
static bool is_kind(const char *own, const char *list, const char *kind)
{
	size_t len = strlen(kind);

	return own ? streq(own, kind) : strncmp(list, kind, len) == 0 && streq(list + len, "List");
}

static int read_items(struct cluster *cluster, const struct js_at *items, const char *list,
	const char *driver, struct err *err)
{
	size_t n = js_len(items);
	struct js_at item;
	int rc = make_room(cluster, n, err);

	cluster->has_volumes = cluster->has_volumes || is_kind(NULL, list, VOLUME);
	cluster->has_attachments = cluster->has_attachments || is_kind(NULL, list, ATTACHMENT);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *kind = NULL;
		if (js_item_obj(items, i, &item, err) < 0 ||
			js_opt_str(&item, "kind", TEXT_MAX, &kind, err) < 0) {
			return -1;
		}
		if (is_kind(kind, list, VOLUME)) {
			rc = read_volume(cluster, &item, driver, err);
		} else if (is_kind(kind, list, ATTACHMENT)) {
			rc = read_attachment(cluster, &item, driver, err);
		} else if (!kind) {
			rc = js_get_str(&item, "kind", TEXT_MAX, &kind, err);
		}
	}
	return rc;
}

static int read_more(const struct js_at *root, const char **ret_more, struct err *err)
{
	struct js_at metadata = {0};

	*ret_more = "";
	return js_opt_obj(root, "metadata", &metadata, err) < 0
		       ? -1
		       : (metadata.value ? js_opt_str(&metadata, "continue", CONTINUE_MAX, ret_more,
						   err)
					 : 0);
}

/* Parse @text; the document stays with @cluster. */
static int take_text(struct cluster *cluster, const char *name, const char *text, size_t len,
	struct js_at *ret_root, struct err *err)
{
	struct js_doc **docs =
		reallocarray((void *)cluster->docs, cluster->n_docs + 1, sizeof(*cluster->docs));

	if (!docs || cluster->n_docs == CLUSTER_TEXTS_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no room for it", name);
	}
	cluster->docs = docs;
	if (js_parse(name, text, len, CLUSTER_TEXT_MAX, &docs[cluster->n_docs], err) < 0) {
		return -1;
	}
	*ret_root = js_root(docs[cluster->n_docs++]);
	return js_want_obj(ret_root, err);
}

int cluster_add(struct cluster *cluster, const char *name, const char *text, size_t len,
	const char *driver, const char **ret_more, struct err *err)
{
	const char *list = "";
	const char *more;
	struct js_at root;
	struct js_at items;

	if (take_text(cluster, name, text, len, &root, err) < 0 ||
		js_opt_str(&root, "kind", TEXT_MAX, &list, err) < 0 ||
		js_get_array(&root, "items", ITEMS_MAX, &items, err) < 0 ||
		read_items(cluster, &items, list, driver, err) < 0 ||
		read_more(&root, ret_more ? ret_more : &more, err) < 0) {
		return -1;
	}
	qsort(cluster->attachments, cluster->n_attachments, sizeof(*cluster->attachments),
		by_volume);
	return 0;
}

void cluster_done(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->n_docs; i++) {
		js_doc_free(cluster->docs[i]);
	}
	free((void *)cluster->docs);
	free(cluster->volumes);
	free(cluster->attachments);
	*cluster = (struct cluster){0};
}
