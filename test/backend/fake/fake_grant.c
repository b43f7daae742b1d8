/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake backend's grants: a list of hosts with each volume.
 */
#include "test/backend/fake/fake_state.h"

#include <stdio.h>

/* Where @host is in the list, n_hosts when it is not. */
static size_t host_at(const struct fake_volume *volume, const char *host)
{
	size_t i = 0;

	while (i < volume->n_hosts && !streq(volume->hosts[i], host)) {
		i++;
	}
	return i;
}

static void show_export(
	const struct fake_handle *h, const struct fake_volume *volume, struct attach_info *ret)
{
	struct attach_info info = {.shared = h->fake->options.shared_subsystem,
		.min_size = volume->kept.size,
		.written = volume->written,
		.auth = "none",
		.tls = "none",
		.portals = {.n = 2,
			.list = {{.addr = "192.0.2.1", .port = PORTAL_PORT_NVME},
				{.addr = "192.0.2.2", .port = PORTAL_PORT_NVME}}}};

	memcpy(info.ident.uuid, volume->uuid, sizeof(info.ident.uuid));
	memcpy(info.ident.nguid, volume->uuid, sizeof(info.ident.nguid));
	if (info.shared) {
		(void)snprintf(info.nqn, sizeof(info.nqn), NQN_PREFIX "%.64s", h->name);
		info.ident.nsid = (uint32_t)(volume - h->fake->state->volume) + 1;
	} else {
		nqn_of_volume(h->instance, volume->uuid, info.nqn);
		info.ident.nsid = 1;
	}
	*ret = info;
}

/* lock held */
static enum be_result let_in(struct fake_handle *h, const struct fake_passage *passage,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err)
{
	struct fake_volume *volume = fake_find_volume(h, args->object);

	if (!volume) {
		return fake_pools_there(h->fake->state, err) < 0
			       ? BE_FAILED
			       : (err_set(err, ERR_NOT_FOUND, "volume %s: there is none",
					  args->object),
					 BE_FAILED);
	}
	if (fake_pool_there(h->fake->state, volume->kept.pool, err) < 0) {
		return BE_FAILED;
	}
	if (host_at(volume, args->host_nqn) == volume->n_hosts) {
		if (volume->n_hosts == FAKE_HOSTS_MAX) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED,
				       "volume %s: at most %d hosts may use it", args->object,
				       FAKE_HOSTS_MAX),
			       BE_FAILED;
		}
		if (fake_told(passage, FAKE_IN_PROGRESS)) {
			return BE_IN_PROGRESS;
		}
		(void)snprintf(volume->hosts[volume->n_hosts++], NQN_SIZE, "%s", args->host_nqn);
	}
	show_export(h, volume, ret);
	return BE_DONE;
}

enum be_result fake_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (nqn_check("host", args->host_nqn, err) < 0 ||
		fake_enter(h, op, "grant", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = let_in(h, &passage, args, ret, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

/* lock held */
static enum be_result take_back(struct fake_handle *h, const struct fake_passage *passage,
	const struct be_grant_args *args, struct err *err)
{
	struct fake_volume *volume = fake_find_volume(h, args->object);
	size_t at = 0;

	if (!volume) {
		return fake_pools_there(h->fake->state, err) < 0 ? BE_FAILED : BE_DONE;
	}
	if (fake_pool_there(h->fake->state, volume->kept.pool, err) < 0) {
		return BE_FAILED;
	}
	if (args->host_nqn) {
		at = host_at(volume, args->host_nqn);
	}
	if (at == volume->n_hosts) {
		return BE_DONE;
	}
	if (fake_told(passage, FAKE_IN_PROGRESS)) {
		return BE_IN_PROGRESS; /* still listed: it may still write */
	}
	if (args->host_nqn) {
		volume->n_hosts--;
		memmove(volume->hosts[at], volume->hosts[at + 1],
			(volume->n_hosts - at) * sizeof(volume->hosts[0]));
	} else {
		volume->n_hosts = 0;
	}
	return BE_DONE;
}

enum be_result fake_revoke(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (fake_enter(h, op, "revoke", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = take_back(h, &passage, args, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}
