/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publish and unpublish. Two controllers may publish at the same time, so what was read before a
 * grant is read again after it: of two nodes that a single-node volume was granted to at once, each
 * loses its grant, and the retries settle who comes first.
 */
#include "controller/core/publish.h"

#include "common/base/parse.h"
#include "common/nvmf/nqn.h"
#include "controller/core/member.h"

struct publishing {
	struct op *op;
	struct member *member;
	struct be_grant_args args;
	struct attach_info info;
	enum be_result result;
};

static int run_grant(const struct step *in, void *arg, struct err *err)
{
	struct publishing *p = arg;

	p->result = p->member->be->ops->grant(in, p->member->be, p->op, &p->args, &p->info, err);
	return p->result == BE_FAILED ? -1 : 0;
}

static int run_revoke(const struct step *in, void *arg, struct err *err)
{
	struct publishing *p = arg;

	p->result = p->member->be->ops->revoke(in, p->member->be, p->op, &p->args, err);
	return p->result == BE_FAILED ? -1 : 0;
}

/* Taking a grant back is only done when it is done: "in progress" leaves the outcome open. */
static int undo_grant(const struct step *in, void *arg, struct err *err)
{
	struct publishing *p = arg;

	if (run_revoke(in, arg, err) < 0) {
		return -1;
	}
	return p->result == BE_DONE
		       ? 0
		       : core_in_progress(p->member, "the grant is being taken back", err);
}

static bool has_host(const struct be_volume *volume, const char *host)
{
	for (size_t i = 0; i < volume->n_hosts; i++) {
		if (streq(volume->hosts[i], host)) {
			return true;
		}
	}
	return false;
}

static const char *other_host(const struct be_volume *volume, const char *host)
{
	for (size_t i = 0; i < volume->n_hosts; i++) {
		if (!streq(volume->hosts[i], host)) {
			return volume->hosts[i];
		}
	}
	return NULL;
}

static int check_single(const struct core_publish *publish, const struct member *member,
	const struct be_volume *volume, struct err *err)
{
	const char *other = publish->single_node ? other_host(volume, publish->node) : NULL;

	if (!other) {
		return 0;
	}
	return err_set(err, ERR_FAILED_PRECONDITION,
		"volume %s/%s is published to node %s, and %s allows one node; unpublish it there first",
		member->name, publish->id.object, other, publish->mode);
}

/*
 * No target can hold one host to reading, so no publish of ours is ever a read-only one: on a node
 * that has the volume it would differ from what is there, elsewhere it cannot be had.
 */
static int refuse_read_only(const struct core_publish *publish, bool there, struct err *err)
{
	if (!publish->read_only) {
		return 0;
	}
	return there ? err_set(err, ERR_ALREADY_EXISTS,
			       "volume %s/%s is published to node %s already, and not as readonly",
			       publish->id.backend, publish->id.object, publish->node)
		     : err_set(err, ERR_INVALID_ARGUMENT,
			       "readonly: true is not supported (PUBLISH_READONLY is not offered); use an access "
			       "mode that reads only");
}

static int undo_and_fail(struct steps *steps, struct err *err)
{
	struct err left = {0};

	if (steps_undo(steps, &left) < 0) {
		*err = left;
		(void)be_not_final(err);
		return err_wrap(err, "the grant could not be taken back");
	}
	return -1;
}

/* Grant, look again, and tell how to reach it. @volume is what was there before. */
static int grant(struct publishing *p, const struct core_publish *publish,
	const struct be_volume *volume, struct attach_text *ret, struct err *err)
{
	struct steps steps = {.operation = "ControllerPublishVolume"};
	struct be_volume now;

	if (step_run(&steps, "grant", run_grant, p, err) < 0) {
		return err_wrap(err, "volume %s/%s", p->member->name, publish->id.object);
	}
	if (p->result != BE_DONE) {
		return core_in_progress(p->member, "the volume is being exported", err);
	}
	if (publish->single_node) {
		if (!has_host(volume, publish->node)) {
			steps_on_failure(&steps, "revoke", undo_grant, p);
		}
		if (member_volume(p->member, p->op, publish->id.object, &now, err) < 0) {
			return be_not_final(err);
		}
		if (check_single(publish, p->member, &now, err) < 0) {
			return undo_and_fail(&steps, err);
		}
	}
	steps_keep(&steps);
	/* The grant stands, so whatever fails now is to be asked again. */
	return attach_print(&p->info, ret, err) < 0 ? be_not_final(err) : 0;
}

int core_publish(struct core *core, struct op *op, const struct core_publish *publish,
	struct attach_text *ret, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct publishing p = {.op = op,
		.args = {.object = publish->id.object,
			.host_nqn = publish->node,
			.attributes = publish->attributes}};
	struct be_volume volume;
	char shown[65];

	if (member_of_id(core, BE_KIND_VOLUME, &publish->id, &p.member, err) < 0 ||
		member_lock(core, p.member, BE_KIND_VOLUME, publish->id.object, &held, err) < 0 ||
		member_enter(p.member, &p.member->lane, &lane, err) < 0 ||
		member_volume(p.member, op, publish->id.object, &volume, err) < 0) {
		return -1;
	}
	if (!nqn_is_node_of(publish->node, core->instance)) {
		return err_set(err, ERR_NOT_FOUND,
			"node_id: \"%s\" is no node of the instance \"%s\"; is the node plugin started with the same "
			"instance?",
			printable(publish->node, shown, sizeof(shown)), core->instance);
	}
	if (!volume.ready) {
		return core_in_progress(p.member, "the volume is not ready", err);
	}
	if (refuse_read_only(publish, has_host(&volume, publish->node), err) < 0 ||
		check_single(publish, p.member, &volume, err) < 0) {
		return -1;
	}
	return grant(&p, publish, &volume, ret, err);
}

int core_unpublish(struct core *core, struct op *op, const struct core_id *id, const char *node,
	struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct steps steps = {.operation = "ControllerUnpublishVolume"};
	struct err why = {0};
	struct publishing p = {.op = op,
		.args = {.object = id->object, .host_nqn = str_empty(node) ? NULL : node}};

	if (member_of_id(core, BE_KIND_VOLUME, id, &p.member, &why) < 0) {
		return core_unless_absent(&why, err);
	}
	/* We never granted to a node that is none of ours. */
	if (p.args.host_nqn && !nqn_is_node_of(node, core->instance)) {
		return 0;
	}
	if (member_lock(core, p.member, BE_KIND_VOLUME, id->object, &held, err) < 0 ||
		member_enter(p.member, &p.member->lane, &lane, err) < 0) {
		return -1;
	}
	if (step_run(&steps, "revoke", run_revoke, &p, err) < 0) {
		return err_wrap(err, "volume %s/%s", p.member->name, id->object);
	}
	return p.result == BE_DONE ? 0
				   : core_in_progress(p.member, "the host is being cut off", err);
}
