/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateSnapshot, DeleteSnapshot, ListSnapshots, GetSnapshot.
 */
#include "controller/core/snapshot.h"

#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "controller/core/params.h"
#include "controller/service/convert.h"
#include "controller/service/handlers.h"

void service_create_snapshot(Csi__V1__Controller_Service *service,
	const Csi__V1__CreateSnapshotRequest *input,
	Csi__V1__CreateSnapshotResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__CreateSnapshotResponse answer = CSI__V1__CREATE_SNAPSHOT_RESPONSE__INIT;
	struct core_snapshot snapshot;
	struct kv_list parameters;
	struct kv_list ignored;
	struct csi_id parsed;
	struct core_id source;

	if (csi_check_name("name", input->name, &op->err) < 0 ||
		csi_check_id("source_volume_id", input->source_volume_id, &op->err) < 0 ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0 ||
		CSI_MAP(op->arena, input, parameters, &parameters, &op->err) < 0 ||
		params_snapshot_check(parameters, &op->err) < 0 ||
		csi_id_parse("volume", input->source_volume_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	source = convert_core_id(&parsed);
	if (core_snapshot_create(core, op, input->name, &source, &snapshot, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	answer.snapshot = convert_snapshot(op, &snapshot);
	closure(answer.snapshot ? &answer : NULL, closure_data);
}

void service_delete_snapshot(Csi__V1__Controller_Service *service,
	const Csi__V1__DeleteSnapshotRequest *input,
	Csi__V1__DeleteSnapshotResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__DeleteSnapshotResponse answer = CSI__V1__DELETE_SNAPSHOT_RESPONSE__INIT;
	struct kv_list ignored;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("snapshot_id", input->snapshot_id, &op->err) < 0 ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	if (csi_id_parse("snapshot", input->snapshot_id, &parsed, NULL) == 0) {
		id = convert_core_id(&parsed);
		if (core_snapshot_delete(core, op, &id, &op->err) < 0) {
			closure(NULL, closure_data);
			return;
		}
	}
	closure(&answer, closure_data);
}

static int fill_page(
	struct op *op, const struct core_snapshots *page, Csi__V1__ListSnapshotsResponse *ret)
{
	ret->next_token = convert_text(op, page->next_token);
	if (!ret->next_token) {
		return -1;
	}
	if (page->n == 0) {
		return 0;
	}
	ret->entries = arena_alloc(op->arena, page->n * sizeof(*ret->entries));
	if (!ret->entries) {
		return err_set(&op->err, ERR_RESOURCE_EXHAUSTED,
			"max_entries: the page is too large, ask for less");
	}
	for (size_t i = 0; i < page->n; i++) {
		Csi__V1__ListSnapshotsResponse__Entry *entry =
			arena_alloc(op->arena, sizeof(*entry));

		if (!entry) {
			return err_set(&op->err, ERR_RESOURCE_EXHAUSTED,
				"max_entries: the page is too large, ask for less");
		}
		csi__v1__list_snapshots_response__entry__init(entry);
		entry->snapshot = convert_snapshot(op, &page->list[i]);
		if (!entry->snapshot) {
			return -1;
		}
		ret->entries[i] = entry;
	}
	ret->n_entries = page->n;
	return 0;
}

/*
 * A filter that is no id of ours matches nothing, which is an empty list and no error.
 * Return: false when nothing can match.
 */
static bool read_filter(
	const char *text, struct csi_id *parsed, struct core_id *id, const struct core_id **ret)
{
	if (str_empty(text)) {
		return true;
	}
	if (csi_id_parse("filter", text, parsed, NULL) < 0) {
		return false;
	}
	*id = convert_core_id(parsed);
	*ret = id;
	return true;
}

void service_list_snapshots(Csi__V1__Controller_Service *service,
	const Csi__V1__ListSnapshotsRequest *input, Csi__V1__ListSnapshotsResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ListSnapshotsResponse answer = CSI__V1__LIST_SNAPSHOTS_RESPONSE__INIT;
	struct core_snapshot_filter filter = {0};
	struct core_snapshots page = {.next_token = ""};
	struct csi_id parsed_id;
	struct csi_id parsed_source;
	struct core_id id;
	struct core_id source;
	struct kv_list ignored;

	if (csi_check_max_entries("max_entries", input->max_entries, &op->err) < 0 ||
		csi_check_string("snapshot_id", input->snapshot_id, &op->err) < 0 ||
		csi_check_string("source_volume_id", input->source_volume_id, &op->err) < 0 ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	filter.max_entries = (size_t)input->max_entries;
	filter.token = input->starting_token;
	if (read_filter(input->snapshot_id, &parsed_id, &id, &filter.id) &&
		read_filter(input->source_volume_id, &parsed_source, &source, &filter.source) &&
		core_snapshot_list(core, op, &filter, &page, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	if (fill_page(op, &page, &answer) < 0) {
		closure(NULL, closure_data);
		return;
	}
	closure(&answer, closure_data);
}

void service_get_snapshot(Csi__V1__Controller_Service *service,
	const Csi__V1__GetSnapshotRequest *input, Csi__V1__GetSnapshotResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__GetSnapshotResponse answer = CSI__V1__GET_SNAPSHOT_RESPONSE__INIT;
	struct core_snapshot snapshot;
	struct kv_list ignored;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("snapshot_id", input->snapshot_id, &op->err) < 0 ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0 ||
		csi_id_parse("snapshot", input->snapshot_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	id = convert_core_id(&parsed);
	if (core_snapshot_get(core, op, &id, &snapshot, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	answer.snapshot = convert_snapshot(op, &snapshot);
	closure(answer.snapshot ? &answer : NULL, closure_data);
}
