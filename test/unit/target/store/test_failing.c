/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool on a disk that fails, and without memory: identity, generation and states are the old or
 * the new afterwards, and a state that could not be read is never called damaged for want of
 * memory.
 */
#include "common/base/fileio.h"
#include "target/store/generation.h"
#include "target/store/object.h"
#include "target/store/pooldir.h"
#include "target/store/spare.h"
#include "test/failing/failing.h"
#include "test/unit/target/store/filestore.h"

static const struct object_name v1 = {OBJECT_VOLUME, "v1"};

static char *text_of(int64_t size)
{
	_cleanup_object_ struct object *object = object_new(OBJECT_VOLUME, "v1");
	struct err err = {0};
	char *text = NULL;

	assert_non_null(object);
	object->size = size;
	object->created_size = MIB;
	object->uuid[0] = 1;
	object->nsid = 1;
	(void)snprintf(object->instance, sizeof(object->instance), "test");
	free(object->metadata);
	object->metadata = strdup("{\"csiName\":\"pvc-1\"}");
	assert_int_equal(host_set_add(&object->hosts, NQN_PREFIX "node.test.a", &err), 0);
	assert_ok(object_print(object, &text, &err), err);
	return text;
}

static int parse(void *arg, struct err *err)
{
	_cleanup_object_ struct object *object = NULL;

	if (object_parse(v1, arg, &object, err) < 0) {
		return -1;
	}
	assert_int_equal(object->size, 2 * MIB);
	assert_int_equal(object->hosts.n, 1);
	assert_string_equal(object->metadata, "{\"csiName\":\"pvc-1\"}");
	return 0;
}

/* DATA_LOSS would have somebody look for what is not broken. */
static void want_of_memory_is_no_damage(void **state)
{
	_cleanup_free_ char *text = text_of(2 * MIB);
	const struct failing_job job = {.run = parse, .arg = text, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
}

static int print(void *arg, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_object_ struct object *object = NULL;
	_cleanup_object_ struct object *copy = NULL;
	int rc;

	failing_pause();
	rc = object_parse(v1, arg, &object, err);
	failing_resume();
	assert_int_equal(rc, 0);
	copy = object_copy(object);
	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no copy");
	}
	if (object_print(copy, &text, err) < 0) {
		return -1;
	}
	assert_string_equal(text, arg);
	return 0;
}

/* Never a text with a host less. */
static void what_is_written_is_whole(void **state)
{
	_cleanup_free_ char *text = text_of(2 * MIB);
	const struct failing_job job = {.run = print, .arg = text};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
}

static void write_old(void *arg)
{
	struct fixture *f = arg;
	_cleanup_free_ char *text = text_of(MIB);

	assert_ok(f->store->ops->state_write(NO_STEP, f->store, v1, text, &f->err), f->err);
	assert_ok(f->store->ops->tidy(NO_STEP, f->store, &f->err), f->err);
}

static int write_new(void *arg, struct err *err)
{
	struct fixture *f = arg;
	_cleanup_free_ char *text = NULL;

	failing_pause();
	text = text_of(2 * MIB);
	failing_resume();
	return f->store->ops->state_write(NO_STEP, f->store, v1, text, err);
}

static void old_or_new(void *arg, bool failed)
{
	struct fixture *f = arg;
	_cleanup_object_ struct object *object = NULL;
	_cleanup_free_ char *text = NULL;

	assert_ok(f->store->ops->state_read(f->store, v1, &text, &f->err), f->err);
	assert_ok(object_parse(v1, text, &object, &f->err), f->err);
	assert_true(object->size == 2 * MIB || (failed && object->size == MIB));
}

static void a_state_is_written_as_one(void **state)
{
	struct failing_job job = {
		.run = write_new, .before = write_old, .after = old_or_new, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 5);
	assert_true(failing_each(FAILING_FILES_ALL, &job) >= 5);
	/* With no block left it takes a spare; only when that fails as well it fails. */
	assert_true(failing_each(FAILING_FULL, &job) >= 1);
}

static int take_spare(void *arg, struct err *err)
{
	struct fixture *f = arg;
	_cleanup_free_ char *text = NULL;

	failing_pause();
	text = text_of(2 * MIB);
	failing_resume();
	return spares_use(NO_STEP, f->store->dir->spare_folder, f->store->dir->folders[v1.kind],
		"v1.json", text, strlen(text), err);
}

