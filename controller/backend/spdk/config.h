/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of an SPDK backend.
 */
#pragma once

#include "controller/backend/spdk/spdk_priv.h"

/** spdk_config_keys - the keys beyond the common ones; NULL-terminated. */
extern const char *const spdk_config_keys[];

/**
 * spdk_config_read - names, pools, portals and ratio into @sb; url, caFile and tokenFile are the
 * line's to check. Return: 0, or -1 INVALID_ARGUMENT that starts with the key.
 */
MUST_USE int spdk_config_read(
	const struct be_config *config, struct spdk_backend *sb, struct err *err);
/** spdk_ratio_parse - a decimal number from 0.01 to 100. Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int spdk_ratio_parse(const char *text, double *ret, struct err *err);
