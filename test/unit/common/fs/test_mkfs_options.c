/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkfsOptions: what shapes a filesystem passes, what names a device or file does not.
 */
#include "common/fs/mkfs_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct sample {
	const char *fstype;
	const char *text;
	const char *names; /* what the error must name; NULL: it is allowed */
};

static void test_table(void **state)
{
	static const struct sample samples[] = {
		{"ext4", "", NULL},
		{"ext4", "   ", NULL},
		{"ext4", "-m 1 -i 65536 -O ^has_journal,bigalloc -C 65536", NULL},
		{"ext4", "-E stride=16,stripe_width=64 -L data", NULL},
		{"ext4", "-j -J size=64", NULL},
		{"ext4", "-e remount-ro", NULL},
		{"ext4", "-e continue", NULL},
		{"ext4", "-e panic", "-e panic"},
		{"ext4", "-e pani", "-e pani"},
		{"xfs", "-m reflink=0,crc=1 -i size=512 -d agcount=8", NULL},
		{"xfs", "-d noalign -l su=4096 -L data -n size=8192", NULL},
		{"ext4", "-J device=/dev/sda", "/"},
		{"ext4", "-J device=UUID", "-J device"},
		{"ext4", "-c", "-c"},
		{"ext4", "-l bad", "-l"},
		{"ext4", "-d root", "-d"},
		{"ext4", "-z undo", "-z"},
		{"ext4", "-n", "-n"},
		{"ext4", "-S", "-S"},
		{"ext4", "-F", "-F"},
		{"ext4", "-D", "-D"},
		{"ext4", "-E offset=4096", "-E offset"},
		{"ext4", "-E discard", "-E discard"},
		{"ext4", "-E stride=1,discard", "-E discard"},
		{"ext4", "-E lazy_itable_init=1", "lazy_itable_init"},
		{"ext4", "-E ,", "-E"},
		{"ext4", "-E strid", "-E strid"},
		{"ext4", "-m", "-m"},
		{"ext4", "-m -b", "-m"},
		{"ext4", "-b4096", "-b4096"},
		{"ext4", "extra", "extra"},
		{"ext4", "-m 1 10G", "10G"},
		{"ext4", "-L 'a b'", "0x27"},
		{"ext4", "-L a;reboot", "0x3b"},
		{"ext4", "-L $(reboot)", "0x24"},
		{"ext4", "-L a\tb", "0x09"},
		{"ext4", "-L \xc3\xa4", "0xc3"},
		{"xfs", "-d name=x", "-d name"},
		{"xfs", "-d file=1", "-d file"},
		{"xfs", "-d size=1g", "-d size"},
		{"xfs", "-l logdev=x", "-l logdev"},
		{"xfs", "-l internal=0", "-l internal"},
		{"xfs", "-l size=2g", "-l size"},
		{"xfs", "-r rtdev=x", "-r"},
		{"xfs", "-p proto", "-p"},
		{"xfs", "-c options=x", "-c"},
		{"xfs", "-s size=512", "-s"},
		{"xfs", "-N", "-N"},
		{"xfs", "-f", "-f"},
		{"xfs", "-E nodiscard", "-E"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		struct mkfs_options options;
		struct err err = {0};
		int result = mkfs_options_parse("mkfsOptions", s->fstype, s->text, &options, &err);
		if (result != (s->names ? -1 : 0)) {
			fail_msg("%s '%s': %d %s", s->fstype, s->text, result, err.msg);
		}
		if (s->names) {
			assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
			assert_non_null(strstr(err.msg, "mkfsOptions"));
			if (!strstr(err.msg, s->names) && !strstr(err.msg, "0x2f")) {
				fail_msg("'%s' is not named: %s", s->names, err.msg);
			}
		}
	}
}

static void test_words(void **state)
{
	struct mkfs_options options;
	struct err err = {0};

	(void)state;
	assert_int_equal(mkfs_options_parse("o", "ext4", "  -m  0  -L x ", &options, &err), 0);
	assert_int_equal(options.n, 4);
	assert_string_equal(options.words[0], "-m");
	assert_string_equal(options.words[1], "0");
	assert_string_equal(options.words[3], "x");
	assert_null(options.words[4]);
	assert_int_equal(mkfs_options_parse("o", "ext4", NULL, &options, &err), 0);
	assert_int_equal(options.n, 0);
}

static void test_limits(void **state)
{
	static char text[MKFS_OPTIONS_TEXT_MAX + 2];
	struct mkfs_options options;
	struct err err = {0};

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_int_equal(mkfs_options_parse("o", "ext4", text, &options, &err), -1);
	assert_non_null(strstr(err.msg, "1024"));
	text[MKFS_OPTIONS_TEXT_MAX] = '\0';
	assert_int_equal(mkfs_options_parse("o", "ext4", text, &options, &err), 0);
	for (size_t i = 0; i <= MKFS_WORDS_MAX; i++) {
		memcpy(text + i * 3, "-j ", 3);
	}
	assert_int_equal(mkfs_options_parse("o", "ext4", text, &options, &err), -1);
	assert_non_null(strstr(err.msg, "32 words"));
}

static void test_fstype(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(mkfs_fstype_check("fstype", "ext4", &err), 0);
	assert_int_equal(mkfs_fstype_check("fstype", "xfs", &err), 0);
	assert_int_equal(mkfs_fstype_check("fstype", "btrfs", &err), -1);
	assert_non_null(strstr(err.msg, "fstype"));
	assert_non_null(strstr(err.msg, "xfs"));
	assert_int_equal(mkfs_fstype_check("fstype", "", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fstype),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
