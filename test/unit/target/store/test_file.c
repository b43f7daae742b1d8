/* SPDX-License-Identifier: Apache-2.0 */
/* The store `file`: identity, usage, state texts. */
#include "test/unit/target/store/filestore.h"

static void refused(
	struct fixture *f, const char *name, const char *uuid, enum err_code code, const char *part)
{
	struct store *store = NULL;

	assert_int_equal(open_store(f, name, uuid, &store, &f->err), -1);
	assert_null(store);
	assert_err(f->err, code, part);
}

static void test_open(void **state)
{
	struct fixture *f = *state;
	struct store *store = NULL;

	refused(f, "other", NULL, ERR_FAILED_PRECONDITION, "is the pool \"pool\"");
	refused(f, "pool", "00000000-0000-4000-8000-000000000001", ERR_FAILED_PRECONDITION,
		"is recorded");
	assert_ok(open_store(f, "pool", f->stamp.uuid, &store, &f->err), f->err);
	store_free(store);
	fake_fs.clone_errno = EOPNOTSUPP;
	refused(f, "pool", NULL, ERR_FAILED_PRECONDITION, "no reflink");
	fake_fs.clone_errno = 0;
	assert_int_equal(rmdir(at(&f->place, "snapshots")), 0);
	refused(f, "pool", NULL, ERR_DATA_LOSS, "not whole");
	assert_int_equal(unlink(at(&f->place, STAMP_FILE)), 0);
	refused(f, "pool", NULL, ERR_UNAVAILABLE, "no pool is there");
}

static void test_open_path(void **state)
{
	struct fixture *f = *state;
	struct store_options options = {.name = "pool", .fs = &fake_fsops};
	struct store *store = NULL;
	struct stamp stamp;

	options.path = "relative";
	assert_int_equal(file_store_open(NO_STEP, &options, &store, &stamp, &f->err), -1);
	assert_err(f->err, ERR_INVALID_ARGUMENT, "must be absolute");
	options.path = "/nowhere/at/all";
	assert_int_equal(file_store_open(NO_STEP, &options, &store, &stamp, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, "/nowhere/at/all");
}

/* What tells a pool from its empty mount point, and from another file system in its place. */
static void test_check(void **state)
{
	struct fixture *f = *state;
	struct place other;

	assert_ok(f->store->ops->check(f->store, &f->err), f->err);
	assert_int_equal(rename(at(&f->place, STAMP_FILE), at(&f->place, "away")), 0);
	assert_int_equal(f->store->ops->check(f->store, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, "no pool is there");
	put_file(at(&f->place, STAMP_FILE),
		"{\"version\":1,\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"name\":\"pool\",\"type\":\"file\",\"createdAt\":1}");
	assert_int_equal(f->store->ops->check(f->store, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, "has the identity");
	put_file(at(&f->place, STAMP_FILE), "torn");
	assert_int_equal(f->store->ops->check(f->store, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, STAMP_FILE);
	assert_int_equal(rename(at(&f->place, "away"), at(&f->place, STAMP_FILE)), 0);
	assert_ok(f->store->ops->check(f->store, &f->err), f->err);

	/* Another folder at the same path. */
	place_make(&other);
	(void)snprintf(other.path + strlen(other.path), 8, "-x");
	assert_int_equal(rename(f->place.path, other.path), 0);
	assert_int_equal(f->store->ops->check(f->store, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, f->place.path);
	assert_int_equal(mkdir(f->place.path, 0700), 0);
	assert_int_equal(f->store->ops->check(f->store, &f->err), -1);
	assert_err(f->err, ERR_UNAVAILABLE, "not the directory that was opened");
	assert_int_equal(rmdir(f->place.path), 0);
	assert_int_equal(rename(other.path, f->place.path), 0);
	other.path[strlen(other.path) - 2] = '\0';
	place_remove(&other);
}

static void test_usage(void **state)
{
	struct fixture *f = *state;
	struct store_usage usage;

	assert_ok(f->store->ops->usage(f->store, &usage, &f->err), f->err);
	assert_true(usage.size > 0 && usage.free > 0);
	assert_true(usage.size % 1 == 0 &&
		    usage.free <= usage.size + FILE_STORE_RESERVE + usage.size / 10);
}

struct seen {
	char ids[64];
	size_t len;
};

static int note(const char *id, void *arg)
{
	struct seen *seen = arg;

	seen->len +=
		(size_t)snprintf(seen->ids + seen->len, sizeof(seen->ids) - seen->len, "%s ", id);
	return 0;
}

static void test_states(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct seen seen = {0};
	char *text = NULL;
	char path[PATH_MAX];

	assert_ok(ops->state_write(NO_STEP, f->store, VOLUME("v1"), "one", &f->err), f->err);
	assert_ok(ops->state_write(NO_STEP, f->store, VOLUME("v1"), "two", &f->err), f->err);
	assert_ok(ops->state_read(f->store, VOLUME("v1"), &text, &f->err), f->err);
	assert_string_equal(text, "two");
	free(text);
	assert_int_equal(ops->state_read(f->store, SNAPSHOT("v1"), &text, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);

	/* Names that are none of ours are passed over. */
	put_file(at(&f->place, "volumes/.tmp-v1.json"), "torn");
	put_file(at(&f->place, "volumes/UPPER.json"), "");
	put_file(at(&f->place, "volumes/.json"), "");
	put_file(at(&f->place, "volumes/note.txt"), "");
	put_file(at(&f->place, "volumes/d1.img"), "");
	assert_ok(ops->each(f->store, OBJECT_VOLUME, true, note, &seen, &f->err), f->err);
	assert_string_equal(seen.ids, "v1 ");
	seen = (struct seen){0};
	assert_ok(ops->each(f->store, OBJECT_VOLUME, false, note, &seen, &f->err), f->err);
	assert_string_equal(seen.ids, "d1 ");
	assert_ok(ops->tidy(NO_STEP, f->store, &f->err), f->err);
	assert_false(exists(at(&f->place, "volumes/.tmp-v1.json")));
	assert_true(exists(at(&f->place, "volumes/UPPER.json")));

	assert_ok(ops->state_remove(NO_STEP, f->store, VOLUME("v1"), &f->err), f->err);
	assert_ok(ops->state_remove(NO_STEP, f->store, VOLUME("v1"), &f->err), f->err);
	assert_false(exists(at(&f->place, "volumes/v1.json")));
	assert_ok(ops->path(f->store, SNAPSHOT("s"), path, &f->err), f->err);
	assert_string_equal(path, at(&f->place, "snapshots/s.img"));
	assert_string_equal(ops->type, "file");
}

static void test_state_too_long(void **state)
{
	struct fixture *f = *state;
	char *text = calloc(1, STORE_STATE_MAX + 2);

	memset(text, 'x', STORE_STATE_MAX + 1);
	assert_int_equal(
		f->store->ops->state_write(NO_STEP, f->store, VOLUME("v1"), text, &f->err), -1);
	assert_err(f->err, ERR_RESOURCE_EXHAUSTED, "volume v1");
	assert_false(exists(at(&f->place, "volumes/v1.json")));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_too_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
