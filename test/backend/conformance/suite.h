/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of backends: what the tests know of the backend under test, and how they
 * call it. Tests are cmocka's; each begins with nothing of its instance on the backend and must
 * leave nothing there.
 */
#pragma once

#include "controller/backend/backend.h"
#include "controller/backend/objname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/** Size of the volumes made, and of larger ones. */
#define SIZE_SMALL (16 * MIB)
#define SIZE_LARGE (32 * MIB)
/** Time for one call, in ms; nothing is measured by it. An emulated machine makes two dozen thin
 * volumes one after the other in it. */
#define CALL_MS 120000
/** Time for one call to a pool that is away, in ms: some wait for it to come back. */
#define ABSENT_MS 10000
/** Deadline of a call that is made to hang, in ms. */
#define HANG_MS 200

/** How a call is made to go wrong. */
enum loss {
	LOSS_BEFORE,	  /* it never reaches the backend */
	LOSS_AFTER,	  /* done, but the answer is lost */
	LOSS_HANG_BEFORE, /* never reaches it, and the deadline passes */
	LOSS_HANG_AFTER,  /* done, no answer, and the deadline passes */
	LOSS_GARBLED,	  /* done, and half an answer comes */
	LOSS_PROGRESS,	  /* answered with "in progress" first */
	LOSS_MAX,
};

struct fake;
struct lossy;

/** struct subject - the backend under test. */
struct subject {
	const char *name;
	const char *instance;
	struct backend *a; /* two handles of one instance: two controllers */
	struct backend *b;
	struct backend *other;	/* a handle of another instance */
	const char *pool;	/* to create in; "" : the backend's choice */
	const char *other_pool; /* NULL: there is none */
	struct fake *fake;	/* NULL: a real one */
	struct lossy *lossy;	/* NULL: no way to lose answers */
	const char *control;	/* control channel of a double, "" for none */
	/** Arguments that make this program a worker on the same backend; NULL-terminated. */
	const char *const *worker_argv;
};

/** subject_lose - make the next passage of @call (member of struct backend_ops) go wrong, at the
 * request that changes something after @skip others. Return: false when this backend has no way
 * to. */
bool subject_lose(struct subject *subject, const char *call, enum loss loss, unsigned skip);
/** subject_lost - lose no more. Return: true when something was lost since. */
bool subject_lost(struct subject *subject);

/** subject_restart - start the target again. Return: true when it was; false when there is no way
 * to, or with @err. */
bool subject_restart(struct subject *subject, struct err *err);
/** subject_pool - take the pool away or bring it back. Return: false when there is no way to. */
bool subject_pool(struct subject *subject, bool there);

/** struct env - one caller: its memory, deadline and error. One thread's. */
struct env {
	struct subject *subject;
	struct op op;
	struct err err;
	bool full; /* metadata is kept */
};

/** env_init - ready for calls. */
void env_init(struct env *env, struct subject *subject);
/** env_done - free the memory. */
void env_done(struct env *env);
/** env_reset - fresh memory, deadline and error. */
void env_reset(struct env *env);

/** One call of a member that changes something. */
enum change { CREATE, DELETE, EXPAND, GRANT, REVOKE, SNAP_CREATE, SNAP_DELETE };
struct call {
	enum change change;
	const void *args; /* struct be_..._args, or the object of a deletion */
	void *ret;	  /* what it fills; NULL for those that fill nothing */
};
/** change_name - the member of struct backend_ops. */
const char *change_name(enum change change);
/** call_once - as it is; BE_IN_PROGRESS is given back. */
enum be_result call_once(struct env *env, struct backend *be, const struct call *call);
/** call - until it is done or failed: "in progress" is asked again. */
enum be_result call(struct env *env, struct backend *be, const struct call *call);
/** call_firm - as a CO does: also what failed without a final code is tried again. */
enum be_result call_firm(struct env *env, struct backend *be, const struct call *call);

/* The calls, shorter. Names become objects by object_of(). */
const char *object_of(struct env *env, enum be_kind kind, const char *name);
struct be_volume_args volume_args(struct env *env, const char *name);
struct be_snapshot_args snapshot_args(struct env *env, const char *name, const char *volume);
/** make_volume, make_snapshot - must be done; give the object. */
const char *make_volume(struct env *env, const char *name);
const char *make_snapshot(struct env *env, const char *name, const char *volume);
enum be_result create(struct env *env, struct backend *be, const struct be_volume_args *args,
	struct be_volume *ret);
enum be_result remove_volume(struct env *env, struct backend *be, const char *object);
enum be_result remove_snapshot(struct env *env, struct backend *be, const char *object);
enum be_result expand(struct env *env, struct backend *be, const char *object, int64_t size,
	struct be_volume *ret);
enum be_result grant(struct env *env, struct backend *be, const char *object, const char *host,
	struct attach_info *ret);
enum be_result take_back(struct env *env, struct backend *be, const char *object, const char *host);
enum be_result snap(struct env *env, struct backend *be, const struct be_snapshot_args *args,
	struct be_snapshot *ret);

/** host_nqn - of the n-th node of this instance. */
const char *host_nqn(struct env *env, unsigned n);
/** has_host - is it in the list of the volume? */
bool has_host(const struct be_volume *volume, const char *host);
/** all_volumes, all_snapshots - the whole list, by pages of @page. */
struct be_volumes all_volumes(struct env *env, struct backend *be, size_t page);
struct be_snapshots all_snapshots(struct env *env, struct backend *be, size_t page);
/** clear_all - remove whatever the instance of @be has. */
void clear_all(struct env *env, struct backend *be);

/** assert_done, assert_code - with the message of the call. */
#define assert_done(env, result)                                                                   \
	do {                                                                                       \
		enum be_result _result = (result);                                                 \
		if (_result != BE_DONE) {                                                          \
			fail_msg("%d: %s: %s", (int)_result, err_code_name((env)->err.code),       \
				(env)->err.msg);                                                   \
		}                                                                                  \
	} while (0)
#define assert_code(env, result, want)                                                             \
	do {                                                                                       \
		if ((int)(result) != -1 || (env)->err.code != (want)) {                            \
			fail_msg("not %s but %s: %s", err_code_name(want),                         \
				err_code_name((env)->err.code), (env)->err.msg);                   \
		}                                                                                  \
	} while (0)

/* The tests, by file. Each table ends with an entry without a name. */
extern const struct CMUnitTest volume_tests[];
extern const struct CMUnitTest grant_tests[];
extern const struct CMUnitTest snapshot_tests[];
extern const struct CMUnitTest list_tests[];
extern const struct CMUnitTest unknown_tests[];
extern const struct CMUnitTest race_tests[];
extern const struct CMUnitTest restart_tests[];
extern const struct CMUnitTest rate_tests[];

/** suite_setup, suite_teardown - of every test; *state becomes its struct env. */
int suite_setup(void **state);
int suite_teardown(void **state);
#define SUITE_TEST(f) cmocka_unit_test_setup_teardown(f, suite_setup, suite_teardown)

/** worker_run - what a second process does: changes of the shared names, in an order of its own.
 * Return: the exit code, 0 when every answer was one that the contract allows. */
int worker_run(struct subject *subject, unsigned seed);
/** The names and nodes that the workers share, and the changes that each makes. */
#define WORKER_NAMES 6
#define WORKER_HOSTS 3
#define WORKER_CHANGES 150
