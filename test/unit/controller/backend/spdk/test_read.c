/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read of bdevs and subsystems, and what names say.
 */
#include "controller/backend/spdk/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define UUID "a9959197-b5e2-4f2d-8095-251ffb6985a5"
#define VOLUME_OBJECT "prod-v-f2868e1aa7cab669517cd9f5ab1b7957"
#define BDEV(name, lvol)                                                                           \
	"{\"name\":\"" UUID "\",\"aliases\":[\"" name "\"],\"product_name\":\"Logical Volume\","   \
	"\"block_size\":4096,\"num_blocks\":2048,\"uuid\":\"" UUID "\",\"claimed\":true,"          \
	"\"driver_specific\":{\"lvol\":{" lvol "}}}"
#define LVOL "\"lvol_store_uuid\":\"x\",\"thin_provision\":true,\"snapshot\":"

static struct spdk_backend backend(void)
{
	return (struct spdk_backend){
		.name = "lab", .instance = "prod", .pools = {{.name = "lvs0"}}, .n_pools = 1};
}

static int read_bdev(const char *text, struct spdk_lvol *ret, struct js_doc **doc)
{
	/* What is read points to its pools. */
	static struct spdk_backend sb;
	struct err err = {0};
	struct js_at root;

	assert_int_equal(js_parse("bdev", text, strlen(text), 65536, doc, &err), 0);
	root = js_root(*doc);
	sb = backend();
	return spdk_read_lvol(&sb, &root, ret, &err);
}

/* The stored name of VOLUME_OBJECT, in the pool. */
static const char *bdev_of(enum be_kind kind, const char *rest, char *out, size_t size)
{
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = VOLUME_OBJECT};
	char object[BE_OBJECT_SIZE];
	char name[BE_OBJECT_SIZE];
	struct err err = {0};

	objname_make("prod", kind, "pvc-1", object);
	assert_int_equal(objname_store(object, &source, 1763712000000, name, &err), 0);
	(void)snprintf(out, size,
		"{\"aliases\":[\"lvs0/%s\"],\"product_name\":\"Logical Volume\",\"block_size\":512,"
		"\"num_blocks\":16384,\"uuid\":\"" UUID "\",\"driver_specific\":{\"lvol\":{%s}}}",
		name, rest);
	return out;
}

static void lvols_are_read(void **state)
{
	struct js_doc *doc = NULL;
	struct spdk_lvol lvol;
	char object[BE_OBJECT_SIZE];
	char text[1024];

	(void)state;
	objname_make("prod", BE_KIND_VOLUME, "pvc-1", object);
	assert_int_equal(read_bdev(bdev_of(BE_KIND_VOLUME,
					   "\"snapshot\":false,\"num_allocated_clusters\":3,"
					   "\"base_snapshot\":\"s1\"",
					   text, sizeof(text)),
				 &lvol, &doc),
		1);
	assert_int_equal(lvol.kind, SPDK_VOLUME);
	assert_string_equal(lvol.stored.object, object);
	assert_string_equal(lvol.pool, "lvs0");
	assert_string_equal(lvol.base, "s1");
	assert_int_equal(lvol.size, 8 * MIB);
	assert_int_equal(lvol.allocated, 3);
	assert_false(lvol.claimed);
	assert_true(lvol.hash != 0);
	js_doc_free(doc);
	assert_int_equal(
		read_bdev(bdev_of(BE_KIND_SNAPSHOT, "\"snapshot\":true,\"clones\":[\"a\",\"b\"]",
				  text, sizeof(text)),
			&lvol, &doc),
		1);
	assert_int_equal(lvol.kind, SPDK_SNAPSHOT);
	assert_int_equal(lvol.stored.created_ms, 1763712000000);
	assert_int_equal(lvol.n_clones, 2);
	js_doc_free(doc);
	/* Without a clone, and after a restart, SPDK no longer calls it one. */
	assert_int_equal(
		read_bdev(bdev_of(BE_KIND_SNAPSHOT, "\"snapshot\":false", text, sizeof(text)),
			&lvol, &doc),
		1);
	assert_int_equal(lvol.kind, SPDK_SNAPSHOT);
	assert_true(lvol.snapshot);
	js_doc_free(doc);
}

