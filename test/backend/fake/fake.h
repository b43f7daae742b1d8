/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend in memory, for tests: keeps the contract of controller/backend/backend.h in both
 * metadata modes, and fails where it is told to. Its state may be opened by several handles, and,
 * when it is in a file, by several processes. Never linked into a product.
 * Thread-safe.
 */
#pragma once

#include "controller/backend/backend.h"

/** What fits into one state. */
#define FAKE_VOLUMES_MAX 2048
#define FAKE_SNAPSHOTS_MAX 1024
#define FAKE_HOSTS_MAX 8
#define FAKE_FAULTS_MAX 32
/** Its two pools, and how many bytes each has. */
#define FAKE_POOL_A "pool-a"
#define FAKE_POOL_B "pool-b"
#define FAKE_POOL_SIZE (8 * TIB)
#define FAKE_GRANULARITY 4096
#define FAKE_MIN_SIZE MIB
#define FAKE_MAX_SIZE (16 * TIB)

struct fake;

struct fake_options {
	enum be_metadata metadata;
	/** File that holds the state, made when it is not there; NULL: memory of this process. */
	const char *path;
	bool shared_subsystem;
	bool one_writer;	  /* features say that it cannot stand two controllers */
	bool dependent_snapshots; /* a volume with snapshots cannot be deleted */
	bool no_snapshots;	  /* no snapshot_ members */
	bool no_capacity;	  /* no capacity member */
};

/** fake_new - a state, empty or as the file has it. Return: 0, or -1. */
MUST_USE int fake_new(const struct fake_options *options, struct fake **ret, struct err *err);
/** fake_free - all handles are closed; accepts NULL. */
void fake_free(struct fake *fake);
/** fake_open - a handle on the state, as one controller has it. @instance as configured there.
 * Return: 0 and a backend for be_close(), or -1. */
MUST_USE int fake_open(struct fake *fake, const char *name, const char *instance,
	struct backend **ret, struct err *err);

/** What happens at a passage. */
enum fake_action {
	FAKE_FAIL_BEFORE, /* the code, nothing done */
	FAKE_FAIL_AFTER,  /* done, but the answer is lost: the code */
	FAKE_HANG_BEFORE, /* nothing done, and no answer until the deadline */
	FAKE_HANG_AFTER,  /* done, and no answer until the deadline */
	FAKE_IN_PROGRESS, /* begun; BE_IN_PROGRESS (calls that change something) */
	FAKE_HALF,	  /* volume_create from a source: made, but not grown, then the code */
};

/** struct fake_fault - what to do where. */
struct fake_fault {
	const char *call; /* member of struct backend_ops: "volume_create" */
	unsigned from;	  /* at which passage from now, 1: the next one */
	unsigned times;	  /* for how many passages; 0: for ever */
	enum fake_action action;
	enum err_code code; /* of FAIL_ and HALF; 0: UNAVAILABLE */
};
/** fake_fault - from now on. A test that gives more than FAKE_FAULTS_MAX, or a call that does not
 * exist, aborts. */
void fake_fault(struct fake *fake, const struct fake_fault *fault);
/** fake_faults_clear - none any more. */
void fake_faults_clear(struct fake *fake);
/** fake_passages - how often @call was called since the start. */
unsigned fake_passages(struct fake *fake, const char *call);

/** fake_pool_present - is the pool there? What is in it stays. */
void fake_pool_present(struct fake *fake, const char *pool, bool present);
/** fake_set_written - as if a host had written to the volume. */
void fake_set_written(struct fake *fake, const char *object);

/** struct fake_count - all that is there, whatever the instance. */
struct fake_count {
	unsigned volumes;
	unsigned snapshots;
	unsigned grants;
	int64_t bytes; /* of all volumes */
};
struct fake_count fake_count(struct fake *fake);
