/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of nvmetcp-target and of SPDK behind its proxy to all that the controller asks: the first
 * byte says which of the two, the second the call, the rest are the answers (answers.h). Whatever
 * comes, no call whose outcome is unknown fails with a final code (P6), and what a call gives is as
 * its users rely on.
 */
#include "common/json/json.h"
#include "controller/backend/linux/linux.h"
#include "controller/backend/objname.h"
#include "controller/backend/spdk/spdk.h"
#include "test/fuzz/answers.h"

#include <stdio.h>

#define ARENA_MAX ((size_t)4 * 1024 * 1024)
#define FAR_MS 600000
#define HEX "f2868e1aa7cab669517cd9f5ab1b7957"
#define VOLUME "prod-v-" HEX
#define SOURCE "prod-v-00000000000000000000000000000001"
#define SNAPSHOT "prod-s-" HEX
#define HOST NQN_PREFIX "node.prod.n1"

struct call {
	struct backend *be;
	struct op op;
	unsigned which;
	enum be_result result;
};

/* nvmetcp-target: it says of itself what it always does, unless the input says "!". */
static char *linux_body(const struct http_request *request, const char *given)
{
	if (!streq(request->path, "/v1/info") || *given == '!') {
		return NULL;
	}
	return strdup("{\"version\":\"1\",\"granularity\":4096,\"minVolumeSize\":1048576,"
		      "\"maxVolumeSize\":70368744177664,\"portals\":[],"
		      "\"limits\":{\"hostsPerVolume\":64}}");
}

/* SPDK: the frame is as the request wants it; a body that begins with '{' is the whole answer, one
 * that begins with '!' an error. */
static char *spdk_body(const struct http_request *request, const char *given)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	bool error = *given == '!';
	struct js_at root;
	int64_t id = 0;
	char *text = NULL;

	if (*given == '{') {
		return NULL;
	}
	FUZZ_CHECK(js_parse("request", request->body, request->len, request->len, &doc, NULL) == 0);
	root = js_root(doc);
	FUZZ_CHECK(js_get_int(&root, "id", 1, INT64_MAX, &id, NULL) == 0);
	FUZZ_CHECK(asprintf(&text, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"%s\":%s}", (long long)id,
			   error ? "error" : "result", given + error) > 0);
	return text;
}

static void check_volume(const struct be_volume *volume)
{
	FUZZ_CHECK(objname_is_of(volume->object, "prod", BE_KIND_VOLUME));
	FUZZ_CHECK(volume->name && volume->pool && volume->size > 0 && volume->created_ms >= 0);
	FUZZ_CHECK(volume->source.object);
	for (size_t i = 0; i < volume->n_hosts; i++) {
		FUZZ_CHECK(nqn_check("hosts", volume->hosts[i], NULL) == 0);
	}
}

static void check_snapshot(const struct be_snapshot *snapshot)
{
	FUZZ_CHECK(objname_is_of(snapshot->object, "prod", BE_KIND_SNAPSHOT));
	FUZZ_CHECK(snapshot->name && snapshot->volume && snapshot->size > 0);
}

/* What the node gets must be what it takes. */
static void check_info(const struct attach_info *info)
{
	struct attach_text text;
	struct attach_info same;

	FUZZ_CHECK(attach_print(info, &text, NULL) == 0);
	FUZZ_CHECK(
		attach_parse((struct kv_list){.items = text.items, .n = text.n}, &same, NULL) == 0);
}

/* Calls that change something. */
static int change(const struct step *in, void *arg, struct err *err)
{
	static const struct be_source sources[] = {
		{BE_BLANK, ""}, {BE_FROM_VOLUME, SOURCE}, {BE_FROM_SNAPSHOT, SNAPSHOT}};
	struct call *c = arg;
	const struct backend_ops *ops = c->be->ops;
	struct be_volume_args create = {.object = VOLUME,
		.name = "pvc-1",
		.pool = "fast",
		.size = 8 * MIB,
		.source = sources[c->which % ARRAY_SIZE(sources)]};
	const struct be_expand_args larger = {.object = VOLUME, .size = 16 * MIB};
	const struct be_grant_args host = {
		.object = VOLUME, .host_nqn = c->which == 7 ? NULL : HOST};
	const struct be_snapshot_args cut = {.object = SNAPSHOT, .name = "s", .volume = VOLUME};
	struct be_volume volume = {0};
	struct be_snapshot snapshot = {0};
	struct attach_info info = {0};

	switch (c->which) {
	case 0:
	case 1:
	case 2:
		c->result = ops->volume_create(in, c->be, &c->op, &create, &volume, err);
		break;
	case 3:
		c->result = ops->volume_delete(in, c->be, &c->op, VOLUME, err);
		break;
	case 4:
		c->result = ops->volume_expand(in, c->be, &c->op, &larger, &volume, err);
		break;
	case 5:
		c->result = ops->grant(in, c->be, &c->op, &host, &info, err);
		break;
	case 6:
	case 7:
		c->result = ops->revoke(in, c->be, &c->op, &host, err);
		break;
	case 8:
		c->result = ops->snapshot_create(in, c->be, &c->op, &cut, &snapshot, err);
		break;
	default:
		c->result = ops->snapshot_delete(in, c->be, &c->op, SNAPSHOT, err);
	}
	if (c->result == BE_DONE) {
		if (volume.object) {
			check_volume(&volume);
		}
		if (snapshot.object) {
			check_snapshot(&snapshot);
		}
		if (*info.nqn) {
			check_info(&info);
		}
	}
	return c->result == BE_FAILED ? -1 : 0;
}

