/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subsystems, namespaces and allowed hosts.
 */
#include "target/export/nvmet.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"
#include "target/export/nvmet_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

/** Bytes of the UUID that make the 20 digits of the serial number. */
#define SERIAL_BYTES 10

int nvmet_open(const struct nvmet_options *options, struct nvmet **ret, struct err *err)
{
	struct nvmet *nvmet = calloc(1, sizeof(*nvmet));

	if (!nvmet) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "nvmet: no memory");
	}
	(void)snprintf(nvmet->cfs.root, sizeof(nvmet->cfs.root), "%s",
		options->root ? options->root : NVMET_ROOT);
	nvmet->cfs.ops = options->ops;
	nvmet->portals = options->portals;
	nvmet->nft = options->nft;
	(void)err_set(
		&nvmet->down, ERR_UNAVAILABLE, "portals are not open yet, the agent is starting");
	(void)pthread_mutex_init(&nvmet->hosts, NULL);
	(void)pthread_mutex_init(&nvmet->ports, NULL);
	nvmet->lock_fd = open(nvmet->cfs.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (nvmet->lock_fd < 0) {
		err_set(err, ERR_FAILED_PRECONDITION,
			"%s: %m: load the kernel's target (modprobe -a nvmet nvmet-tcp) and mount configfs on /sys/kernel/config",
			nvmet->cfs.root);
		nvmet_free(nvmet);
		return -1;
	}
	if (flock(nvmet->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		err_set(err, ERR_FAILED_PRECONDITION,
			"%s: another nvmetcp-target is at work on this kernel: there can be one only",
			nvmet->cfs.root);
		nvmet_free(nvmet);
		return -1;
	}
	*ret = nvmet;
	return 0;
}

void nvmet_free(struct nvmet *nvmet)
{
	if (nvmet) {
		base_closep(&nvmet->lock_fd);
		(void)pthread_mutex_destroy(&nvmet->hosts);
		(void)pthread_mutex_destroy(&nvmet->ports);
		free(nvmet);
	}
}

const struct portals *nvmet_portals(const struct nvmet *nvmet)
{
	return &nvmet->portals;
}

static int subsys_put(
	const struct step *in, struct nvmet *nvmet, const struct nvmet_ns *ns, struct err *err)
{
	const struct configfs *cfs = &nvmet->cfs;
	char path[CONFIGFS_PATH_SIZE];
	char serial[2 * SERIAL_BYTES + 1];

	hex_print(ns->subsys_uuid, SERIAL_BYTES, serial);
	if (configfs_mkdir(in, cfs, configfs_path(path, "subsystems/%s", ns->nqn), err) < 0) {
		return -1;
	}
	/* Fixed once a host has seen them, so they come first. */
	if (configfs_set(in, cfs, configfs_path(path, "subsystems/%s/attr_serial", ns->nqn), serial,
		    err) < 0 ||
		configfs_set(in, cfs, configfs_path(path, "subsystems/%s/attr_model", ns->nqn),
			NVMET_MODEL, err) < 0) {
		return -1;
	}
	return configfs_set(in, cfs,
		configfs_path(path, "subsystems/%s/attr_allow_any_host", ns->nqn), "0", err);
}

/* Attributes of a namespace as they shall be. */
struct ns_attr {
	const char *name;
	const char *value;
	bool hex; /* compared as 16 bytes: the kernel prints them its own way */
};

static bool ns_attr_equal(
	const struct nvmet *nvmet, const struct nvmet_ns *ns, const struct ns_attr *attr)
{
	char path[CONFIGFS_PATH_SIZE];
	char now[CONFIGFS_VALUE_SIZE];
	uint8_t a[16];
	uint8_t b[16];

	if (configfs_read(&nvmet->cfs,
		    configfs_path(
			    path, "subsystems/%s/namespaces/%u/%s", ns->nqn, ns->nsid, attr->name),
		    now, NULL) < 0) {
		return false;
	}
	if (!attr->hex) {
		return streq(now, attr->value);
	}
	return parse_hex(attr->name, now, a, sizeof(a), NULL) == 0 &&
	       parse_hex(attr->name, attr->value, b, sizeof(b), NULL) == 0 &&
	       memcmp(a, b, sizeof(a)) == 0;
}

static int ns_enable(const struct step *in, struct nvmet *nvmet, const char *nqn, uint32_t nsid,
	const char *value, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];

	return configfs_set(in, &nvmet->cfs,
		configfs_path(path, "subsystems/%s/namespaces/%u/enable", nqn, nsid), value, err);
}

