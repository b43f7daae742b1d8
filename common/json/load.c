/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a buffer of it could not be made larger, Jansson (2.14, lex_save) leaves a character out
 * and goes on: a UUID lacks a digit, and a string without its closing quote is decoded beyond its
 * end. So an allocation never fails there: the first that would ends the whole reading by a jump
 * out of it, and what was read goes with its arena.
 */
#include "common/json/load.h"

#include <setjmp.h>

struct loading {
	struct arena *arena;
	jmp_buf out;
};

/* The one of this thread, NULL: values under construction have memory of their own. */
static _Thread_local struct loading *loading;

static void *take_memory(size_t size)
{
	struct loading *now = loading;

	if (!now) {
		return malloc(size);
	}
	void *memory = arena_alloc(now->arena, size);

	if (!memory) {
		longjmp(now->out, 1);
	}
	return memory;
}

static void give_memory(void *memory)
{
	if (!loading) {
		free(memory);
	}
}

/* Before main(), so before any thread has a value. */
__attribute__((constructor)) static void install(void)
{
	json_set_alloc_funcs(take_memory, give_memory);
}

int js_load(
	struct arena *arena, const char *text, size_t len, json_t **ret_root, json_error_t *error)
{
	struct loading now = {.arena = arena};

	*ret_root = NULL;
	loading = &now;
	if (setjmp(now.out) != 0) {
		loading = NULL;
		return -1;
	}
	*ret_root = json_loadb(text, len, JSON_REJECT_DUPLICATES, error);
	loading = NULL;
	return 0;
}