static void others_are_left_alone(void **state)
{
	static const char *const foreign[] = {BDEV("lvs0/pvc-1", LVOL "false"),
		BDEV("lvs0/other-h-0123456789abcdef0123456789abcdef", LVOL "true"),
		/* another store, whose name begins alike */
		BDEV("lvs01/prod-h-0123456789abcdef0123456789abcdef", LVOL "true"),
		BDEV("lvs0/prod-h-0123456789ABCDEF0123456789ABCDEF", LVOL "true"),
		BDEV("lvs0/prod-h-0123456789abcdef", LVOL "true")};
	struct js_doc *doc = NULL;
	struct spdk_lvol lvol;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		assert_int_equal(read_bdev(foreign[i], &lvol, &doc), 1);
		if (lvol.kind != SPDK_FOREIGN) {
			fail_msg("%zu: kind %d", i, (int)lvol.kind);
		}
		js_doc_free(doc);
	}
	assert_int_equal(
		read_bdev("{\"name\":\"Nvme0n1\",\"product_name\":\"NVMe disk\"}", &lvol, &doc), 0);
	js_doc_free(doc);
}

static void odd_bdevs_fail(void **state)
{
	static const char *const bad[] = {BDEV("noslash", LVOL "false"), BDEV("lvs0/x", ""),
		BDEV("lvs0/x", "\"snapshot\":1"), BDEV("lvs0/x", LVOL "true,\"clones\":{}"),
		BDEV("lvs0/x", LVOL "true,\"clones\":[1]"), "{\"product_name\":\"Logical Volume\"}",
		"{\"product_name\":7}",
		"{\"product_name\":\"Logical Volume\",\"uuid\":\"x\",\"aliases\":[\"lvs0/a\"]}",
		"{\"product_name\":\"Logical Volume\",\"uuid\":\"" UUID "\",\"aliases\":[]}"};
	struct js_doc *doc = NULL;
	struct spdk_lvol lvol;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (read_bdev(bad[i], &lvol, &doc) != -1) {
			fail_msg("%zu was read", i);
		}
		js_doc_free(doc);
	}
}

static void hidden_names_are_known(void **state)
{
	static const uint8_t id[16] = {0xa9, 1, 2, 3, [15] = 0xff};
	struct objname_stored stored;
	char name[SPDK_HIDDEN_SIZE];
	char longest[INSTANCE_MAX + 1];

	(void)state;
	spdk_hidden_name("prod", id, name);
	assert_string_equal(name, "prod-h-a90102030000000000000000000000ff");
	assert_int_equal(spdk_kind_of(name, "prod", &stored), SPDK_HIDDEN);
	assert_int_equal(spdk_kind_of(name, "pro", &stored), SPDK_FOREIGN);
	assert_int_equal(spdk_kind_of(name, "prod-h", &stored), SPDK_FOREIGN);
	memset(longest, 'x', INSTANCE_MAX);
	longest[INSTANCE_MAX] = '\0';
	spdk_hidden_name(longest, id, name);
	assert_true(strlen(name) <= 63); /* what SPDK takes */
	assert_int_equal(spdk_kind_of(name, longest, &stored), SPDK_HIDDEN);
}

#define SUBSYSTEM(more)                                                                            \
	"{\"nqn\":\"nqn.x\",\"subtype\":\"NVMe\",\"allow_any_host\":false,\"hosts\":[{\"nqn\":"    \
	"\"nqn.a\"},{\"nqn\":\"nqn.b\",\"dhchap_key\":\"k\"}]" more "}"
#define LISTENERS                                                                                  \
	",\"listen_addresses\":[{\"trtype\":\"tcp\",\"transport\":\"TCP\",\"adrfam\":\"ipv4\","    \
	"\"traddr\":\"192.0.2.1\",\"trsvcid\":\"4420\"},{\"trtype\":\"TCP\",\"adrfam\":\"IPv6\","  \
	"\"traddr\":\"2001:DB8:0::1\",\"trsvcid\":\"4421\"},{\"trtype\":\"RDMA\",\"traddr\":"      \
	"\"192.0.2.2\",\"trsvcid\":\"4420\"}]"
