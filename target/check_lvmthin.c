/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pools in thin pools of LVM need besides: dm-thin, its tools, settings under which nobody
 * looks into volumes, and a thin pool that says at once when it is full.
 */
#include "target/check_priv.h"
#include "target/store/lvmthin.h"

/** Room that LVM's description of one volume takes, twice: the old one stays until the new one is
 * written. */
#define VG_META_PER_VOLUME 1500
/** A group with room for fewer logical volumes is told of. */
#define VG_VOLUMES_FEW 2000

static void check_settings(struct check *check)
{
	static const char what[] = "lvm";
	struct lvm_settings settings;
	struct err err = {0};

	if (lvm_settings_read(check->env->lvm, &settings, &err) < 0) {
		check_say(check, CHECK_FAIL, what, "%s", err.msg);
		return;
	}
	check->extends_at = settings.extend_at;
	if (settings.scans_volumes) {
		check_say(check, CHECK_FAIL, what,
			"devices/scan_lvs is 1 in lvm.conf: this machine would find volume groups that hosts made in their volumes, and use them: set it to 0");
	} else if (*settings.thin_check && access(settings.thin_check, X_OK) < 0) {
		check_say(check, CHECK_FAIL, what,
			"%s: %m: lvm does not activate a thin pool without it: install thin-provisioning-tools",
			settings.thin_check);
	} else {
		check_say(check, CHECK_OK, what, "it is there, and looks into no volume");
	}
}

static void check_udev(struct check *check)
{
	static const char name[] = "57-nvmetcp-target.rules";
	static const char what[] = "udev";
	char path[PATH_MAX];

	for (const char *const *dir = check->env->udev_rules; *dir; dir++) {
		(void)snprintf(path, sizeof(path), "%s/%s", *dir, name);
		if (access(path, R_OK) == 0) {
			check_say(check, CHECK_OK, what, "%s keeps it out of volumes", path);
			return;
		}
	}
	check_say(check, CHECK_WARN, what,
		"%s is in none of the folders of rules: udev looks into volumes, and what else is installed here (mdadm, for one) may start what hosts made in them: install the file",
		name);
}

void check_lvm(struct check *check)
{
	check_module(check, "dm-thin-pool", "dm_thin_pool");
	check_settings(check);
	check_udev(check);
}

/* The pool itself was found well by whoever calls this. */
void check_thin_pool(struct check *check, const char *what, const struct config_pool *pool)
{
	const struct store_options *store = &pool->store;
	const struct lvm lvm = {check->env->lvm, store->vg};
	struct lvmthin_pool thin;
	struct err err = {0};

	if (lvmthin_pool_read(&lvm, store->thin_pool, &thin, &err) < 0) {
		check_say(check, CHECK_FAIL, what, "%s", err.msg);
		return;
	}
	check_say(check, CHECK_OK, what,
		"%s/%s: zeroes what it gives out, in chunks of %lld KiB; its identity is right",
		store->vg, store->thin_pool, (long long)(thin.chunk / 1024));
	if (!thin.fails_when_full) {
		check_say(check, CHECK_WARN, what,
			"%s/%s: when it is full, writes wait for a minute, longer than hosts wait for an answer: lvchange --errorwhenfull y %s/%s",
			store->vg, store->thin_pool, store->vg, store->thin_pool);
	}
	if (pool->ratio > 1.0 && check->extends_at >= 100) {
		check_say(check, CHECK_WARN, what,
			"ratio %.2f promises more than the thin pool has, and lvm does not extend it by itself (activation/thin_pool_autoextend_threshold is 100): watch nvmetcp_target_pool_free_bytes",
			pool->ratio);
	}
	if (thin.vg_meta_size / VG_META_PER_VOLUME < VG_VOLUMES_FEW) {
		check_say(check, CHECK_WARN, what,
			"%s: the group's metadata area of %lld KiB has room for about %lld logical volumes, snapshots included: vgcreate --metadatasize 64m makes a larger one",
			store->vg, (long long)(thin.vg_meta_size / 1024),
			(long long)(thin.vg_meta_size / VG_META_PER_VOLUME));
	}
}
