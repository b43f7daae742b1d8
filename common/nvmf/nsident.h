/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What proves that a namespace is the one meant (P2): NGUID, UUID, EUI-64, and the NSID where the
 * backend keeps it. At least one of the first three is always known. Source: NVMe Base 2.1,
 * Namespace Identification Descriptor (CNS 03h).
 */
#pragma once

#include "common/base/err.h"

struct ns_ident {
	uint8_t uuid[16];  /* zero: not known */
	uint8_t nguid[16]; /* zero: not known */
	uint8_t eui64[8];  /* zero: not known */
	uint32_t nsid;	   /* 0: not known */
};

/** ns_ident_known - true when at least one of uuid, nguid, eui64 is set. */
bool ns_ident_known(const struct ns_ident *ident);
/**
 * ns_ident_match - is @seen the namespace that @want means? Every identity that @want has and
 * @seen has must be equal, and at least one of uuid, nguid, eui64 must have been compared.
 * Return: 0, or -1 FAILED_PRECONDITION that says what differs (@device names the place).
 */
MUST_USE int ns_ident_match(const char *device, const struct ns_ident *want,
	const struct ns_ident *seen, struct err *err);
