/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nvmetcp-controller.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/log.h"

#include <sys/types.h>

/** Exit codes; --help lists them. */
enum controller_exit {
	CONTROLLER_EXIT_OK = 0,
	CONTROLLER_EXIT_FAILED = 1,
	CONTROLLER_EXIT_USAGE = 2,
	CONTROLLER_EXIT_STUCK = 4,
};

/** struct controller_flags - checked; strings are borrowed from argv and the environment, or
 * constant. */
struct controller_flags {
	const char *config;
	const char *socket;	  /* path of csi.sock, without "unix://" */
	gid_t socket_gid;	  /* (gid_t)-1: the process's own */
	const char *driver_name;  /* "": what the configuration says */
	const char *http_address; /* "": none */
	enum log_level log_level;
	int64_t audit_minutes; /* 0: no audit */
	const char *api_host;  /* of Kubernetes' API; set where there is an audit */
	const char *api_port;
	bool help;
	bool version;
};

/**
 * controller_flags_parse - read @argv; @environment looks a variable up (getenv, or a test's).
 * "--name value" and "--name=value" are the same; the last one wins.
 * Return: 0, or -1 INVALID_ARGUMENT naming the flag. With help or version set nothing else is
 * checked.
 */
MUST_USE int controller_flags_parse(int argc, char *const *argv,
	const char *(*environment)(const char *), struct controller_flags *ret, struct err *err);
/** controller_flags_help - the text of --help. */
const char *controller_flags_help(void);