int nvmet_ns_put(
	const struct step *in, struct nvmet *nvmet, const struct nvmet_ns *ns, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];
	char uuid[UUID_TEXT_SIZE];
	char nguid[33];

	uuid_print(ns->uuid, uuid);
	hex_print(ns->uuid, 16, nguid);
	const struct ns_attr attrs[] = {
		{"device_path", ns->path, false},
		{"device_uuid", uuid, true},
		{"device_nguid", nguid, true},
	};

	if (subsys_put(in, nvmet, ns, err) < 0 ||
		configfs_mkdir(in, &nvmet->cfs,
			configfs_path(path, "subsystems/%s/namespaces/%u", ns->nqn, ns->nsid),
			err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		if (ns_attr_equal(nvmet, ns, &attrs[i])) {
			continue;
		}
		/* None of them can change while it is enabled. */
		if (ns_enable(in, nvmet, ns->nqn, ns->nsid, "0", err) < 0 ||
			configfs_write(in, &nvmet->cfs,
				configfs_path(path, "subsystems/%s/namespaces/%u/%s", ns->nqn,
					ns->nsid, attrs[i].name),
				attrs[i].value, err) < 0) {
			return -1;
		}
	}
	return ns_enable(in, nvmet, ns->nqn, ns->nsid, "1", err);
}

int nvmet_ns_drop(
	const struct step *in, struct nvmet *nvmet, const char *nqn, uint32_t nsid, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];

	configfs_path(path, "subsystems/%s/namespaces/%u", nqn, nsid);
	if (!configfs_has(&nvmet->cfs, path)) {
		return 0;
	}
	if (ns_enable(in, nvmet, nqn, nsid, "0", err) < 0) {
		return -1;
	}
	return configfs_rmdir(in, &nvmet->cfs, path, err);
}

int nvmet_ns_resized(
	const struct step *in, struct nvmet *nvmet, const char *nqn, uint32_t nsid, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];
	char enabled[CONFIGFS_VALUE_SIZE];

	configfs_path(path, "subsystems/%s/namespaces/%u/enable", nqn, nsid);
	if (!configfs_has(&nvmet->cfs, path)) {
		return 0;
	}
	if (configfs_read(&nvmet->cfs, path, enabled, err) < 0) {
		return -1;
	}
	if (!streq(enabled, "1")) {
		return 0;
	}
	return configfs_write(in, &nvmet->cfs,
		configfs_path(path, "subsystems/%s/namespaces/%u/revalidate_size", nqn, nsid), "1",
		err);
}

int nvmet_host_put(const struct step *in, struct nvmet *nvmet, const char *nqn, const char *host,
	struct err *err)
{
	char entry[CONFIGFS_PATH_SIZE];
	char link[CONFIGFS_PATH_SIZE];
	int rc;

	configfs_path(entry, "hosts/%s", host);
	configfs_path(link, "subsystems/%s/allowed_hosts/%s", nqn, host);
	/* Nobody may remove the entry between its making and its first link. */
	(void)pthread_mutex_lock(&nvmet->hosts);
	rc = configfs_mkdir(in, &nvmet->cfs, entry, err);
	if (rc == 0) {
		rc = configfs_link(in, &nvmet->cfs, entry, link, err);
	}
	(void)pthread_mutex_unlock(&nvmet->hosts);
	return rc;
}

