/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the target, its release, and what is remembered between calls: only where to look
 * first. What is found there is always read anew.
 */
#include "controller/backend/spdk/spdk_priv.h"

#include <stdio.h>

void spdk_call_done(struct spdk_call *call)
{
	js_free(call->params);
	js_doc_free(call->doc);
	free(call->text);
	*call = (struct spdk_call){0};
}

static int64_t next_id(struct spdk_backend *sb)
{
	int64_t id;

	(void)pthread_mutex_lock(&sb->lock);
	id = ++sb->last_id;
	(void)pthread_mutex_unlock(&sb->lock);
	return id;
}

/* Another release may have come with a restart of the target. */
static void forget_release(struct spdk_backend *sb)
{
	(void)pthread_mutex_lock(&sb->lock);
	sb->release = 0;
	(void)pthread_mutex_unlock(&sb->lock);
}

static int exchange(const struct step *in, struct spdk_backend *sb, const struct op *op,
	struct spdk_call *call, struct err *err)
{
	_cleanup_free_ char *request = NULL;
	_cleanup_free_ char *text = NULL;
	struct spdk_answer answer = {
		.method = call->method, .id = next_id(sb), .max = SPDK_ANSWER_MAX};
	struct js *params = TAKE_PTR(call->params);
	struct spdk_text back;
	struct spdk_text go;

	call->said = SPDK_SAID_NOTHING;
	if (spdk_request_print(call->method, params, answer.id, &request, &go.len, err) < 0) {
		return -1;
	}
	go.data = request;
	if (spdk_line_exchange(in, sb->line, &go, &op->deadline, &back, err) < 0) {
		return -1;
	}
	text = back.data;
	answer.text = text;
	answer.len = back.len;
	call->items = (struct js_items){.name = "answer", .key = "result"};
	answer.items = call->list ? &call->items : NULL;
	if (spdk_answer_read(&answer, &call->doc, &call->said, err) < 0) {
		if (call->said == SPDK_SAID_UNKNOWN_PARAMETER) {
			forget_release(sb);
		}
		return err_wrap(err, "backend %s", sb->name);
	}
	call->text = call->list ? TAKE_PTR(text) : NULL;
	return 0;
}

int spdk_ask(struct spdk_backend *sb, const struct op *op, struct spdk_call *call, struct err *err)
{
	return exchange(NULL, sb, op, call, err);
}

int spdk_send(const struct step *in, struct spdk_backend *sb, const struct op *op,
	struct spdk_call *call, struct err *err)
{
	if (exchange(in, sb, op, call, err) < 0) {
		return -1;
	}
	/* A method of several calls can be cut off after each of them. */
	return step_changed(in, call->method, err);
}

int spdk_next(const struct spdk_backend *sb, struct spdk_call *call, struct js_doc **ret_doc,
	struct err *err)
{
	struct js_at root = js_root(call->doc);
	struct js_at list;
	int rc;

	/* Is it a list at all? */
	if (call->items.n == 0 && js_get_array(&root, "result", 0, &list, err) < 0) {
		return spdk_garbage(sb, call->method, err);
	}
	rc = js_items_next(&call->items, ret_doc, err);
	if (rc > 0 && call->items.n > SPDK_LVOLS_MAX) {
		js_doc_free(*ret_doc);
		rc = err_set(err, ERR_UNAVAILABLE, "more than %d elements", SPDK_LVOLS_MAX);
	}
	return rc < 0 ? spdk_garbage(sb, call->method, err) : rc;
}

int spdk_garbage(const struct spdk_backend *sb, const char *method, struct err *err)
{
	(void)be_not_final(err);
	return err_wrap(
		err, "backend %s: %s: the answer is not as SPDK gives it", sb->name, method);
}

int spdk_release(struct spdk_backend *sb, const struct op *op, int *ret_release, struct err *err)
{
	/* Without params: even an empty object is an error here. */
	_cleanup_spdk_call_ struct spdk_call call = {.method = "spdk_get_version"};
	struct js_at fields;
	struct js_at result;
	struct js_at root;
	int64_t major = 0;
	int64_t minor = 0;

	(void)pthread_mutex_lock(&sb->lock);
	*ret_release = sb->release;
	(void)pthread_mutex_unlock(&sb->lock);
	if (*ret_release) {
		return 0;
	}
	if (spdk_ask(sb, op, &call, err) < 0) {
		return -1;
	}
	root = js_root(call.doc);
	if (js_get_obj(&root, "result", &result, err) < 0 ||
		js_get_obj(&result, "fields", &fields, err) < 0 ||
		js_get_int(&fields, "major", 1, 99, &major, err) < 0 ||
		js_get_int(&fields, "minor", 1, 12, &minor, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	*ret_release = (int)(major * 100 + minor);
	(void)pthread_mutex_lock(&sb->lock);
	sb->release = *ret_release;
	(void)pthread_mutex_unlock(&sb->lock);
	return 0;
}

int spdk_lock(struct spdk_backend *sb, const struct op *op, const char *object,
	struct keylock_held **ret_held, struct err *err)
{
	if (deadline_check(&op->deadline, "not sent", err) < 0 ||
		keylock_wait(sb->objects, "object", object, &op->deadline, ret_held, err) < 0) {
		return err_wrap(err, "backend %s", sb->name);
	}
	return 0;
}

bool spdk_hint(struct spdk_backend *sb, const char *object, char ret_uuid[SPDK_UUID_SIZE])
{
	const char *uuid;

	(void)pthread_mutex_lock(&sb->lock);
	uuid = map_get(sb->uuids, object);
	if (uuid) {
		memcpy(ret_uuid, uuid, SPDK_UUID_SIZE);
	}
	(void)pthread_mutex_unlock(&sb->lock);
	return uuid != NULL;
}

void spdk_hint_set(struct spdk_backend *sb, const char *object, const char *uuid)
{
	char *copy = NULL;

	if (uuid && strlen(uuid) == SPDK_UUID_SIZE - 1) {
		copy = strdup(uuid);
	}
	(void)pthread_mutex_lock(&sb->lock);
	if (!copy || map_put(sb->uuids, object, copy, NULL) < 0) {
		/* Without memory or room it is looked for in the whole list, no more. */
		free(map_take(sb->uuids, object));
		free(copy);
	}
	(void)pthread_mutex_unlock(&sb->lock);
}

struct looking {
	const char *instance;
	uint64_t hash;
	char *object;
	bool found;
};

static bool has_hash(const char *object, void *uuid, void *arg)
{
	struct looking *looking = arg;
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = object};

	(void)uuid;
	if (objname_is_of(object, looking->instance, BE_KIND_VOLUME) &&
		objname_source_hash(&source) == looking->hash) {
		(void)snprintf(looking->object, BE_OBJECT_SIZE, "%s", object);
		looking->found = true;
	}
	return !looking->found;
}

bool spdk_hint_volume(struct spdk_backend *sb, uint64_t hash, char ret_object[BE_OBJECT_SIZE])
{
	struct looking looking = {.instance = sb->instance, .hash = hash, .object = ret_object};

	(void)pthread_mutex_lock(&sb->lock);
	map_each(sb->uuids, has_hash, &looking);
	(void)pthread_mutex_unlock(&sb->lock);
	return looking.found;
}
