/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publish and unpublish: one node at a time where the mode says so, also against another
 * controller, and a revoke that is only told when it is done.
 */
#include "controller/core/publish.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct core_id make(struct bench *bench)
{
	struct core_create what = {.name = "v", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	if (core_volume_create(bench->core, &bench->op, &what, &volume, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return volume.id;
}

static int publish(struct bench *bench, struct core_id id, const char *node, bool single)
{
	static struct attach_text text;
	struct core_publish what = {
		.id = id, .node = node, .single_node = single, .mode = single ? "SINGLE" : "MULTI"};

	bench->err = (struct err){0};
	return core_publish(bench->core, &bench->op, &what, &text, &bench->err);
}

static void expect(struct bench *bench, int result, enum err_code code, const char *text)
{
	assert_int_equal(result, -1);
	if (bench->err.code != code || !strstr(bench->err.msg, text)) {
		fail_msg("%s, not %s with \"%s\": %s", err_code_name(bench->err.code),
			err_code_name(code), text, bench->err.msg);
	}
}

static void context_is_complete(void **state UNUSED)
{
	struct bench bench;
	struct attach_text text;
	struct attach_info info;
	struct core_id id;
	struct core_publish what = {.node = NODE_1, .single_node = true, .mode = "SINGLE"};

	bench_start(&bench, false);
	id = make(&bench);
	what.id = id;
	assert_int_equal(core_publish(bench.core, &bench.op, &what, &text, &bench.err), 0);
	assert_int_equal(attach_parse((struct kv_list){text.items, text.n}, &info, &bench.err), 0);
	assert_int_equal(info.min_size, GIB);
	assert_int_equal(info.portals.n, 1);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 1);
	/* Again: the same. */
	assert_int_equal(core_publish(bench.core, &bench.op, &what, &text, &bench.err), 0);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 1);
	bench_stop(&bench);
}

static void one_node_at_a_time(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	assert_int_equal(publish(&bench, id, NODE_1, true), 0);
	expect(&bench, publish(&bench, id, NODE_2, true), ERR_FAILED_PRECONDITION, NODE_1);
	assert_int_equal(bench.a->calls[TINY_GRANT], 1);
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err), 0);
	assert_int_equal(publish(&bench, id, NODE_2, true), 0);
	bench_stop(&bench);
}

static void many_nodes(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	assert_int_equal(publish(&bench, id, NODE_1, false), 0);
	assert_int_equal(publish(&bench, id, NODE_2, false), 0);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 2);
	/* Unpublish of one leaves the other. */
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err), 0);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 1);
	assert_string_equal(tiny_volume(bench.a, id.object)->hosts[0], NODE_2);
	assert_int_equal(publish(&bench, id, NODE_1, false), 0);
	/* No node named: all. */
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, "", &bench.err), 0);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 0);
	bench_stop(&bench);
}

/* Of a backend whose volumes are not ours by their names: what the PersistentVolume says comes to
 * it. */
static void foreign_names_and_attributes(void **state UNUSED)
{
	static const struct kv attributes[] = {{"nqn", "nqn.2014-08.org.example:x"}};
	struct bench bench;
	struct attach_text text;
	struct core_publish what = {.id = {"a", "any.name"},
		.node = NODE_1,
		.single_node = true,
		.mode = "SINGLE",
		.attributes = {attributes, ARRAY_SIZE(attributes)}};

	bench_start(&bench, false);
	expect(&bench, publish(&bench, what.id, NODE_1, true), ERR_NOT_FOUND, "any.name");
	bench.a->features.foreign = true;
	bench.a->volumes[0].used = true;
	(void)snprintf(bench.a->volumes[0].object, BE_OBJECT_SIZE, "any.name");
	assert_int_equal(core_publish(bench.core, &bench.op, &what, &text, &bench.err), 0);
	assert_int_equal(bench.a->attributes, 1);
	bench_stop(&bench);
}

static void other_controller_grants(struct tiny *tiny)
{
	for (size_t i = 0; i < TINY_MAX; i++) {
		if (tiny->volumes[i].used) {
			tiny_add_host(&tiny->volumes[i], NODE_2);
		}
	}
}

static void two_controllers_at_once(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;
	struct tiny_volume *v;

	bench_start(&bench, false);
	id = make(&bench);
	v = tiny_volume(bench.a, id.object);
	bench.a->during_grant = other_controller_grants;
	expect(&bench, publish(&bench, id, NODE_1, true), ERR_FAILED_PRECONDITION, NODE_2);
	/* Our grant was taken back, the other's not. */
	assert_int_equal(v->n_hosts, 1);
	assert_string_equal(v->hosts[0], NODE_2);

	/* When it cannot be taken back, nobody may believe that nothing is there. */
	v->n_hosts = 0;
	bench.a->fail[TINY_REVOKE] = ERR_INTERNAL;
	assert_int_equal(publish(&bench, id, NODE_1, true), -1);
	assert_false(err_is_final(bench.err.code));
	v->n_hosts = 0;
	bench.a->in_progress[TINY_REVOKE] = 1;
	assert_int_equal(publish(&bench, id, NODE_1, true), -1);
	assert_false(err_is_final(bench.err.code));

	/* A grant that was there before is not ours to take back. */
	v->n_hosts = 0;
	tiny_add_host(v, NODE_1);
	assert_int_equal(publish(&bench, id, NODE_1, true), -1);
	assert_int_equal(v->n_hosts, 2);
	/* With several nodes allowed there is nothing to settle. */
	v->n_hosts = 0;
	assert_int_equal(publish(&bench, id, NODE_1, false), 0);
	bench_stop(&bench);
}

