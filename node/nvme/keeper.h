/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path keeper: holds the paths of staged subsystems to what was asked. The kernel gives a path
 * up for good when the target answers a reconnect with "do not retry" (kernel 6.12, also with
 * ctrl_loss_tmo=-1), so one thread compares the wanted paths with sysfs (when a controller went
 * away, every few seconds while something is missing, else now and then) and adds what is missing,
 * with back-off. It probes first, then takes the subsystem's lock (keylock, key = NQN) to connect,
 * and passes over a subsystem whose lock is held, so it never races a stage or unstage.
 * All functions are thread-safe.
 */
#pragma once

#include "common/base/keylock.h"
#include "common/nvmf/connect.h"
#include "common/nvmf/portal.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/portal_probe.h"
#include "node/nvme/uev.h"

struct keeper;

/** Most subsystems kept. */
#define KEEPER_SUBSYS_MAX 4096
/** Time between two looks while something is missing, and when nothing is known to be. */
#define KEEPER_PERIOD_MS 3000
#define KEEPER_NET_MS 30000
/** Longest time between two tries for one subsystem, and for one connect. */
#define KEEPER_BACKOFF_MS 30000
#define KEEPER_CONNECT_MS 20000

/** struct keeper_config - what it works with; all borrowed and must outlive the keeper. */
struct keeper_config {
	struct fab *fab;
	struct helper *helper;
	struct uev *uev;	      /* may be NULL: then only time wakes it */
	struct keylock *subsys_locks; /* the same that stage and unstage take, key = NQN */
	struct quarantine *quarantine;
	const struct step_journal *journal; /* for the steps "keep-path"; may be NULL */
	int64_t period_ms;		    /* 0: KEEPER_PERIOD_MS */
	/** Told of each path added (err NULL) or that could not be; for log and metrics; may be
	 * NULL. */
	void (*told)(
		void *self, const char *nqn, const struct portal *portal, const struct err *err);
	void *self;
};

/** keeper_start - make it and start its thread. Return: 0, or -1. */
MUST_USE int keeper_start(const struct keeper_config *config, struct keeper **ret, struct err *err);
/** keeper_stop - end the thread (at most until @dl) and free. Return: false when it is stuck: then
 * nothing was freed. */
bool keeper_stop(struct keeper *keeper, const struct deadline *dl);

/**
 * keeper_set - from now on keep all of @portals of @nqn connected with @options (copied, no
 * secrets); replaces what was set before. The first look follows at once. Call with the
 * subsystem's lock held. Return: 0, or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int keeper_set(struct keeper *keeper, const char *nqn, const struct portals *portals,
	const struct connect_options *options, struct err *err);
/** keeper_drop - forget @nqn; call with its lock held, before fab_disconnect(). Not there is fine.
 */
void keeper_drop(struct keeper *keeper, const char *nqn);

struct keeper_status {
	unsigned subsystems;
	unsigned paths_wanted;
	unsigned paths_live; /* at the last look */
	uint64_t added;	     /* since the start */
	uint64_t failed;
	uint64_t policies; /* I/O policies set back, since the start */
};
void keeper_read_status(struct keeper *keeper, struct keeper_status *ret);
