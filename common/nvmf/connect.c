/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection options: profiles, the table of parameters, the string for /dev/nvme-fabrics.
 */
#include "common/nvmf/connect.h"

#include "common/base/parse.h"

#include <stdio.h>

/* Values that a profile leaves alone. */
#define PROFILE_BASE                                                                               \
	.nr_io_queues = CONNECT_UNSET, .nr_write_queues = CONNECT_UNSET,                           \
	.queue_size = CONNECT_UNSET, .tos = CONNECT_UNSET

static const struct {
	const char *name;
	struct connect_options options;
} profiles[] = {
	/* The default: never give a device up by itself. */
	{"balanced", {PROFILE_BASE, .keep_alive_tmo = 5, .reconnect_delay = 2,
			     .ctrl_loss_tmo = CONNECT_NEVER, .fast_io_fail_tmo = CONNECT_NEVER}},
	/* Stateless work that would rather see an error than wait: training, caches. */
	{"fast-failover", {PROFILE_BASE, .keep_alive_tmo = 2, .reconnect_delay = 1,
				  .ctrl_loss_tmo = CONNECT_NEVER, .fast_io_fail_tmo = 10}},
	/* Databases on targets that may take minutes to come back: wait, and without haste. */
	{"patient", {PROFILE_BASE, .keep_alive_tmo = 15, .reconnect_delay = 10,
			    .ctrl_loss_tmo = CONNECT_NEVER, .fast_io_fail_tmo = CONNECT_NEVER}},
};

#define NUMBER(name, field, low, high) {name, offsetof(struct connect_options, field), low, high}

/* Parameters that are numbers. Ranges: drivers/nvme/host/fabrics.c, nvmf_parse_options(). */
static const struct {
	const char *name;
	size_t offset;
	int64_t min;
	int64_t max;
} numbers[] = {
	NUMBER("nrIoQueues", nr_io_queues, 1, 1024),
	NUMBER("nrWriteQueues", nr_write_queues, 1, 1024),
	NUMBER("queueSize", queue_size, 16, 1024),
	NUMBER("keepAliveTmo", keep_alive_tmo, 1, 3600),
	NUMBER("reconnectDelay", reconnect_delay, 1, 3600),
	NUMBER("ctrlLossTmo", ctrl_loss_tmo, -1, 604800),
	NUMBER("fastIoFailTmo", fast_io_fail_tmo, -1, 604800),
	NUMBER("tos", tos, 0, 255),
};

static const struct {
	const char *name;
	size_t offset;
} switches[] = {
	{"hdrDigest", offsetof(struct connect_options, hdr_digest)},
	{"dataDigest", offsetof(struct connect_options, data_digest)},
};

static const char *const io_policies[] = {"queue-depth", "round-robin", "numa", NULL};

int connect_profile(
	const char *field, const char *name, struct connect_options *ret, struct err *err)
{
	static const char *const names[] = {"balanced", "fast-failover", "patient", NULL};
	int index;

	_Static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(profiles) + 1, "a name for each profile");
	if (parse_choice(field, name, names, &index, err) < 0) {
		return -1;
	}
	*ret = profiles[index].options;
	return 0;
}

const char *connect_parameter(size_t i)
{
	static const char *const words[] = {"profile", "ioPolicy"};

	if (i < ARRAY_SIZE(words)) {
		return words[i];
	}
	i -= ARRAY_SIZE(words);
	if (i < ARRAY_SIZE(numbers)) {
		return numbers[i].name;
	}
	i -= ARRAY_SIZE(numbers);
	return i < ARRAY_SIZE(switches) ? switches[i].name : NULL;
}

bool connect_is_parameter(const char *key)
{
	for (size_t i = 0; connect_parameter(i); i++) {
		if (streq(connect_parameter(i), key)) {
			return true;
		}
	}
	return false;
}

