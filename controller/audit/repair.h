/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an audit may mend: a node that is let in although it is attached to nothing is fenced.
 * Volumes are never deleted: that nobody names one does not mean that nobody wants its data.
 */
#pragma once

#include "controller/audit/compare.h"

#include <stdio.h>

/** struct repair - what two audits found, and where to say what is done; all borrowed. */
struct repair {
	const struct cluster *cluster; /* of the audit of now */
	const struct findings *now;
	const struct findings *earlier;
	FILE *out;
};

struct repaired {
	size_t fenced;
	size_t left; /* leaked grants that stay, each with a line why */
};

/**
 * audit_repair - revoke the leaked grants of now that an earlier audit found as well. A node that
 * is being attached just now looks the same in one audit, so one is never enough; and a listing
 * without any attachment is no evidence. A line for each goes to out. Return: 0 (some may be
 * left), or -1 when nothing may be mended at all.
 */
MUST_USE int audit_repair(struct core *core, struct op *op, const struct repair *repair,
	struct repaired *ret, struct err *err);
