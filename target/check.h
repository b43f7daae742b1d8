/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nvmetcp-target check`: what this machine lacks to serve the volumes of a configuration, said
 * before the first volume is made. It changes nothing, and may run beside the agent.
 */
#pragma once

#include "common/base/step.h"
#include "target/store/fsops.h"
#include "target/store/lvm.h"

#include <stdio.h>
#include <sys/types.h>

/** Where the package has the agent's configuration. */
#define CONFIG_PATH "/etc/nvmetcp/target.json"

/** struct check_env - the machine; a test stands in for it here. */
struct check_env {
	uid_t uid;
	const char *sys;     /* "/sys" */
	const char *modules; /* of the running kernel: "/lib/modules/<release>" */
	const struct fsops *fs;
	const struct lvm_env *lvm;
	const char *const *udev_rules; /* folders of rules, NULL-terminated */
	/** As nvmet_nft(). */
	int (*nft)(const struct step *in, const char *script, struct err *err);
};

/**
 * check_machine - check everything, one line on @out each: "OK", "WARN" or "FAIL", what it is
 * about, and what to do. Return: how many of them failed.
 */
unsigned check_machine(const char *config_path, const struct check_env *env, FILE *out);

/** check_this_machine - the same for the machine that this runs on, on stdout. */
unsigned check_this_machine(const char *config_path);
