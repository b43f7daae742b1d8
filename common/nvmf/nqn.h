/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVMe Qualified Names and the ones that we give: volume subsystems and node hosts.
 * Source: NVMe Base 2.1 section 4.7; Linux takes at most 223 bytes (drivers/nvme/host/fabrics.c).
 */
#pragma once

#include "common/base/err.h"

#define NQN_MAX 223
#define NQN_SIZE (NQN_MAX + 1)
#define NQN_PREFIX "nqn.2026-01.dev.csi.nvmetcp:"
/** Longest instance name: it is part of every name that we give. */
#define INSTANCE_MAX 16

/** nqn_check - is @text a legal NQN (length, "nqn.", no comma, no control character)? Return: 0, or
 * -1 INVALID_ARGUMENT naming @field. */
MUST_USE int nqn_check(const char *field, const char *text, struct err *err);
/** instance_check - 1 to INSTANCE_MAX of [a-z0-9-], no '-' at either end. Return: 0, or -1
 * INVALID_ARGUMENT naming @field. */
MUST_USE int instance_check(const char *field, const char *text, struct err *err);
/** nqn_of_volume - NQN_PREFIX "<instance>:<uuid>" into @out. @uuid is 16 bytes. */
void nqn_of_volume(const char *instance, const uint8_t uuid[16], char out[NQN_SIZE]);

/** struct host_identity - who this node is towards targets; node_id of CSI is nqn. */
struct host_identity {
	char nqn[NQN_SIZE];
	char id[37]; /* UUIDv5 of nqn, lower case */
};

/**
 * host_identity_make - NQN_PREFIX "node.<instance>.<node name>"; a name that would pass NQN_MAX
 * is replaced by "h-<32 hex of its UUIDv5>". Return: 0, or -1 INVALID_ARGUMENT.
 */
MUST_USE int host_identity_make(
	const char *instance, const char *node_name, struct host_identity *ret, struct err *err);
/** nqn_is_node_of - true when @nqn has the shape host_identity_make() gives for @instance. */
bool nqn_is_node_of(const char *nqn, const char *instance);
