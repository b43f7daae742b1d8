/* SPDX-License-Identifier: Apache-2.0 */
/* A file store in a folder of the test's own. */
#pragma once

#include "target/store/file.h"
#include "test/unit/target/support.h"

struct fixture {
	struct place place;
	struct stamp stamp;
	struct store *store;
	struct err err;
};

static inline int open_store(
	struct fixture *f, const char *name, const char *uuid, struct store **ret, struct err *err)
{
	struct store_options options = {
		.path = f->place.path,
		.name = name,
		.uuid = uuid,
		.clone_extents = 100,
		.fs = &fake_fsops,
	};
	struct stamp stamp;

	return file_store_open(NO_STEP, &options, ret, &stamp, err);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fake_fs = (struct fake_fs){0};
	place_make(&f->place);
	assert_ok(stamp_init(NO_STEP, f->place.path, "pool", &fake_fsops, &f->stamp, &f->err),
		f->err);
	assert_ok(open_store(f, "pool", NULL, &f->store, &f->err), f->err);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	store_free(f->store);
	place_remove(&f->place);
	free(f);
	return 0;
}

#define VOLUME(name) ((struct object_name){OBJECT_VOLUME, (name)})
#define SNAPSHOT(name) ((struct object_name){OBJECT_SNAPSHOT, (name)})
