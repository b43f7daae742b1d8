/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fencing what was left open.
 */
#include "controller/audit/repair.h"

#include "common/csi/ids.h"
#include "controller/core/publish.h"

/** Longest time for one fence, in ms. */
#define FENCE_MS 60000

static int fence(struct core *core, struct op *op, const struct finding *finding, struct err *err)
{
	struct op one = {.arena = op->arena, .deadline = deadline_sooner(&op->deadline, FENCE_MS)};
	struct core_id id;
	struct csi_id parsed;

	if (csi_id_parse("volume", finding->volume, &parsed, err) < 0) {
		return -1;
	}
	id = (struct core_id){.backend = parsed.backend, .object = parsed.object};
	if (!core_backend_features(core, core_backend_index(core, id.backend))->two_writers) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"only the running controller may change this backend; detach the volume there by an "
			"unpublish of its own");
	}
	return core_unpublish(core, &one, &id, finding->node, err);
}

int audit_repair(struct core *core, struct op *op, const struct repair *repair,
	struct repaired *ret, struct err *err)
{
	*ret = (struct repaired){0};
	if (!repair->cluster->has_volumes || !repair->cluster->has_attachments) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"the cluster's listing has no %s at all, so nothing is mended by it; get it with: kubectl get "
			"persistentvolumes,volumeattachments -o json",
			repair->cluster->has_volumes ? "VolumeAttachment" : "PersistentVolume");
	}
	for (size_t i = 0; i < repair->now->n; i++) {
		const struct finding *finding = &repair->now->list[i];
		struct err why = {0};

		if (finding->kind != FOUND_LEAKED_GRANT) {
			continue;
		}
		if (!findings_have(repair->earlier, finding)) {
			ret->left++;
			(void)fprintf(repair->out,
				"left: %s, node %s: the earlier report has it not\n",
				finding->volume, finding->node);
		} else if (fence(core, op, finding, &why) < 0) {
			ret->left++;
			(void)fprintf(repair->out, "left: %s, node %s: %s\n", finding->volume,
				finding->node, why.msg);
		} else {
			ret->fenced++;
			(void)fprintf(repair->out, "fenced: %s, node %s\n", finding->volume,
				finding->node);
		}
	}
	return 0;
}
