/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel module nvme-tcp, loaded with libkmod when /dev/nvme-fabrics is not there. A kernel
 * that has it built in shows the device from the start.
 */
#pragma once

#include "common/base/step.h"
#include "node/nvme/host.h"

/**
 * modules_ready - see to it that nvme-tcp can be used: nothing to do when /dev/nvme-fabrics and
 * the TCP transport are there, else load nvme-tcp from /lib/modules/<running kernel>.
 * Return: 0, or -1 FAILED_PRECONDITION that says what is missing on the node, and what to do.
 */
MUST_USE int modules_ready(const struct step *in, const struct host_paths *host, struct err *err);
/** modules_check - can nvme-tcp be used now? Nothing is loaded. Return: as modules_ready(). */
MUST_USE int modules_check(const struct host_paths *host, struct err *err);
