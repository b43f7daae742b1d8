/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the configuration file. The common keys are checked here; what a URL or a file of a
 * backend must be like is for the backend to say, and its word is given the place in the file.
 */
#include "controller/config.h"

#include "common/base/fileio.h"
#include "common/csi/identity.h"
#include "common/csi/ids.h"
#include "common/csi/topology.h"
#include "common/nvmf/nqn.h"
#include "controller/registry.h"

#include <fcntl.h>
#include <stdio.h>

static const char *const top_keys[] = {"instance", "driverName", "backends", NULL};
static const char *const common_keys[] = {
	"name", "type", "url", "caFile", "tokenFile", "pool", "aliases", "topology"};

/* The complaint of another check about @key, given its place in the file instead of the bare key.
 */
static int place(const struct js_at *in, const char *key, const struct err *why, struct err *err)
{
	size_t len = strlen(key);
	bool named = strncmp(why->msg, key, len) == 0 && strncmp(why->msg + len, ": ", 2) == 0;

	return js_fail(in, key, err, "%s", named ? why->msg + len + 2 : why->msg);
}

static int read_top(const struct js_at *root, struct config *ret, struct err *err)
{
	struct err why = {0};

	if (js_want_obj(root, err) < 0 || js_only_keys(root, top_keys, err) < 0 ||
		js_get_str(root, "instance", CONFIG_VALUE_MAX, &ret->instance, err) < 0 ||
		js_opt_str(root, "driverName", CONFIG_VALUE_MAX, &ret->driver_name, err) < 0) {
		return -1;
	}
	if (instance_check("instance", ret->instance, &why) < 0) {
		return place(root, "instance", &why, err);
	}
	if (js_has(root, "driverName") &&
		csi_plugin_name_check("driverName", ret->driver_name, &why) < 0) {
		return place(root, "driverName", &why, err);
	}
	return 0;
}

/* A segment under construction, and where it stands. */
struct adding {
	struct csi_segment segment;
	struct js_at at;
};

static int add_key(const char *key, const char *value, void *arg, struct err *err)
{
	struct adding *adding = arg;
	struct err why = {0};

	if (csi_segment_add(&adding->segment, key, key, value, &why) == 0) {
		return 0;
	}
	return why.code == ERR_INVALID_ARGUMENT ? place(&adding->at, key, &why, err)
						: err_set(err, why.code, "%s", why.msg);
}

static int read_segment(const struct config *config, const struct js_at *list, size_t i,
	struct kv_list *ret, struct err *err)
{
	struct adding adding = {.segment = {.arena = config->arena, .driver = config->driver_name}};
	struct kv *items = arena_alloc(config->arena, sizeof(adding.segment.items));

	if (!items) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the configuration");
	}
	if (js_item_obj(list, i, &adding.at, err) < 0 ||
		js_each_str(&adding.at, CONFIG_VALUE_MAX, add_key, &adding, err) < 0) {
		return -1;
	}
	if (adding.segment.n == 0) {
		return js_fail(&adding.at, NULL, err,
			"has no key; a backend that is reached from everywhere has no topology");
	}
	memcpy(items, adding.segment.items, sizeof(adding.segment.items));
	*ret = (struct kv_list){.items = items, .n = adding.segment.n};
	return 0;
}

static int read_topology(const struct config *config, struct config_backend *ret, struct err *err)
{
	struct js_at list;

	if (js_opt_array(&ret->at, "topology", CORE_SEGMENTS_MAX, &list, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&list); i++) {
		if (read_segment(config, &list, i, &ret->segments[i], err) < 0) {
			return -1;
		}
		ret->n_segments++;
	}
	return 0;
}

static int read_type(const struct js_at *at, struct config_backend *ret, struct err *err)
{
	const char *keys[ARRAY_SIZE(common_keys) + CONFIG_EXTRA_MAX + 1] = {NULL};
	size_t n = ARRAY_SIZE(common_keys);
	int index;

	if (js_get_choice(at, "type", registry_types(), &index, err) < 0) {
		return -1;
	}
	ret->type = registry_find(registry_types()[index]);
	memcpy(keys, common_keys, sizeof(common_keys));
	for (size_t i = 0;
		ret->type->extra_keys && ret->type->extra_keys[i] && i < CONFIG_EXTRA_MAX; i++) {
		const char *key = ret->type->extra_keys[i];
		const char *value = NULL;

		keys[n++] = key;
		if (js_opt_str(at, key, CONFIG_VALUE_MAX, &value, err) < 0) {
			return -1;
		}
		if (value) {
			ret->extra[ret->be.extra.n++] = (struct kv){.key = key, .value = value};
		}
	}
	ret->be.extra.items = ret->extra;
	return js_only_keys(at, keys, err);
}

