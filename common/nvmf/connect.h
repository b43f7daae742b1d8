/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to connect: the connection options of a volume, the profiles, and the one table of
 * StorageClass parameters that set them (docs/storageclass.md is tested against it).
 * Source of the ranges: drivers/nvme/host/fabrics.c (match tokens), facts on /dev/nvme-fabrics.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/strbuf.h"
#include "common/nvmf/kv.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/portal.h"

/** "Leave it to the kernel": the option is not passed. */
#define CONNECT_UNSET (-2)
/** fast_io_fail off, ctrl_loss for ever: as the kernel writes it. */
#define CONNECT_NEVER (-1)

/** struct connect_options - seconds, counts; every number may be CONNECT_UNSET. A plain value
 * without secrets: keys are serials in the kernel's keyring. */
struct connect_options {
	int nr_io_queues; /* CONNECT_UNSET: min(online cores, 4), decided by the node */
	int nr_write_queues;
	int queue_size;
	int keep_alive_tmo;   /* s */
	int reconnect_delay;  /* s */
	int ctrl_loss_tmo;    /* s, CONNECT_NEVER: retry for ever */
	int fast_io_fail_tmo; /* s, CONNECT_NEVER: off */
	int tos;
	bool hdr_digest;
	bool data_digest;
	char io_policy[16]; /* "queue-depth", "round-robin", "numa"; "" : queue-depth, else
			       round-robin */
	/* Key handles: serials of keys in the kernel's keyring, 0 for none. Filled by the node from
	 * CSI secrets or files, never stored (P8). */
	int32_t tls_key;
	int32_t dhchap_key;
	int32_t dhchap_ctrl_key;
};

/*
 * The profiles, in seconds:     keep-alive  reconnect  ctrl_loss  fast_io_fail
 *   balanced (the default)           5          2        never        off
 *   fast-failover                    2          1        never         10
 *   patient                         15         10        never        off
 * ctrl_loss is never, so that the kernel does not delete a controller whose target comes back late.
 * Where both are set, fastIoFailTmo must be below ctrlLossTmo.
 */

/** connect_profile - the options of a profile: "balanced", "fast-failover", "patient". Return: 0,
 * or -1 INVALID_ARGUMENT naming @field. */
MUST_USE int connect_profile(
	const char *field, const char *name, struct connect_options *ret, struct err *err);
/** connect_parameter - the names that connect_parse() reads, one after the other. Return: NULL
 * after the last. */
const char *connect_parameter(size_t i);
/** connect_is_parameter - true when @key is a StorageClass parameter that sets a connection option
 * ("profile" included). */
bool connect_is_parameter(const char *key);
/**
 * connect_parse - options from @params: the profile first ("balanced" when absent), then each key.
 * Keys that are no connection parameter are ignored (the caller rejects unknown ones).
 * Return: 0, or -1 INVALID_ARGUMENT naming the parameter, the value and the range.
 */
MUST_USE int connect_parse(struct kv_list params, struct connect_options *ret, struct err *err);

/**
 * connect_string - what is written to /dev/nvme-fabrics for one path. Never holds a secret.
 * Return: 0, or -1: INTERNAL for a comma in a name or address (they were checked before) and for a
 * text longer than @out takes, UNIMPLEMENTED when a DH-HMAC-CHAP key is set.
 */
MUST_USE int connect_string(const struct connect_options *options, const char *subsys_nqn,
	const struct host_identity *host, const struct portal *portal, struct strbuf *out,
	struct err *err);