#define NAMESPACE(nsid, bdev)                                                                      \
	",\"namespaces\":[{\"nsid\":" nsid ",\"bdev_name\":\"" bdev "\",\"nguid\":\"A9\","         \
	"\"uuid\":\"" bdev "\"}]"

static int read_subsystem(const char *text, struct spdk_export *ret, struct js_doc **doc)
{
	struct err err = {0};
	struct js_at root;

	assert_int_equal(js_parse("subsystem", text, strlen(text), 65536, doc, &err), 0);
	root = js_root(*doc);
	return spdk_read_export(&root, UUID, ret, &err);
}

static void exports_are_read(void **state)
{
	struct spdk_backend sb = backend();
	struct spdk_export export;
	struct js_doc *doc = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(
		portals_parse("portals", "192.0.2.1:4420,[2001:db8::1]:4421", &sb.portals, &err),
		0);
	assert_int_equal(
		read_subsystem(SUBSYSTEM(LISTENERS NAMESPACE("1", UUID)), &export, &doc), 0);
	assert_true(export.there && export.open && !export.taken && !export.any_host);
	assert_int_equal(export.n_hosts, 2);
	assert_true(spdk_export_has(&export, "nqn.b"));
	assert_false(spdk_export_has(&export, "nqn"));
	assert_int_equal(export.portals.n, 2);
	assert_true(spdk_export_whole(&sb, &export));
	free(export.hosts);
	js_doc_free(doc);
	/* A part is missing: nobody can use it. */
	assert_int_equal(read_subsystem(SUBSYSTEM(LISTENERS), &export, &doc), 0);
	assert_false(spdk_export_whole(&sb, &export));
	free(export.hosts);
	js_doc_free(doc);
	assert_int_equal(read_subsystem(SUBSYSTEM(",\"listen_addresses\":[]" NAMESPACE("1", UUID)),
				 &export, &doc),
		0);
	assert_true(export.open);
	assert_false(spdk_export_whole(&sb, &export));
	free(export.hosts);
	js_doc_free(doc);
	/* Something else under the number, or the right one under another. */
	assert_int_equal(
		read_subsystem(SUBSYSTEM(LISTENERS NAMESPACE("1", "Malloc0")), &export, &doc), 0);
	assert_true(export.taken && !export.open);
	free(export.hosts);
	js_doc_free(doc);
	assert_int_equal(
		read_subsystem(SUBSYSTEM(LISTENERS NAMESPACE("2", UUID)), &export, &doc), 0);
	assert_true(!export.taken && !export.open);
	free(export.hosts);
	js_doc_free(doc);
}

static void odd_subsystems_fail(void **state)
{
	static const char *const bad[] = {"{}", SUBSYSTEM(""),
		SUBSYSTEM(",\"listen_addresses\":{}"), SUBSYSTEM(LISTENERS ",\"namespaces\":[{}]"),
		SUBSYSTEM(LISTENERS ",\"namespaces\":[{\"nsid\":0,\"bdev_name\":\"x\"}]"),
		"{\"allow_any_host\":false,\"hosts\":[{}],\"listen_addresses\":[]}",
		"{\"allow_any_host\":false,\"hosts\":[\"nqn.a\"],\"listen_addresses\":[]}",
		"{\"allow_any_host\":0,\"hosts\":[],\"listen_addresses\":[]}"};
	struct spdk_export export;
	struct js_doc *doc = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (read_subsystem(bad[i], &export, &doc) != -1) {
			fail_msg("%zu was read", i);
		}
		js_doc_free(doc);
	}
}

static void the_nqn_is_that_of_the_lvol(void **state)
{
	struct spdk_backend sb = backend();
	struct spdk_lvol lvol = {.uuid = UUID};
	char nqn[NQN_SIZE];

	(void)state;
	spdk_nqn(&sb, &lvol, nqn);
	assert_string_equal(nqn, NQN_PREFIX "prod:" UUID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lvols_are_read),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(odd_bdevs_fail),
		cmocka_unit_test(hidden_names_are_known),
		cmocka_unit_test(exports_are_read),
		cmocka_unit_test(odd_subsystems_fail),
		cmocka_unit_test(the_nqn_is_that_of_the_lvol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