#define CHANGES 10
#define LOOKS 7

static void check_volumes(const struct be_volumes *volumes)
{
	FUZZ_CHECK(volumes->next);
	for (size_t i = 0; i < volumes->n; i++) {
		check_volume(&volumes->list[i]);
	}
}

/* Calls that only look. */
static int look(struct call *c, struct err *err)
{
	const struct backend_ops *ops = c->be->ops;
	const struct be_page page = {.max = 2, .token = "", .volume = ""};
	struct be_volumes volumes = {0};
	struct be_snapshots snapshots = {0};
	struct be_volume volume = {0};
	struct be_snapshot snapshot = {0};
	struct be_capacity capacity = {0};
	struct be_limits limits = {0};
	int rc;

	switch (c->which - CHANGES) {
	case 0:
		rc = ops->volume_get(c->be, &c->op, VOLUME, &volume, err);
		break;
	case 1:
		rc = ops->volume_list(c->be, &c->op, &page, &volumes, err);
		break;
	case 2:
		rc = ops->snapshot_get(c->be, &c->op, SNAPSHOT, &snapshot, err);
		break;
	case 3:
		rc = ops->snapshot_list(c->be, &c->op, &page, &snapshots, err);
		break;
	case 4:
		rc = ops->capacity(c->be, &c->op, "", &capacity, err);
		break;
	case 5:
		rc = ops->limits(c->be, &c->op, &limits, err);
		FUZZ_CHECK(rc < 0 || (limits.granularity > 0 && limits.min_size > 0 &&
					     limits.max_size >= limits.min_size));
		break;
	default:
		rc = ops->probe ? ops->probe(c->be, &c->op, err) : 0;
	}
	FUZZ_CHECK(capacity.available >= 0);
	if (rc == 0 && volume.object) {
		check_volume(&volume);
	}
	if (rc == 0 && snapshot.object) {
		check_snapshot(&snapshot);
	}
	if (rc == 0 && volumes.list) {
		check_volumes(&volumes);
	}
	for (size_t i = 0; rc == 0 && i < snapshots.n; i++) {
		check_snapshot(&snapshots.list[i]);
	}
	return rc;
}

static struct backend *open_backend(bool spdk)
{
	static const struct kv extra[] = {{"portals", "192.0.2.1:4420"}, {"pools", "fast"}};
	const struct be_config config = {.name = "lab",
		.instance = "prod",
		.url = "http://127.0.0.1:1",
		.ca_file = "",
		.token_file = "",
		.pool = "",
		.extra = {.items = extra, .n = ARRAY_SIZE(extra)}};
	struct backend *be = NULL;

	FUZZ_CHECK((spdk ? &backend_spdk : &backend_linux)->open(&config, &be, NULL) == 0);
	return be;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steps steps = {.operation = "Fuzz"};
	struct err err = {0};
	int rc;

	if (size < 2) {
		return 0;
	}
	bool spdk = data[0] % 2 == 1;
	struct answers answers = {
		.at = data + 2, .left = size - 2, .body = spdk ? spdk_body : linux_body};
	struct call call = {.be = open_backend(spdk),
		.op = {.arena = arena_new(ARENA_MAX), .deadline = deadline_in(FAR_MS)},
		.which = data[1] % (CHANGES + LOOKS)};

	answers_set(&answers);
	rc = call.which < CHANGES ? step_run(&steps, "change", change, &call, &err)
				  : look(&call, &err);
	if (rc < 0) {
		fuzz_said(&err);
		FUZZ_CHECK(!answers.unknown || !err_is_final(err.code));
	}
	be_close(call.be);
	arena_free(call.op.arena);
	return 0;
}