/* The caller holds nvmet->hosts. An entry that is linked from elsewhere cannot be removed: fine. */
static int host_tidy(const struct step *in, struct nvmet *nvmet, const char *host, struct err *err)
{
	struct err why = {0};
	char entry[CONFIGFS_PATH_SIZE];

	if (configfs_rmdir(in, &nvmet->cfs, configfs_path(entry, "hosts/%s", host), &why) < 0 &&
		why.code != err_code_of_errno(EBUSY)) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return 0;
}

int nvmet_host_drop(const struct step *in, struct nvmet *nvmet, const char *nqn, const char *host,
	struct err *err)
{
	char link[CONFIGFS_PATH_SIZE];
	int rc;

	configfs_path(link, "subsystems/%s/allowed_hosts/%s", nqn, host);
	(void)pthread_mutex_lock(&nvmet->hosts);
	rc = configfs_unlink(in, &nvmet->cfs, link, err);
	if (rc == 0) {
		rc = host_tidy(in, nvmet, host, err);
	}
	(void)pthread_mutex_unlock(&nvmet->hosts);
	return rc;
}

int nvmet_hosts_tidy(const struct step *in, struct nvmet *nvmet, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	int rc = 0;

	if (configfs_list(&nvmet->cfs, "hosts", &names, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&nvmet->hosts);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		if (strncmp(names.list[i], NQN_PREFIX, strlen(NQN_PREFIX)) == 0) {
			rc = host_tidy(in, nvmet, names.list[i], err);
		}
	}
	(void)pthread_mutex_unlock(&nvmet->hosts);
	return rc;
}

int nvmet_host_list(
	struct nvmet *nvmet, const char *nqn, struct configfs_names *ret, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];

	return configfs_list(
		&nvmet->cfs, configfs_path(path, "subsystems/%s/allowed_hosts", nqn), ret, err);
}

int nvmet_cut(const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];
	char value[CONFIGFS_VALUE_SIZE];

	if (!configfs_has(&nvmet->cfs, configfs_path(path, "subsystems/%s", nqn))) {
		return 0;
	}
	configfs_path(path, "subsystems/%s/attr_qid_max", nqn);
	if (configfs_read(&nvmet->cfs, path, value, err) < 0) {
		return -1;
	}
	return configfs_write(in, &nvmet->cfs, path, value, err);
}

int nvmet_subsys_drop(const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names hosts = {0};
	_cleanup_configfs_names_ struct configfs_names spaces = {0};
	char path[CONFIGFS_PATH_SIZE];
	uint64_t nsid;

	if (!configfs_has(&nvmet->cfs, configfs_path(path, "subsystems/%s", nqn))) {
		return 0;
	}
	if (nvmet_unlink(in, nvmet, nqn, err) < 0 || nvmet_host_list(nvmet, nqn, &hosts, err) < 0 ||
		configfs_list(&nvmet->cfs, configfs_path(path, "subsystems/%s/namespaces", nqn),
			&spaces, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < hosts.n; i++) {
		if (nvmet_host_drop(in, nvmet, nqn, hosts.list[i], err) < 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < spaces.n; i++) {
		if (parse_u64("nsid", spaces.list[i], 1, UINT32_MAX, &nsid, err) < 0 ||
			nvmet_ns_drop(in, nvmet, nqn, (uint32_t)nsid, err) < 0) {
			return -1;
		}
	}
	return configfs_rmdir(in, &nvmet->cfs, configfs_path(path, "subsystems/%s", nqn), err);
}

int nvmet_subsys_list(struct nvmet *nvmet, struct configfs_names *ret, struct err *err)
{
	size_t kept = 0;

	if (configfs_list(&nvmet->cfs, "subsystems", ret, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ret->n; i++) {
		if (strncmp(ret->list[i], NQN_PREFIX, strlen(NQN_PREFIX)) == 0) {
			ret->list[kept++] = ret->list[i];
		} else {
			free(ret->list[i]);
		}
	}
	ret->n = kept;
	return 0;
}