static int read_aliases(const struct js_at *at, struct config_backend *ret, struct err *err)
{
	struct js_at list;
	struct err why = {0};
	char field[32];

	if (js_opt_array(at, "aliases", CONFIG_ALIASES_MAX, &list, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&list); i++) {
		if (js_item_str(&list, i, CONFIG_VALUE_MAX, &ret->aliases[i], err) < 0) {
			return -1;
		}
		(void)snprintf(field, sizeof(field), "aliases[%zu]", i);
		if (csi_backend_check(field, ret->aliases[i], &why) < 0) {
			return place(at, "aliases", &why, err);
		}
		ret->n_aliases++;
	}
	return 0;
}

static int read_backend(const struct js_at *list, size_t i, struct config *config, struct err *err)
{
	struct config_backend *ret = &config->backends[i];
	struct err why = {0};

	ret->be = (struct be_config){.instance = config->instance,
		.url = "",
		.ca_file = "",
		.token_file = "",
		.pool = ""};
	if (js_item_obj(list, i, &ret->at, err) < 0 || read_type(&ret->at, ret, err) < 0 ||
		js_get_str(&ret->at, "name", CONFIG_VALUE_MAX, &ret->be.name, err) < 0 ||
		js_opt_str(&ret->at, "url", CONFIG_VALUE_MAX, &ret->be.url, err) < 0 ||
		js_opt_str(&ret->at, "caFile", CONFIG_VALUE_MAX, &ret->be.ca_file, err) < 0 ||
		js_opt_str(&ret->at, "tokenFile", CONFIG_VALUE_MAX, &ret->be.token_file, err) < 0 ||
		js_opt_str(&ret->at, "pool", BE_POOL_MAX, &ret->be.pool, err) < 0) {
		return -1;
	}
	if (csi_backend_check("name", ret->be.name, &why) < 0) {
		return place(&ret->at, "name", &why, err);
	}
	return read_aliases(&ret->at, ret, err) < 0 ? -1 : read_topology(config, ret, err);
}

/* What backend @i is called: by its name (@k = 0), then by its aliases. */
static const char *called(const struct config *config, size_t i, size_t k)
{
	const struct config_backend *b = &config->backends[i];

	return k == 0 ? b->be.name : b->aliases[k - 1];
}

static bool called_before(const struct config *config, size_t i, size_t k)
{
	for (size_t a = 0; a <= i; a++) {
		for (size_t b = 0; b <= config->backends[a].n_aliases; b++) {
			if (a == i && b == k) {
				return false;
			}
			if (streq(called(config, a, b), called(config, i, k))) {
				return true;
			}
		}
	}
	return false;
}

/* A name that stood for two backends would lead ids astray. */
static int check_names(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_backends; i++) {
		for (size_t k = 0; k <= config->backends[i].n_aliases; k++) {
			if (called_before(config, i, k)) {
				return js_fail(&config->backends[i].at, k == 0 ? "name" : "aliases",
					err, "\"%s\" is another name or alias already",
					called(config, i, k));
			}
		}
	}
	return 0;
}

static int read_all(struct config *ret, const char *driver, struct err *err)
{
	struct js_at root = js_root(ret->doc);
	struct js_at list;

	ret->driver_name = CSI_PLUGIN_NAME_DEFAULT;
	if (read_top(&root, ret, err) < 0) {
		return -1;
	}
	if (!str_empty(driver)) {
		ret->driver_name = driver;
	}
	if (js_get_array(&root, "backends", CORE_BACKENDS_MAX, &list, err) < 0) {
		return -1;
	}
	if (js_len(&list) == 0) {
		return js_fail(
			&root, "backends", err, "is empty; at least one backend is required");
	}
	ret->backends = calloc(js_len(&list), sizeof(*ret->backends));
	if (!ret->backends) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the configuration");
	}
	for (size_t i = 0; i < js_len(&list); i++) {
		if (read_backend(&list, i, ret, err) < 0) {
			return -1;
		}
		ret->n_backends++;
	}
	return check_names(ret, err);
}

int config_read(const char *path, const char *driver, struct config *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &len, err) < 0) {
		return -1;
	}
	return config_parse(path, text, len, driver, ret, err);
}

int config_parse(const char *path, const char *text, size_t len, const char *driver,
	struct config *ret, struct err *err)
{
	struct config config = {.arena = arena_new(CONFIG_MADE_MAX), .text = strndup(text, len)};

	if (!config.arena || !config.text) {
		config_done(&config);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the configuration");
	}
	if (js_parse_lines(path, text, len, CONFIG_FILE_MAX, &config.doc, err) < 0 ||
		read_all(&config, driver, err) < 0) {
		config_done(&config);
		return -1;
	}
	*ret = config;
	return 0;
}

