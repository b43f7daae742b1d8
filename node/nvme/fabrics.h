/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect and disconnect: the text protocol of /dev/nvme-fabrics and delete_controller.
 *
 * Both block in the kernel: a connect for up to about 60 s per step under one kernel-wide mutex,
 * delete_controller behind a reconnect that is under way. They run in a child of the helper
 * (base/helper.h) and not in a thread, since a thread in D state would hold the process's end; a
 * fork without exec costs about 1 % of a connect. After a failed call guard->stuck says who was
 * left behind: the subsystem must stay locked until that child is gone.
 *
 * struct fab is thread-safe; it caches the kernel's option list, whose read waits behind a running
 * connect.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"
#include "common/nvmf/connect.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/portal.h"
#include "node/nvme/host.h"

#include <stdatomic.h>

struct fab;

/** How long the kernel may need to take a controller out of sysfs after delete_controller returned.
 */
#define FAB_GONE_POLL_MS 20

/** fab_new - nothing is opened or read yet; @host and @us must outlive it. Return: 0, or -1 without
 * memory. */
MUST_USE int fab_new(const struct host_paths *host, const struct host_identity *us,
	struct fab **ret, struct err *err);
/** fab_free - accepts NULL. */
void fab_free(struct fab *fab);

/**
 * fab_ready - load the modules when needed and read the kernel's option list, once; later calls
 * return at once. Return: 0, or -1 FAILED_PRECONDITION / DEADLINE_EXCEEDED.
 */
MUST_USE int fab_ready(
	const struct step *in, struct fab *fab, struct guard *guard, struct err *err);
/** fab_has_option - does this kernel know the connect option @name? False before fab_ready(). */
bool fab_has_option(struct fab *fab, const char *name);
/**
 * fab_check_options - refuse when @options ask for something that this kernel does not know (it
 * would be an unauthenticated or clear-text connection, or a bare EINVAL).
 * Return: 0, or -1 FAILED_PRECONDITION naming the option.
 */
MUST_USE int fab_check_options(
	struct fab *fab, const struct connect_options *options, struct err *err);

/** struct fab_path - one path to make. All borrowed. */
struct fab_path {
	const char *nqn;
	const struct portal *portal;
	const struct connect_options *options;
};

/** Most I/O queues of a path when nobody says how many: each costs memory on both sides, on the
 * target tens of MiB, and connect time. */
#define FAB_IO_QUEUES_MOST 4

/** fab_io_queues - how many to ask for: @asked, or as many as @online processors, up to the most.
 * The kernel itself would take one for each processor. */
int fab_io_queues(int asked, long online);

struct fab_result {
	bool existed; /* the very same path was there already, in whatever state */
	int instance; /* of the new controller; -1 when it existed or the kernel did not say */
	int cntlid;   /* likewise */
	int errnum;   /* the kernel's errno when it refused, else 0 */
};

/**
 * fab_connect - make one path and wait until it is live. A path that exists is success (existed);
 * the caller then looks at its state and repairs its timers with fab_tune().
 * A path made by a call that ended at its deadline may appear later: look at sysfs before retrying.
 * Return: 0, or -1 with an error that says what the kernel's errno means for a connect: UNAVAILABLE
 * where another portal or a later try may do, FAILED_PRECONDITION where it cannot,
 * PERMISSION_DENIED for EIO ("refused by the target: ...") and wrong keys, DEADLINE_EXCEEDED.
 */
MUST_USE int fab_connect(const struct step *in, struct fab *fab, const struct fab_path *path,
	struct guard *guard, struct fab_result *ret, struct err *err);

/** fab_error - the error for @errnum of a connect to @portal of @nqn; the table behind
 * fab_connect(). Return: -1. */
int fab_error(int errnum, const char *nqn, const struct portal *portal, struct err *err);

/**
 * fab_disconnect - delete all controllers of ours of the subsystem @nqn, all at once, and wait
 * until sysfs lists none of them (P3). Nothing there is success. Controllers of other hosts'
 * identities are left alone.
 * Return: 0, or -1: DEADLINE_EXCEEDED, with guard->stuck when it hangs in the kernel, UNAVAILABLE
 * when the kernel still lists one.
 */
MUST_USE int fab_disconnect(const struct step *in, struct fab *fab, const char *nqn,
	struct guard *guard, struct err *err);

/**
 * fab_tune - bring what is there to @options through sysfs: the subsystem's I/O policy
 * (queue-depth, where the kernel lacks it round-robin; one asked by name must exist), and
 * ctrl_loss_tmo, reconnect_delay, fast_io_fail_tmo of our controllers. What has the value already
 * is not written.
 * Return: 0, or -1 naming the file.
 */
MUST_USE int fab_tune(const struct step *in, struct fab *fab, const char *nqn,
	const struct connect_options *options, struct err *err);

/**
 * fab_policy_fits - is @now what @wanted ("": the best that this kernel knows) comes to? True for a
 * kernel without policies.
 */
bool fab_policy_fits(struct fab *fab, const char *wanted, const char *now);
/**
 * fab_set_policy - the part of fab_tune() about the I/O policy, for the subsystem that was just
 * seen as @instance; another one in its place is left alone.
 */
MUST_USE int fab_set_policy(const struct step *in, struct fab *fab, const char *nqn, int instance,
	const char *wanted, struct err *err);
/** fab_no_queue_depth - what is known of this kernel: it refused the policy queue-depth. */
atomic_bool *fab_no_queue_depth(struct fab *fab);

/**
 * fab_rescan - ask every live controller of ours of @nqn to look for namespaces and sizes again
 * (rescan_controller); does not wait. Return: 0, or -1 when /sys cannot be read.
 */
MUST_USE int fab_rescan(const struct step *in, struct fab *fab, const char *nqn, struct err *err);

const struct host_paths *fab_host(const struct fab *fab);
const struct host_identity *fab_identity(const struct fab *fab);

/** fab_verbs - what the helper must be able to do for this layer; for helper_start(). */
const struct helper_verb *fab_verbs(size_t *ret_n);
