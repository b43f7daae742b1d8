/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the check share.
 */
#pragma once

#include "target/check.h"
#include "target/config.h"

enum check_result { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
	FILE *out;
	unsigned failed;
	const struct config *config;
	const struct check_env *env;
	const char *nvmet;  /* nvmet's tree */
	pid_t agent;	    /* that is at work on it, 0: none is */
	int64_t extends_at; /* per cent at which lvm extends a thin pool, 100: never */
};

/** check_say - one line; @what is its subject, NULL when the text begins with it. */
void check_say(struct check *check, enum check_result result, const char *what, const char *fmt,
	...) PRINTF_LIKE(4, 5);

/** check_kernel - module, configfs, gate; finds the agent. */
void check_kernel(const struct step *in, struct check *check);
/** check_module - is it loaded (@loaded: its name in /sys/module), or there to be loaded? */
void check_module(struct check *check, const char *name, const char *loaded);
/** check_lvm - what all thin pools need of the machine. */
void check_lvm(struct check *check);
/** check_thin_pool - what is better about this one. */
void check_thin_pool(struct check *check, const char *what, const struct config_pool *pool);
/** check_pools - each pool, and the folder of the agent's own state. */
void check_pools(const struct step *in, struct check *check);
/** check_portals - addresses and ports of the data path. */
void check_portals(struct check *check);
/** check_api - address and port of the API, its certificate and its token. */
void check_api(struct check *check);

/** check_owner_of - who listens at TCP port @port, at any address: "nginx (process 17)" into
 * @ret_name. Return: the process, 0 when none can be seen, as for sockets of the kernel. */
pid_t check_owner_of(uint16_t port, char *ret_name, size_t size);