/* What holds between options, each being in its own range. */
static int check_together(const struct connect_options *options, struct err *err)
{
	if (options->fast_io_fail_tmo >= 0 && options->ctrl_loss_tmo >= 0 &&
		options->fast_io_fail_tmo >= options->ctrl_loss_tmo) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"fastIoFailTmo: %d is not below ctrlLossTmo %d, so it would never end a wait; give "
			"less than ctrlLossTmo, or -1 for off",
			options->fast_io_fail_tmo, options->ctrl_loss_tmo);
	}
	return 0;
}

int connect_parse(struct kv_list params, struct connect_options *ret, struct err *err)
{
	struct connect_options options;
	const char *profile = kv_get(params, "profile");
	const char *policy = kv_get(params, "ioPolicy");

	if (connect_profile("profile", profile ? profile : "balanced", &options, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const char *text = kv_get(params, numbers[i].name);
		int64_t value;
		if (!text) {
			continue;
		}
		if (parse_i64(numbers[i].name, text, numbers[i].min, numbers[i].max, &value, err) <
			0) {
			return -1;
		}
		*(int *)((char *)&options + numbers[i].offset) = (int)value;
	}
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		const char *text = kv_get(params, switches[i].name);
		bool *at = (bool *)((char *)&options + switches[i].offset);
		if (text && parse_bool(switches[i].name, text, at, err) < 0) {
			return -1;
		}
	}
	if (policy) {
		int index;
		if (parse_choice("ioPolicy", policy, io_policies, &index, err) < 0) {
			return -1;
		}
		(void)snprintf(
			options.io_policy, sizeof(options.io_policy), "%s", io_policies[index]);
	}
	if (check_together(&options, err) < 0) {
		return -1;
	}
	*ret = options;
	return 0;
}

static void add_number(struct strbuf *out, const char *name, int value)
{
	if (value != CONNECT_UNSET) {
		sb_addf(out, ",%s=%d", name, value);
	}
}

static void add_key(struct strbuf *out, const char *name, int32_t serial)
{
	if (serial != 0) {
		sb_addf(out, ",%s=%d", name, serial);
	}
}

int connect_string(const struct connect_options *options, const char *subsys_nqn,
	const struct host_identity *host, const struct portal *portal, struct strbuf *out,
	struct err *err)
{
	sb_reset(out);
	/* The last gate: a comma would let a name add options of its own. */
	if (strchr(subsys_nqn, ',') || strchr(host->nqn, ',') || strchr(host->id, ',') ||
		strchr(portal->addr, ',')) {
		return err_set(
			err, ERR_INTERNAL, "connect string: a name or address holds a comma");
	}
	/* Connecting without what was asked for would be silent, and so worse than not at all. */
	if (options->dhchap_key || options->dhchap_ctrl_key) {
		return err_set(err, ERR_UNIMPLEMENTED,
			"connect to %s: DH-HMAC-CHAP is not supported; use a subsystem without it",
			subsys_nqn);
	}
	sb_addf(out, "nqn=%s,transport=tcp,traddr=%s,trsvcid=%u,hostnqn=%s,hostid=%s", subsys_nqn,
		portal->addr, (unsigned)portal->port, host->nqn, host->id);
	add_number(out, "nr_io_queues", options->nr_io_queues);
	add_number(out, "nr_write_queues", options->nr_write_queues);
	add_number(out, "queue_size", options->queue_size);
	add_number(out, "keep_alive_tmo", options->keep_alive_tmo);
	add_number(out, "reconnect_delay", options->reconnect_delay);
	add_number(out, "ctrl_loss_tmo", options->ctrl_loss_tmo);
	if (options->fast_io_fail_tmo != CONNECT_NEVER) {
		add_number(out, "fast_io_fail_tmo", options->fast_io_fail_tmo);
	}
	add_number(out, "tos", options->tos);
	sb_add(out, options->hdr_digest ? ",hdr_digest" : "");
	sb_add(out, options->data_digest ? ",data_digest" : "");
	add_key(out, "tls_key", options->tls_key);
	if (options->tls_key) {
		sb_add(out, ",tls");
	}
	if (out->failed) {
		return err_set(err, ERR_INTERNAL,
			"connect string of %s: longer than the kernel takes (%zu bytes)",
			subsys_nqn, out->max);
	}
	return 0;
}
