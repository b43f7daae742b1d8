/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an NVMe/TCP target listening there? TCP connect, then ICReq and ICResp as the kernel would
 * send them (NVMe/TCP Transport 1.1, section 3.6.2), so that a dead portal costs milliseconds here
 * and not seconds under the kernel's connect mutex (P7). With TLS only the TCP connect is tried.
 */
#pragma once

#include "common/base/clock.h"
#include "common/nvmf/portal.h"

/** How long all portals together are given. */
#define PORTAL_PROBE_MS 2000
/** Quarantine of a portal that failed in the kernel: first and longest time. */
#define QUARANTINE_FIRST_MS 1000
#define QUARANTINE_LONGEST_MS 60000
#define PORTAL_VERDICT_SIZE 128

struct portal_verdict {
	bool alive;
	int64_t took_ms;
	char why[PORTAL_VERDICT_SIZE]; /* when not alive: "connection refused", "no answer within
					  2000 ms", ... */
};

/**
 * portal_probe - try all of @portals at once, at most PORTAL_PROBE_MS and not past @dl; ends as
 * soon as every portal has a verdict. verdicts[i] belongs to portals->list[i].
 * Return: 0 (also when all are dead), or -1 when the caller is gone or no socket can be made.
 */
MUST_USE int portal_probe(const struct portals *portals, bool tls, const struct deadline *dl,
	struct portal_verdict verdicts[PORTALS_MAX], struct err *err);

/** struct portal_choice - how portal_probe_first() chooses. */
struct portal_choice {
	bool tls;
	uint32_t skip; /* bit i: portal i is probed but not chosen */
};

/**
 * portal_probe_first - as portal_probe(), but ends once one portal that @choice does not skip is
 * alive; the others without a verdict are then "not waited for".
 * @ret_first: index of that portal, -1 when none is alive.
 */
MUST_USE int portal_probe_first(const struct portals *portals, const struct portal_choice *choice,
	const struct deadline *dl, struct portal_verdict verdicts[PORTALS_MAX], int *ret_first,
	struct err *err);

/** portal_verdicts_print - "10.0.0.5:4420: connection refused; [fd00::5]:4420: ..." for an error.
 */
void portal_verdicts_print(const struct portals *portals, const struct portal_verdict *verdicts,
	char *out, size_t size);

/**
 * Portals that answered the probe and yet failed in the kernel (or held it up): left alone for a
 * time that doubles with each failure. Thread-safe. Times are clock_ms().
 */
struct quarantine;

/** quarantine_new - remembers at most @max portals; past that the one that is free soonest is
 * forgotten. */
MUST_USE int quarantine_new(size_t max, struct quarantine **ret, struct err *err);
void quarantine_free(struct quarantine *q);
/** quarantine_failed - it failed at @now_ms. Return: how long it is now left alone, in ms. */
int64_t quarantine_failed(struct quarantine *q, const struct portal *portal, int64_t now_ms);
/** quarantine_worked - it is good again. */
void quarantine_worked(struct quarantine *q, const struct portal *portal);
/** quarantine_left_ms - how long it is still left alone, 0: try it. */
int64_t quarantine_left_ms(struct quarantine *q, const struct portal *portal, int64_t now_ms);
