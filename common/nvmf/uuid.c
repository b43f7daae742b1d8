/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs by libuuid.
 */
#include "common/nvmf/uuid.h"

#include <uuid/uuid.h>

/* The namespace of this driver's names; changing it would change the identity of every volume. */
static const uint8_t name_space[16] = {0x5d, 0x1f, 0x8b, 0x3a, 0x0c, 0x6e, 0x4f, 0x27, 0x9a, 0xd4,
	0x71, 0xe8, 0x3b, 0x52, 0xc0, 0x96};

void uuid_print(const uint8_t uuid[16], char out[UUID_TEXT_SIZE])
{
	uuid_unparse_lower(uuid, out);
}

void uuid_of_name(const char *name, uint8_t ret_uuid[16])
{
	uuid_generate_sha1(ret_uuid, name_space, name, strlen(name));
}

void uuid_random(uint8_t ret_uuid[16])
{
	uuid_generate_random(ret_uuid);
}

bool bytes_zero(const uint8_t *bytes, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++) {
		any |= bytes[i];
	}
	return any == 0;
}
