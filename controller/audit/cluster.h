/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster says of its volumes: PersistentVolumes and VolumeAttachments as kubectl prints
 * them, so that the audit needs no right of its own to ask. Only those of one driver are kept. A
 * plain value whose strings point into the text that was read.
 */
#pragma once

#include "common/base/err.h"
#include "common/json/json.h"

/** Largest listing, in bytes. */
#define CLUSTER_TEXT_MAX ((size_t)256 * MIB)

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
	struct js_doc *doc;
	struct cluster_volume *volumes;
	size_t n_volumes;
	struct cluster_attachment *attachments; /* sorted by volume */
	size_t n_attachments;
	/* Of whatever driver: without one the listing may lack the kind. */
	bool has_volumes;
	bool has_attachments;
};

/**
 * cluster_parse - read what `kubectl get persistentvolumes,volumeattachments -o json` printed;
 * @name names it in errors. Return: 0 and a cluster for cluster_done(), or -1 INVALID_ARGUMENT.
 */
MUST_USE int cluster_parse(const char *name, const char *text, size_t len, const char *driver,
	struct cluster *ret, struct err *err);
/** cluster_done - accepts one that was only zeroed. */
void cluster_done(struct cluster *cluster);
#define _cleanup_cluster_ _cleanup_(cluster_done)
