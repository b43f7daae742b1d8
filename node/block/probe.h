/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a device, by libblkid's low-level probe on the open descriptor, with every read
 * counted: one that failed is an error, never "nothing found" (P1).
 */
#pragma once

#include "common/base/err.h"

enum probe_kind {
	PROBE_NONE,	  /* no signature; says nothing about data: see blank.h */
	PROBE_FS,	  /* a filesystem */
	PROBE_PARTITIONS, /* a partition table */
	PROBE_OTHER,	  /* LUKS, LVM, RAID, swap: used by something */
	PROBE_AMBIVALENT, /* several signatures: nobody can say what it is */
};

struct probe_result {
	enum probe_kind kind;
	char type[32]; /* "ext4", "xfs", "crypto_LUKS", "gpt"; "" for none */
	char uuid[64];
	char label[64];
};

/**
 * probe_read - look at @fd (buffered or O_DIRECT; its offset is left anywhere).
 * Can block with the device: call it in a child. Return: 0, or -1 UNAVAILABLE when a read failed.
 */
MUST_USE int probe_read(int fd, struct probe_result *ret, struct err *err);
/** probe_print - "an ext4 filesystem (label x, UUID y)", for messages. */
void probe_print(const struct probe_result *result, char *out, size_t size);
