/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit: what the backends have and let in, against what the cluster knows of. It looks only.
 */
#pragma once

#include "controller/audit/cluster.h"
#include "controller/core/core.h"

enum finding_kind {
	FOUND_MISSING_VOLUME, /* a PersistentVolume names it, and its backend has it not */
	FOUND_NO_BACKEND,     /* a PersistentVolume is of a backend that is not configured */
	FOUND_MISSING_GRANT,  /* attached to a node that the backend does not let in */
	FOUND_LEAKED_GRANT,   /* the backend lets a node in that it is not attached to */
	FOUND_LEAKED_VOLUME,  /* no PersistentVolume names it */
	FOUND_KINDS,
};

/** struct finding - one difference; strings are never NULL. */
struct finding {
	enum finding_kind kind;
	const char *volume; /* id, by the backend's name (never an alias) */
	const char *node;   /* node id = host NQN, "" where none is concerned */
	const char *pv;	    /* name of the PersistentVolume, "" when there is none */
};

struct findings {
	struct finding *list;
	size_t n;
	size_t volumes; /* how many the backends have */
};

/** finding_kinds - their names for people and programs: "leaked-grant"; NULL at the end. */
extern const char *const finding_kinds[FOUND_KINDS + 1];
/** findings_have - is there one of this kind about this volume and node? */
bool findings_have(const struct findings *findings, const struct finding *one);
/**
 * audit_compare - list all backends and compare. A volume with an attachment that the attacher has
 * not begun with is not judged for leaked grants. Volumes of backends that keep none (type static)
 * are left out. Everything found lives as long as @op's arena; sorted by kind, volume, node.
 * Return: 0, or -1 with what a backend said: one that cannot be asked proves nothing (P5).
 */
MUST_USE int audit_compare(struct core *core, struct op *op, const struct cluster *cluster,
	struct findings *ret, struct err *err);
