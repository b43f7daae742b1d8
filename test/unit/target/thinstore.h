/* SPDX-License-Identifier: Apache-2.0 */
/* A store `lvmthin` on the make-believe machine, its directory beside it. */
#pragma once

#include "target/store/lvmthin.h"
#include "test/unit/target/lvmworld.h"

#define VOLUME(name) ((struct object_name){OBJECT_VOLUME, (name)})
#define SNAPSHOT(name) ((struct object_name){OBJECT_SNAPSHOT, (name)})
#define EXTENT (4 * MIB)

struct thin {
	struct place place;
	struct stamp stamp;
	struct store *store;
	struct err err;
};

static inline struct store_options thin_options(const struct thin *t)
{
	return (struct store_options){
		.type = LVMTHIN_STORE_TYPE,
		.name = "pool",
		.path = t->place.path,
		.vg = VG,
		.thin_pool = "thin",
		.lvm = &lvm_world.env,
	};
}

static inline void thin_open(struct thin *t)
{
	struct store_options options = thin_options(t);

	store_free(t->store);
	t->store = NULL;
	assert_ok(store_open(NO_STEP, &options, &t->store, &t->stamp, &t->err), t->err);
	assert_ok(t->store->ops->tidy(NO_STEP, t->store, &t->err), t->err);
}

static inline int thin_setup(void **state)
{
	struct thin *t = calloc(1, sizeof(*t));
	struct store_options options;

	assert_non_null(t);
	lvm_world_make();
	place_make(&t->place);
	options = thin_options(t);
	assert_ok(lvmthin_init(NO_STEP, &options, &t->stamp, &t->err), t->err);
	thin_open(t);
	assert_called("lvs lvchange lvs lvchange lvs ");
	*state = t;
	return 0;
}

static inline int thin_teardown(void **state)
{
	struct thin *t = *state;

	store_free(t->store);
	place_remove(&t->place);
	lvm_world_remove();
	free(t);
	return 0;
}

static inline struct store_stat thin_stat(struct thin *t, struct object_name name)
{
	struct store_stat stat = {0};

	assert_ok(t->store->ops->stat(t->store, name, &stat, &t->err), t->err);
	return stat;
}

static inline void thin_gone(struct thin *t, struct object_name name)
{
	struct store_stat stat;

	assert_int_equal(t->store->ops->stat(t->store, name, &stat, &t->err), -1);
	assert_err(t->err, ERR_NOT_FOUND, name.id);
}

#define thin_ok(t, call) assert_ok((t)->store->ops->call, (t)->err)
#define thin_fails(t, call, code, part)                                                            \
	do {                                                                                       \
		assert_int_equal((t)->store->ops->call, -1);                                       \
		assert_err((t)->err, code, part);                                                  \
	} while (0)