void config_done(struct config *config)
{
	free(config->backends);
	arena_free(config->arena);
	free(config->text);
	js_doc_free(config->doc);
	*config = (struct config){0};
}

/* A backend's errors start with the key ("url: ..."); that is where the file's line is named. */
static int place_backend_error(
	const struct config_backend *b, const struct err *why, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(common_keys); i++) {
		size_t len = strlen(common_keys[i]);

		if (strncmp(why->msg, common_keys[i], len) == 0 && why->msg[len] == ':' &&
			js_has(&b->at, common_keys[i])) {
			return place(&b->at, common_keys[i], why, err);
		}
	}
	return js_fail(&b->at, NULL, err, "backend %s: %s", b->be.name, why->msg);
}

static bool same_list(struct kv_list a, struct kv_list b)
{
	return a.n == b.n && kv_contains(b, a);
}

/* Do two entries say the same? The order of keys does not matter. */
static bool same_backend(const struct config_backend *a, const struct config_backend *b)
{
	if (a->type != b->type || !streq(a->be.name, b->be.name) || !streq(a->be.url, b->be.url) ||
		!streq(a->be.ca_file, b->be.ca_file) ||
		!streq(a->be.token_file, b->be.token_file) || !streq(a->be.pool, b->be.pool) ||
		!same_list(a->be.extra, b->be.extra) || a->n_aliases != b->n_aliases ||
		a->n_segments != b->n_segments) {
		return false;
	}
	for (size_t i = 0; i < a->n_aliases; i++) {
		if (!streq(a->aliases[i], b->aliases[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < a->n_segments; i++) {
		if (!same_list(a->segments[i], b->segments[i])) {
			return false;
		}
	}
	return true;
}

static bool was_there(const struct config *before, const struct config_backend *backend)
{
	for (size_t i = 0; before && i < before->n_backends; i++) {
		if (same_backend(&before->backends[i], backend)) {
			return true;
		}
	}
	return false;
}

/* Open each into @open that is not the same in @before (NULL: none is). Return: how many are done;
 * fewer than all with @err. */
static size_t open_all(const struct config *config, const struct config *before,
	struct core_backend *open, struct err *err)
{
	for (size_t i = 0; i < config->n_backends; i++) {
		const struct config_backend *b = &config->backends[i];
		struct err why = {0};

		open[i] = (struct core_backend){.name = b->be.name,
			.aliases = b->aliases,
			.n_aliases = b->n_aliases,
			.topology = {.segments = b->segments, .n = b->n_segments}};
		if (was_there(before, b)) {
			continue;
		}
		if (b->type->open(&b->be, &open[i].take_backend, &why) < 0) {
			(void)place_backend_error(b, &why, err);
			return i;
		}
	}
	return config->n_backends;
}

/* With @core: what follows it, else the first one. */
static int open_core(const struct config *config, const struct config *before,
	const struct core *core, struct core **ret_core, struct config_change *ret, struct err *err)
{
	struct core_backend *open = calloc(config->n_backends + 1, sizeof(*open));
	size_t n;
	int result = -1;

	if (!open) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the backends");
	}
	n = open_all(config, before, open, err);
	for (size_t i = 0; i < n; i++) {
		*(open[i].take_backend ? &ret->opened : &ret->kept) += 1;
	}
	if (n == config->n_backends) {
		result = core ? core_next(core, open, n, ret_core, err)
			      : core_new(config->instance, open, n, ret_core, err);
	} else {
		for (size_t i = 0; i < n; i++) {
			be_close(open[i].take_backend);
		}
	}
	free(open);
	return result;
}

int config_open(const struct config *config, struct core **ret_core, struct err *err)
{
	struct config_change ignored = {0};

	return open_core(config, NULL, NULL, ret_core, &ignored, err);
}

int config_follow(const struct config *config, const struct config *before, const struct core *core,
	struct core **ret_core, struct config_change *ret, struct err *err)
{
	struct js_at root = js_root(config->doc);

	*ret = (struct config_change){0};
	if (!streq(config->instance, before->instance)) {
		return js_fail(&root, "instance", err,
			"\"%s\" cannot become \"%s\" in a running controller, all of whose volumes carry "
			"it",
			before->instance, config->instance);
	}
	if (!streq(config->driver_name, before->driver_name)) {
		return js_fail(&root, "driverName", err,
			"\"%s\" cannot become \"%s\" in a running controller; start it anew",
			before->driver_name, config->driver_name);
	}
	return open_core(config, before, core, ret_core, ret, err);
}
