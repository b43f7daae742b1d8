/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a list that came from the target: nothing in it is trusted beyond its own bounds.
 */
#include "node/nvme/nsdesc.h"

#include "common/base/parse.h"

#include <stdio.h>

#define HEADER 4
#define LONGEST 16

struct kind {
	uint8_t type;
	uint8_t length;
	const char *name;
	size_t offset; /* in struct ns_ident */
};

static const struct kind kinds[] = {
	{1, 8, "eui64", offsetof(struct ns_ident, eui64)},
	{2, 16, "nguid", offsetof(struct ns_ident, nguid)},
	{3, 16, "uuid", offsetof(struct ns_ident, uuid)},
};

static const struct kind *find_type(uint8_t type, uint8_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type == type && kinds[i].length == length) {
			return &kinds[i];
		}
	}
	return NULL;
}

void nsdesc_print(const uint8_t list[NSDESC_SIZE], struct strbuf *out)
{
	char hex[2 * LONGEST + 1];
	size_t at = 0;

	while (at + HEADER <= NSDESC_SIZE) {
		uint8_t length = list[at + 1];
		/* A length of 0 ends the list. */
		if (length == 0 || at + HEADER + length > NSDESC_SIZE) {
			return;
		}
		const struct kind *kind = find_type(list[at], length);
		if (kind) {
			hex_print(list + at + HEADER, length, hex);
			sb_addf(out, "%s%s=%s", out->len > 0 ? " " : "", kind->name, hex);
		}
		at += HEADER + (size_t)length;
	}
}

static int parse_word(const char *word, struct ns_ident *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		if (strncmp(word, kinds[i].name, n) == 0 && word[n] == '=') {
			return parse_hex(kinds[i].name, word + n + 1,
				(uint8_t *)ret + kinds[i].offset, kinds[i].length, err);
		}
	}
	return err_set(err, ERR_INTERNAL, "identity: '%.64s' is none", word);
}

int nsdesc_parse(const char *text, struct ns_ident *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy;
	char *word;

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "identity: out of memory");
	}
	*ret = (struct ns_ident){0};
	while ((word = strsep(&rest, " "))) {
		if (*word && parse_word(word, ret, err) < 0) {
			return -1;
		}
	}
	return 0;
}
