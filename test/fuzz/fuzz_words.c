/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, ids and options that come from requests, StorageClasses and backends: the first byte says
 * which, the rest is the text. What was taken keeps to what its users rely on, and prints as it
 * was.
 */
#include "common/base/log.h"
#include "common/csi/identity.h"
#include "common/csi/ids.h"
#include "common/csi/topology.h"
#include "common/csi/validate.h"
#include "common/fs/mkfs_options.h"
#include "common/fs/reclaim.h"
#include "common/nvmf/nqn.h"
#include "controller/backend/objname.h"
#include "node/mount/options.h"
#include "test/fuzz/fuzz.h"

#include <sys/mount.h>

#define DRIVER "nvmetcp.csi.dev"
#define ARENA_MAX ((size_t)64 * 1024)
#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"

static bool only(const char *text, const char *allowed)
{
	return strspn(text, allowed) == strlen(text);
}

/* Words that take only what @max and @allowed say. */
static void plain(int rc, const char *text, size_t max, const char *allowed, const struct err *err)
{
	if (rc < 0) {
		fuzz_said(err);
		return;
	}
	FUZZ_CHECK(*text && strlen(text) <= max && only(text, allowed));
}

static void take_id(const char *text)
{
	struct err err = {0};
	struct csi_id id;
	char again[CSI_ID_SIZE];

	if (csi_id_parse("volume", text, &id, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_NOT_FOUND);
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(csi_id_print(id.backend, id.object, again, NULL) == 0);
	FUZZ_CHECK(streq(again, text));
}

static void take_backend(const char *text)
{
	struct err err = {0};

	plain(csi_backend_check("field", text, &err), text, CSI_BACKEND_MAX, LOWER, &err);
}

static void take_instance(const char *text)
{
	struct err err = {0};

	plain(instance_check("field", text, &err), text, INSTANCE_MAX, LOWER, &err);
}

static void take_nqn(const char *text)
{
	struct err err = {0};

	if (nqn_check("field", text, &err) < 0) {
		fuzz_said(&err);
		FUZZ_CHECK(!nqn_is_node_of(text, "demo"));
		return;
	}
	FUZZ_CHECK(strlen(text) <= NQN_MAX && !strchr(text, ','));
}

static void take_path(const char *text)
{
	struct err err = {0};
	struct err other = {0};
	int rc = csi_check_path("field", text, &err);

	FUZZ_CHECK((csi_check_published_path("field", text, &other) == 0) == (rc == 0));
	if (rc < 0) {
		fuzz_said(&err);
		fuzz_said(&other);
		return;
	}
	FUZZ_CHECK(text[0] == '/' && strlen(text) <= CSI_PATH_MAX && !strstr(text, "/../"));
}

static void take_strings(const char *text)
{
	static int (*const checks[])(const char *field, const char *text, struct err *err) = {
		csi_check_name, csi_check_id, csi_check_node_id, csi_check_string,
		csi_plugin_name_check};
	enum log_level level;

	for (size_t i = 0; i <= ARRAY_SIZE(checks); i++) {
		struct err err = {0};
		int rc = i < ARRAY_SIZE(checks) ? checks[i]("field", text, &err)
						: log_level_parse("field", text, &level, &err);

		if (rc < 0) {
			fuzz_said(&err);
		} else {
			FUZZ_CHECK(strlen(text) <= CSI_NODE_ID_MAX);
		}
	}
}

static void take_segment(const char *text)
{
	struct csi_segment segment = {.arena = arena_new(ARENA_MAX), .driver = DRIVER};
	struct err err = {0};

	if (csi_segment_parse(&segment, "field", text, &err) < 0) {
		fuzz_said(&err);
	}
	FUZZ_CHECK(segment.n <= CSI_SEGMENT_KEYS_MAX);
	for (size_t i = 0; i < segment.n; i++) {
		const char *slash = strchr(segment.items[i].key, '/');

		FUZZ_CHECK(slash && strlen(slash + 1) <= CSI_SEGMENT_WORD_MAX && slash[1]);
		FUZZ_CHECK(*segment.items[i].value);
		FUZZ_CHECK(strlen(segment.items[i].value) <= CSI_SEGMENT_WORD_MAX);
	}
	arena_free(segment.arena);
}

static void take_mkfs(const char *text)
{
	static const char *const types[] = {"ext4", "xfs"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct mkfs_options options;
		struct err err = {0};

		if (mkfs_options_parse("field", types[i], text, &options, &err) < 0) {
			fuzz_said(&err);
			continue;
		}
		FUZZ_CHECK(options.n <= MKFS_WORDS_MAX && !options.words[options.n]);
		for (unsigned w = 0; w < options.n; w++) {
			/* None can be taken for a device or a file. */
			FUZZ_CHECK(*options.words[w] && !strchr(options.words[w], '/'));
			FUZZ_CHECK(w > 0 || options.words[w][0] == '-');
		}
	}
}

static void take_mount(const char *text)
{
	static const char *const types[] = {"ext4", "xfs"};
	char *words[] = {(char *)text};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct mount_choice choice = {
			.fs_type = types[i], .words = words, .n_words = 1, .read_only = i == 0};
		struct mount_options options;
		struct err err = {0};

		if (mount_options_make(&choice, &options, &err) < 0) {
			fuzz_said(&err);
			continue;
		}
		FUZZ_CHECK((options.flags & (MS_BIND | MS_MOVE | MS_REMOUNT | MS_SHARED)) == 0);
		FUZZ_CHECK(i != 0 || (options.flags & MS_RDONLY) != 0);
		FUZZ_CHECK(strlen(options.data) <= MOUNT_DATA_MAX);
	}
}

static void take_reclaim(const char *text)
{
	struct err err = {0};
	enum reclaim reclaim;

	if (reclaim_parse("field", text, &reclaim, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(streq(text, reclaim_name(reclaim)) || streq(text, "none"));
}

static void take_objname(const char *text)
{
	struct objname_stored stored;
	char prefix[BE_OBJECT_SIZE];

	if (!objname_read(text, "prod", &stored)) {
		return;
	}
	FUZZ_CHECK(objname_is_of(stored.object, "prod", stored.kind));
	FUZZ_CHECK(objname_stored_prefix(stored.object, prefix, NULL) == 0);
	FUZZ_CHECK(strncmp(text, prefix, strlen(prefix)) == 0);
	FUZZ_CHECK(stored.has_source == (stored.source_hash != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const takes[])(const char *text) = {take_id, take_backend, take_instance,
		take_nqn, take_path, take_strings, take_segment, take_mkfs, take_mount,
		take_reclaim, take_objname};

	if (size == 0) {
		return 0;
	}
	_cleanup_free_ char *text = fuzz_text(data + 1, size - 1);

	takes[data[0] % ARRAY_SIZE(takes)](text);
	return 0;
}
