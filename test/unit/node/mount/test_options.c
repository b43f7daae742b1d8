/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount flags: what is taken, what is added, what is refused and how it is named.
 */
#include "common/base/fileio.h"
#include "node/mount/options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>

#include <cmocka.h>

static int make(const char *fs, const char *flag, bool read_only, struct mount_options *ret,
	struct err *err)
{
	char word[512];
	char *words[] = {word};
	struct mount_choice choice = {
		.fs_type = fs, .words = words, .n_words = flag ? 1 : 0, .read_only = read_only};

	(void)snprintf(word, sizeof(word), "%s", flag ? flag : "");
	*err = (struct err){0};
	return mount_options_make(&choice, ret, err);
}

static void defaults(void **state)
{
	struct mount_options options;
	struct err err;

	(void)state;
	assert_int_equal(make("ext4", NULL, false, &options, &err), 0);
	assert_int_equal(options.flags, 0);
	assert_string_equal(options.data, "");
	assert_int_equal(make("xfs", NULL, false, &options, &err), 0);
	assert_string_equal(options.data, "nouuid");
	assert_int_equal(make("xfs", "nouuid", false, &options, &err), 0);
	assert_string_equal(options.data, "nouuid");
}

/* Never noload or norecovery: a torn filesystem must be refused by the kernel, not shown. */
static void readers(void **state)
{
	struct mount_options options;
	struct err err;

	(void)state;
	assert_int_equal(make("ext4", "rw", true, &options, &err), 0);
	assert_int_equal(options.flags, MS_RDONLY);
	assert_string_equal(options.data, "");
	assert_int_equal(make("xfs", NULL, true, &options, &err), 0);
	assert_int_equal(options.flags, MS_RDONLY);
	assert_string_equal(options.data, "nouuid");
	assert_int_equal(make("ext4", "noload", true, &options, &err), -1);
	assert_int_equal(make("xfs", "norecovery", true, &options, &err), -1);
}

static void generic_and_own_options_are_told_apart(void **state)
{
	struct mount_options options;
	struct err err;

	(void)state;
	assert_int_equal(
		make("ext4", "noatime,nodev,commit=30,discard,ro", false, &options, &err), 0);
	assert_int_equal(options.flags, MS_NOATIME | MS_NODEV | MS_RDONLY);
	assert_string_equal(options.data, "commit=30,discard");
	assert_int_equal(make("ext4", "ro,rw,nosuid,suid", false, &options, &err), 0);
	assert_int_equal(options.flags, 0);
	assert_int_equal(make("xfs", "inode64,logbufs=8", false, &options, &err), 0);
	assert_string_equal(options.data, "inode64,logbufs=8,nouuid");
}

/* The last one counts in both filesystems. */
static void discard_is_added_before_the_users_flags(void **state)
{
	char no[] = "nodiscard";
	char *words[] = {no};
	struct mount_choice choice = {.fs_type = "ext4", .words = words, .discard = true};
	struct mount_options options;
	struct err err = {0};

	(void)state;
	assert_int_equal(mount_options_make(&choice, &options, &err), 0);
	assert_string_equal(options.data, "discard");
	choice.n_words = 1;
	assert_int_equal(mount_options_make(&choice, &options, &err), 0);
	assert_string_equal(options.data, "discard,nodiscard");
	choice.fs_type = "xfs";
	choice.n_words = 0;
	assert_int_equal(mount_options_make(&choice, &options, &err), 0);
	assert_string_equal(options.data, "discard,nouuid");
	choice.read_only = true;
	assert_int_equal(mount_options_make(&choice, &options, &err), 0);
	assert_string_equal(options.data, "nouuid");
}

static void labels_with_commas_stay_whole(void **state)
{
	struct mount_options options;
	struct err err;

	(void)state;
	assert_int_equal(make("ext4", "context=\"system_u:object_r:container_file_t:s0:c1,c2\",ro",
				 false, &options, &err),
		0);
	assert_string_equal(
		options.data, "context=\"system_u:object_r:container_file_t:s0:c1,c2\"");
	assert_int_equal(options.flags, MS_RDONLY);
	assert_int_equal(make("ext4", "context=\"a,b", false, &options, &err), -1);
}

static void refused_by_name_without_the_value(void **state)
{
	static const char *const bad[] = {"bind", "remount", "move", "shared", "loop", "x-foo",
		"errors=panic", "journal_dev=7", "norecovery", "noload", "commit",
		"commit=", "discard=1", "subvol=x", "", "ro,,rw", "user_secret=hunter2",
		"commit=3\n0", "data=\\054bind", "logbufs=8"};
	struct mount_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(make("ext4", bad[i], false, &options, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "mount_flags"));
	}
	assert_int_equal(make("ext4", "user_secret=hunter2", false, &options, &err), -1);
	assert_non_null(strstr(err.msg, "user_secret"));
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(make("xfs", "commit=5", false, &options, &err), -1);
	assert_int_equal(make("btrfs", NULL, false, &options, &err), -1);
	assert_non_null(strstr(err.msg, "btrfs"));
}

static void length_is_bounded(void **state)
{
	struct mount_options options;
	struct err err = {0};
	char word[] = "commit=5";
	char *words[MOUNT_DATA_MAX];
	struct mount_choice choice = {
		.fs_type = "ext4", .words = words, .n_words = ARRAY_SIZE(words)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = word;
	}
	assert_int_equal(mount_options_make(&choice, &options, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

/* Every flag that is allowed is in the page that the error names. */
static void docs_list_them_all(void **state)
{
	static const char *const kinds[] = {"ext4", "xfs", ""};
	_cleanup_free_ char *page = NULL;
	char quoted[64];
	size_t len;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, NV_SOURCE_DIR "/docs/how-a-volume-is-attached.md",
				 1024 * 1024, &page, &len, NULL),
		0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (const char *const *known = mount_options_known(kinds[i]); *known; known++) {
			(void)snprintf(quoted, sizeof(quoted), "`%s`", *known);
			if (!strstr(page, quoted)) {
				fail_msg("%s is not in the page", quoted);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(readers),
		cmocka_unit_test(generic_and_own_options_are_told_apart),
		cmocka_unit_test(discard_is_added_before_the_users_flags),
		cmocka_unit_test(labels_with_commas_stay_whole),
		cmocka_unit_test(refused_by_name_without_the_value),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(docs_list_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
