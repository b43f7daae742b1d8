/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16-byte identities in their network byte order, as sysfs prints them.
 */
#pragma once

#include "common/base/err.h"

#define UUID_TEXT_SIZE 37

/** uuid_print - 8-4-4-4-12, lower case. */
void uuid_print(const uint8_t uuid[16], char out[UUID_TEXT_SIZE]);
/** uuid_of_name - UUIDv5 (RFC 9562) of @name in the namespace of this driver; the same name gives
 * the same UUID for ever. */
void uuid_of_name(const char *name, uint8_t ret_uuid[16]);
/** uuid_random - UUIDv4. */
void uuid_random(uint8_t ret_uuid[16]);
/** bytes_zero - true when all @n bytes are zero. */
bool bytes_zero(const uint8_t *bytes, size_t n);
