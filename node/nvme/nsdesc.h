/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Namespace Identification Descriptor list (NVMe Base 2.1, Identify CNS 03h) and the line of
 * text in which a child of the helper hands it over. Read with an ioctl of ours: libnvme 1.13 has
 * no working call that yields the list of an open head, and fills wrong UUIDs from sysfs.
 */
#pragma once

#include "common/base/strbuf.h"
#include "common/nvmf/nsident.h"

#define NSDESC_SIZE 4096

/** nsdesc_print - "uuid=<hex> nguid=<hex> eui64=<hex>" of what @list has; "" when it has none. */
void nsdesc_print(const uint8_t list[NSDESC_SIZE], struct strbuf *out);
/** nsdesc_parse - such a line; what it lacks stays zero. Return: 0, or -1 INTERNAL when it is none.
 */
MUST_USE int nsdesc_parse(const char *text, struct ns_ident *ret, struct err *err);
