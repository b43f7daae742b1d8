/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of a volume's rates. SPDK forgets them when it stops, so they are kept in the name of the
 * lvol and set again before a host is let in.
 */
#pragma once

#include "controller/backend/spdk/view.h"

/** spdk_rates_note - @rates as the note of a stored name (objname.h); 0 for none. Return: 0, or -1
 * INVALID_ARGUMENT naming the limit, when it has more digits than can be kept. */
MUST_USE int spdk_rates_note(const struct be_rates *rates, uint64_t *ret_note, struct err *err);
/** spdk_rates_of - what a note says; none of one that this version did not make. */
struct be_rates spdk_rates_of(uint64_t note);
/** spdk_rates_read - what the target keeps a bdev to now. */
MUST_USE int spdk_rates_read(const struct js_at *bdev, struct be_rates *ret, struct err *err);
/** spdk_rates_hold - make the target keep to the limits of @lvol, which was just looked at. One
 * that has none keeps what it has. */
MUST_USE int spdk_rates_hold(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err);
