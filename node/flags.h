/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nvmetcp-node.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/log.h"

/** Exit codes; --help lists them. */
enum node_exit {
	NODE_EXIT_OK = 0,
	NODE_EXIT_FAILED = 1,
	NODE_EXIT_USAGE = 2,
	NODE_EXIT_STUCK = 4,
};

/** struct node_flags - checked; strings are borrowed from argv and the environment, or constant. */
struct node_flags {
	const char *socket; /* path of csi.sock, without "unix://" */
	const char *driver_name;
	const char *instance;
	const char *node_name;
	const char *registration_dir; /* "" : do not register with kubelet */
	const char *kubelet_endpoint; /* path of csi.sock as kubelet sees it */
	const char *state_dir;
	const char *http_address; /* "": none */
	enum log_level log_level;
	int64_t max_volumes;
	const char *topology;	   /* "": nothing said; see node/topology.h, which checks both */
	const char *topology_file; /* "": none */
	const char *udev_rules;	   /* folder, "": none; see node/udev_rule.h */
	bool help;
	bool version;
};

/**
 * node_flags_parse - read @argv; @environment looks a variable up (getenv, or a test's).
 * "--name value" and "--name=value" are the same; the last one wins.
 * Return: 0, or -1 INVALID_ARGUMENT naming the flag. With help or version set nothing else is
 * checked.
 */
MUST_USE int node_flags_parse(int argc, char *const *argv, const char *(*environment)(const char *),
	struct node_flags *ret, struct err *err);
/** node_flags_help - the text of --help. */
const char *node_flags_help(void);