static void a_spare_is_taken_as_one(void **state)
{
	const struct failing_job job = {.run = take_spare,
		.before = write_old,
		.after = old_or_new,
		.arg = *state,
		.may_cope = true};

	/* It copes with a spare that it cannot look at: there are others. */
	assert_true(failing_each(FAILING_FILES, &job) >= 5);
}

static void forget_generation(void *arg)
{
	const struct fixture *f = arg;

	assert_int_equal(generation_write(NO_STEP, f->store->dir->dirfd, 7, NULL), 0);
}

static int next_generation(void *arg, struct err *err)
{
	const struct fixture *f = arg;

	return generation_write(NO_STEP, f->store->dir->dirfd, 8, err);
}

static void seven_or_eight(void *arg, bool failed)
{
	struct fixture *f = arg;
	int64_t generation = 0;

	assert_ok(generation_read(f->store->dir->dirfd, "/pool", &generation, &f->err), f->err);
	assert_true(generation == 8 || (failed && generation == 7));
}

static void a_generation_is_written_as_one(void **state)
{
	const struct failing_job job = {.run = next_generation,
		.before = forget_generation,
		.after = seven_or_eight,
		.arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 5);
	assert_true(failing_each(FAILING_FULL, &job) >= 4);
}

/* A new folder that is to become a pool. */
struct fresh {
	struct place place;
	bool made;
	struct stamp stamp;
};

static void new_folder(void *arg)
{
	struct fresh *fresh = arg;

	if (fresh->made) {
		place_remove(&fresh->place);
	}
	place_make(&fresh->place);
	fresh->made = true;
}

static int make_pool(void *arg, struct err *err)
{
	struct fresh *fresh = arg;

	return stamp_init(NO_STEP, fresh->place.path, "pool", &fake_fsops, &fresh->stamp, err);
}

static void none_or_whole(void *arg, bool failed)
{
	const struct fresh *fresh = arg;
	struct err err = {0};
	struct stamp stamp;

	if (stamp_read_at(fresh->place.path, &stamp, &err) < 0) {
		assert_true(failed);
		assert_int_equal(err.code, ERR_UNAVAILABLE); /* not there, rather than broken */
	} else if (!failed) {
		assert_string_equal(stamp.uuid, fresh->stamp.uuid);
	}
}

/* It copes when it cannot look whether an identity is there that it could not read either: it is
 * not, and making one would find out. */
static void a_pool_is_made_whole(void **state)
{
	struct fresh fresh = {0};
	const struct failing_job job = {.run = make_pool,
		.before = new_folder,
		.after = none_or_whole,
		.arg = &fresh,
		.may_cope = true};

	(void)state;
	assert_true(failing_each(FAILING_FILES, &job) > 15);
	assert_true(failing_each(FAILING_FULL, &job) > 5);
	assert_true(failing_each(FAILING_MEMORY, &job) > 5);
	place_remove(&fresh.place);
}

static int look(void *arg, struct err *err)
{
	struct fixture *f = arg;
	struct store *again = NULL;
	_cleanup_free_ char *text = NULL;
	int rc = open_store(f, "pool", f->stamp.uuid, &again, err);

	if (rc == 0) {
		rc = again->ops->state_read(again, v1, &text, err);
	}
	/* The pool is there, and so is the volume: whatever fails, that is not what it says. */
	assert_true(rc == 0 || err->code != ERR_NOT_FOUND);
	store_free(again);
	return rc;
}

static void absent_is_not_gone(void **state)
{
	const struct failing_job job = {.run = look, .before = write_old, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 5);
	assert_true(failing_each(FAILING_MEMORY, &job) >= 5);
}

int main(void)
{
	fake_begins = failing_pause;
	fake_ends = failing_resume;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(want_of_memory_is_no_damage),
		cmocka_unit_test(what_is_written_is_whole),
		cmocka_unit_test_setup_teardown(a_state_is_written_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_spare_is_taken_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_generation_is_written_as_one, setup, teardown),
		cmocka_unit_test(a_pool_is_made_whole),
		cmocka_unit_test_setup_teardown(absent_is_not_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
