/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing namespace identities.
 */
#include "common/nvmf/nsident.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <inttypes.h>

bool ns_ident_known(const struct ns_ident *ident)
{
	return !bytes_zero(ident->uuid, sizeof(ident->uuid)) ||
	       !bytes_zero(ident->nguid, sizeof(ident->nguid)) ||
	       !bytes_zero(ident->eui64, sizeof(ident->eui64));
}

/* Return: 1 compared and equal, 0 not comparable, -1 different, with @err. */
static int compare(const char *device, const char *what, const uint8_t *want, const uint8_t *seen,
	size_t n, struct err *err)
{
	char want_text[33];
	char seen_text[33];

	if (bytes_zero(want, n) || bytes_zero(seen, n)) {
		return 0;
	}
	if (memcmp(want, seen, n) == 0) {
		return 1;
	}
	hex_print(want, n, want_text);
	hex_print(seen, n, seen_text);
	return err_set(err, ERR_FAILED_PRECONDITION,
		"%s: its %s is %s, but the volume's is %s: this is another volume's device", device,
		what, seen_text, want_text);
}

int ns_ident_match(const char *device, const struct ns_ident *want, const struct ns_ident *seen,
	struct err *err)
{
	int nguid = compare(device, "NGUID", want->nguid, seen->nguid, sizeof(want->nguid), err);
	int uuid = nguid < 0 ? -1
			     : compare(device, "UUID", want->uuid, seen->uuid, sizeof(want->uuid),
				       err);
	int eui64 = uuid < 0 ? -1
			     : compare(device, "EUI-64", want->eui64, seen->eui64,
				       sizeof(want->eui64), err);

	if (nguid < 0 || uuid < 0 || eui64 < 0) {
		return -1;
	}
	if (nguid + uuid + eui64 == 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: it has no NGUID, UUID or EUI-64 in common with what the volume is known by, so "
			"it cannot be proven to be the volume's device",
			device);
	}
	if (want->nsid && seen->nsid && want->nsid != seen->nsid) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: its NSID is %" PRIu32 ", but the volume's is %" PRIu32, device,
			seen->nsid, want->nsid);
	}
	return 0;
}
