/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster says of its volumes: PersistentVolumes and VolumeAttachments, as kubectl prints
 * them or as the API lists them (api.h). Only those of one driver are kept. A plain value whose
 * strings point into the texts that were read.
 */
#pragma once

#include "common/base/err.h"
#include "common/json/json.h"

/** Largest listing, in bytes, and most of them. */
#define CLUSTER_TEXT_MAX ((size_t)256 * MIB)
#define CLUSTER_TEXTS_MAX 4096

/** struct cluster_volume - a PersistentVolume. */
struct cluster_volume {
	const char *name;
	const char *handle; /* volumeHandle: backend and object */
};

/** struct cluster_attachment - a VolumeAttachment. */
struct cluster_attachment {
	const char *volume;  /* name of the PersistentVolume */
	const char *node_id; /* what the attacher took down; "" before it did */
	bool attached;
};

struct cluster {
	struct js_doc **docs;
	size_t n_docs;
	struct cluster_volume *volumes;
	size_t n_volumes;
	struct cluster_attachment *attachments; /* sorted by volume */
	size_t n_attachments;
	/* Of whatever driver: without one the listing may lack the kind. */
	bool has_volumes;
	bool has_attachments;
};

/**
 * cluster_add - read what `kubectl get persistentvolumes,volumeattachments -o json` printed, or a
 * list of the API, into @cluster, which was zeroed before the first; @name names it in errors.
 * @ret_more (may be NULL): what the API wants to hear for the rest of the list, "" when this was
 * the last part; valid as long as @cluster.
 * Return: 0, or -1 INVALID_ARGUMENT; either way @cluster is for cluster_done().
 */
MUST_USE int cluster_add(struct cluster *cluster, const char *name, const char *text, size_t len,
	const char *driver, const char **ret_more, struct err *err);
/** cluster_done - accepts one that was only zeroed. */
void cluster_done(struct cluster *cluster);
#define _cleanup_cluster_ _cleanup_(cluster_done)