static void grant_fails(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);

	bench.a->fail[TINY_GRANT] = ERR_UNAVAILABLE;
	expect(&bench, publish(&bench, id, NODE_1, true), ERR_UNAVAILABLE, "scripted");
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 0);
	bench.a->in_progress[TINY_GRANT] = 1;
	expect(&bench, publish(&bench, id, NODE_1, true), ERR_ABORTED, "still working");
	bench_stop(&bench);
}

static void next_look_fails(struct tiny *tiny)
{
	tiny->fail[TINY_GET] = ERR_INTERNAL;
	tiny->during_grant = NULL;
}

static void granted_but_not_seen(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	bench.a->during_grant = next_look_fails;
	assert_int_equal(publish(&bench, id, NODE_1, true), -1);
	assert_false(err_is_final(bench.err.code));
	assert_int_equal(publish(&bench, id, NODE_1, true), 0);
	bench_stop(&bench);
}

static void unknown_volumes_and_nodes(void **state UNUSED)
{
	static const char *const strangers[] = {"", "node-1", NQN_PREFIX "node.other.n1",
		"nqn.2014-08.org.nvmexpress:uuid:1",
		NQN_PREFIX "t1:11111111-1111-1111-1111-111111111111"};
	struct bench bench;
	struct core_id id;
	struct core_id gone = {"a", "t1-v-00112233445566778899aabbccddeeff"};
	struct core_id foreign = {"a", "t2-v-00112233445566778899aabbccddeeff"};
	struct core_id elsewhere = {"z", "t1-v-00112233445566778899aabbccddeeff"};

	bench_start(&bench, false);
	id = make(&bench);
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		expect(&bench, publish(&bench, id, strangers[i], true), ERR_NOT_FOUND, "node_id");
	}
	assert_int_equal(bench.a->calls[TINY_GRANT], 0);
	expect(&bench, publish(&bench, gone, NODE_1, true), ERR_NOT_FOUND, "volume a/");
	expect(&bench, publish(&bench, foreign, NODE_1, true), ERR_NOT_FOUND, "instance");
	expect(&bench, publish(&bench, elsewhere, NODE_1, true), ERR_UNAVAILABLE, "backend \"z\"");

	bench.err = (struct err){0};
	assert_int_equal(core_unpublish(bench.core, &bench.op, &gone, NODE_1, &bench.err), 0);
	assert_int_equal(core_unpublish(bench.core, &bench.op, &foreign, NODE_1, &bench.err), 0);
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, "node-1", &bench.err), 0);
	assert_int_equal(bench.err.code, ERR_OK);
	/* A backend that is not configured may still let the node write. */
	assert_int_equal(core_unpublish(bench.core, &bench.op, &elsewhere, NODE_1, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	bench_stop(&bench);
}

static void read_only(void **state UNUSED)
{
	struct bench bench;
	struct attach_text text;
	struct core_publish what = {
		.node = NODE_1, .single_node = true, .mode = "SINGLE", .read_only = true};

	bench_start(&bench, false);
	what.id = make(&bench);
	expect(&bench, core_publish(bench.core, &bench.op, &what, &text, &bench.err),
		ERR_INVALID_ARGUMENT, "readonly");
	assert_int_equal(publish(&bench, what.id, NODE_1, true), 0);
	expect(&bench, core_publish(bench.core, &bench.op, &what, &text, &bench.err),
		ERR_ALREADY_EXISTS, NODE_1);
	bench_stop(&bench);
}

static void unpublish_is_done_or_it_is_not(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	assert_int_equal(publish(&bench, id, NODE_1, true), 0);
	bench.a->in_progress[TINY_REVOKE] = 1;
	expect(&bench, core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err), ERR_ABORTED,
		"cut off");
	bench.a->fail[TINY_REVOKE] = ERR_DEADLINE_EXCEEDED;
	expect(&bench, core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err),
		ERR_DEADLINE_EXCEEDED, "scripted");
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err), 0);
	assert_int_equal(core_unpublish(bench.core, &bench.op, &id, NODE_1, &bench.err), 0);
	assert_int_equal(tiny_volume(bench.a, id.object)->n_hosts, 0);
	bench_stop(&bench);
}

/* A backend that grants and then says nothing that a node could use. */
static enum be_result grant_nothing(const struct step *in, struct backend *self,
	const struct op *op, const struct be_grant_args *args, struct attach_info *ret,
	struct err *err)
{
	enum be_result result = tiny_grant(in, self, op, args, ret, err);

	ret->portals.n = 0;
	return result;
}

static void granted_but_not_told(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	bench.a->ops.grant = grant_nothing;
	assert_int_equal(publish(&bench, id, NODE_1, true), -1);
	assert_false(err_is_final(bench.err.code));
	bench_stop(&bench);
}

static void unready_volume(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench);
	tiny_volume(bench.a, id.object)->unready = true;
	expect(&bench, publish(&bench, id, NODE_1, true), ERR_ABORTED, "not ready");
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_is_complete),
		cmocka_unit_test(one_node_at_a_time),
		cmocka_unit_test(many_nodes),
		cmocka_unit_test(foreign_names_and_attributes),
		cmocka_unit_test(two_controllers_at_once),
		cmocka_unit_test(grant_fails),
		cmocka_unit_test(granted_but_not_seen),
		cmocka_unit_test(unknown_volumes_and_nodes),
		cmocka_unit_test(read_only),
		cmocka_unit_test(unpublish_is_done_or_it_is_not),
		cmocka_unit_test(granted_but_not_told),
		cmocka_unit_test(unready_volume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
