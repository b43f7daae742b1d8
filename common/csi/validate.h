/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of single request fields against the limits of the CSI specification. Every failure is
 * INVALID_ARGUMENT and names the field, its value and what is allowed.
 */
#pragma once

#include "common/base/err.h"
#include "proto/csi.pb-c.h"

/** CSI's general limit for a string, in bytes. */
#define CSI_STRING_MAX 128
/** CSI's limit for a node id, in bytes. */
#define CSI_NODE_ID_MAX 256
/** All mount flags of a capability together, in bytes. */
#define CSI_MOUNT_FLAGS_MAX 4096
/** Most capabilities in one request. */
#define CSI_CAPABILITIES_MAX 32
/** Longest path taken, in bytes. */
#define CSI_PATH_MAX 4095

/** csi_check_name - required; at most 128 bytes of UTF-8 without control characters other than tab,
 * LF and CR. */
MUST_USE int csi_check_name(const char *field, const char *text, struct err *err);
/** csi_check_id - required; at most 128 bytes. Whether it names something is for csi_id_parse(). */
MUST_USE int csi_check_id(const char *field, const char *text, struct err *err);
/** csi_check_node_id - required; at most 256 bytes. Whether it is one of our nodes is not asked
 * here. */
MUST_USE int csi_check_node_id(const char *field, const char *text, struct err *err);
/** csi_check_string - optional; at most 128 bytes. */
MUST_USE int csi_check_string(const char *field, const char *text, struct err *err);
/** csi_check_path - required; absolute, at most CSI_PATH_MAX bytes, no "." or ".." step, no control
 * character. */
MUST_USE int csi_check_path(const char *field, const char *text, struct err *err);
/**
 * csi_check_published_path - required; a path that a volume is looked up by. One that we could
 * never have published is NOT_FOUND, as the specification asks, not INVALID_ARGUMENT.
 */
MUST_USE int csi_check_published_path(const char *field, const char *text, struct err *err);
/** csi_check_max_entries - not negative. */
MUST_USE int csi_check_max_entries(const char *field, int32_t max_entries, struct err *err);

/** struct csi_range - a checked capacity range: bytes, 0 where not given. */
struct csi_range {
	int64_t required;
	int64_t limit;
};

/**
 * csi_check_range - no negative numbers, at least one given, required <= limit. A NULL @range is
 * legal unless @needed, and gives zeros.
 */
MUST_USE int csi_check_range(const char *field, const Csi__V1__CapacityRange *range, bool needed,
	struct csi_range *ret, struct err *err);
