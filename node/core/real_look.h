/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of struct host_ops that only read sysfs, for real.c. Any thread; they return at once.
 */
#pragma once

#include "node/core/real.h"
#include "node/nvme/subsys.h"

/** real_scan - subsys_scan() of the host. */
MUST_USE int real_scan(
	struct host_real *host, const char *nqn, struct subsys_view *ret, struct err *err);

/* As the members of their names. */

MUST_USE int real_controllers(
	void *self, const char *nqn, struct host_controllers *ret, struct err *err);
MUST_USE int real_disks(
	void *self, const char *nqn, dev_t *ret_devs, size_t max, size_t *ret_n, struct err *err);
MUST_USE int real_owner(void *self, dev_t dev, char ret_nqn[NQN_SIZE], struct err *err);
MUST_USE int real_dev_size(void *self, dev_t dev, int64_t *ret_size, struct err *err);
MUST_USE int real_ctrls(void *self, struct host_ctrl **ret_list, size_t *ret_n, struct err *err);
bool real_shown(void *self, dev_t dev, const struct ns_ident *ident);
