/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name has room for four numbers of two digits and an exponent: 0, 1 to 9, and 10 to 99 followed
 * by up to three zeroes. I/Os are counted in thousands, as SPDK does.
 */
#include "controller/backend/spdk/rates.h"

#include <stdio.h>

/** What can be kept: 0, 1 to 9, and four times 10 to 99. */
#define CODES UINT64_C(370)
#define EXPONENTS 4
#define IOPS_STEP 1000

_Static_assert(CODES *CODES *CODES *CODES < UINT64_C(1) << OBJNAME_NOTE_BITS, "a note holds four");
_Static_assert(CODES == 10 + 90 * EXPONENTS, "one code each");

static const struct {
	const char *method_key;
	int64_t step;
} rows[BE_RATES] = {
	[BE_RATE_RW_IOPS] = {"rw_ios_per_sec", IOPS_STEP},
	[BE_RATE_RW_MBYTES] = {"rw_mbytes_per_sec", 1},
	[BE_RATE_R_MBYTES] = {"r_mbytes_per_sec", 1},
	[BE_RATE_W_MBYTES] = {"w_mbytes_per_sec", 1},
};

static int64_t value_of(uint64_t code)
{
	int64_t value = (int64_t)code;

	if (code >= 10) {
		value = 10 + (int64_t)(code - 10) % 90;
		for (uint64_t zeroes = (code - 10) / 90; zeroes > 0; zeroes--) {
			value *= 10;
		}
	}
	return value;
}

/* The largest code whose value is at most @value. */
static uint64_t code_below(int64_t value)
{
	uint64_t zeroes = 0;

	if (value < 10) {
		return (uint64_t)MAX(value, 0);
	}
	while (value > 99) {
		value /= 10;
		zeroes++;
	}
	return 10 + 90 * zeroes + (uint64_t)(value - 10);
}

static int encode(enum be_rate rate, int64_t value, uint64_t *ret_code, struct err *err)
{
	int64_t step = rows[rate].step;
	uint64_t code;

	if (value > be_rate_kinds[rate].max) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: %lld, but at most %lld can be kept",
			be_rate_kinds[rate].name, (long long)value,
			(long long)be_rate_kinds[rate].max);
	}
	code = code_below(value / step);
	if (value_of(code) * step != value) {
		int64_t below = value_of(code) * step;
		char shown[24];

		(void)snprintf(shown, sizeof(shown), "%lld", (long long)value_of(code + 1) * step);

		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: %lld cannot be kept: the name of an lvol has room for two digits and "
			"zeroes%s; use %lld or %s",
			be_rate_kinds[rate].name, (long long)value,
			step > 1 ? ", in thousands" : "", (long long)(below > 0 ? below : step),
			below > 0 ? shown : "more");
	}
	*ret_code = code;
	return 0;
}

int spdk_rates_note(const struct be_rates *rates, uint64_t *ret_note, struct err *err)
{
	uint64_t note = 0;

	for (size_t i = 0; i < BE_RATES; i++) {
		uint64_t code = 0;

		if (encode((enum be_rate)i, rates->of[i], &code, err) < 0) {
			return -1;
		}
		note = note * CODES + code;
	}
	*ret_note = note;
	return 0;
}

struct be_rates spdk_rates_of(uint64_t note)
{
	struct be_rates rates = {{0}};

	if (note >= CODES * CODES * CODES * CODES) {
		return rates;
	}
	for (size_t i = BE_RATES; i-- > 0; note /= CODES) {
		rates.of[i] = value_of(note % CODES) * rows[i].step;
	}
	return rates;
}

int spdk_rates_hold(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {.method = "bdev_set_qos_limit"};
	bool wanted = false;
	bool same = true;

	for (size_t i = 0; i < BE_RATES; i++) {
		wanted = wanted || lvol->rates.of[i] > 0;
		same = same && lvol->rates.of[i] == lvol->limited.of[i];
	}
	if (!wanted || same) {
		return 0;
	}
	call.params = js_object();
	js_set_str(call.params, "name", lvol->uuid);
	for (size_t i = 0; i < BE_RATES; i++) {
		js_set_int(call.params, rows[i].method_key, lvol->rates.of[i]);
	}
	return spdk_send(in, sb, op, &call, err);
}

int spdk_rates_read(const struct js_at *bdev, struct be_rates *ret, struct err *err)
{
	struct js_at limits;

	*ret = (struct be_rates){{0}};
	if (js_opt_obj(bdev, "assigned_rate_limits", &limits, err) < 0) {
		return -1;
	}
	for (size_t i = 0; limits.value && i < BE_RATES; i++) {
		if (js_opt_int(&limits, rows[i].method_key, 0, INT64_MAX, &ret->of[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}
