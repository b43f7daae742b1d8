/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every path of this node to every namespace, as sysfs shows it: what a person asks for who wants
 * to know whether a volume would outlive the loss of a link. Plain functions over an open /sys; no
 * command goes to a target.
 */
#pragma once

#include "node/nvme/subsys.h"

/** Most paths that are looked at. */
#define PATHS_MAX 65536

/** struct path_row - a namespace over one controller; a controller without one has a row, too. */
struct path_row {
	char nqn[NQN_SIZE];
	struct subsys_ctrl ctrl;
	char device[DISK_NAME_SIZE];	 /* "nvme0n1", the disk that pods have; "": none */
	char ana[CTRL_STATE_SIZE];	 /* "": not shown, as without multipath */
	char policy[SUBSYS_POLICY_SIZE]; /* "": not shown */
	int io_queues;			 /* -1: not shown */
	bool driver; /* made by a node plugin of this driver, whatever its instance */
};

/** struct path_rows - in the order of NQN, controller, device; for path_rows_done(). */
struct path_rows {
	struct path_row *list;
	size_t n;
};

/** paths_read - @all: those of others, too. What vanishes while being read is left out. Return: 0,
 * or -1 when /sys cannot be read, a limit is passed, or memory is short. */
MUST_USE int paths_read(
	const struct host_paths *host, bool all, struct path_rows *ret, struct err *err);
void path_rows_done(struct path_rows *rows);
#define _cleanup_path_rows_ _cleanup_(path_rows_done)
