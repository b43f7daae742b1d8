/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's parent is its subsystem, which has a link to each controller, or, without multipathing,
 * the controller itself; a partition is one level below. The host NQN stands at the controller.
 * Without ID_FS_TYPE, which 60-persistent-storage.rules would find out, neither LVM's, nor mdadm's,
 * nor btrfs' rules do anything. In rules "$$" is a '$'.
 */
#include "node/udev_rule.h"

#include "common/base/fileio.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static const char RULE[] =
	"# Written by nvmetcp-node. Volumes of pods are not for this node to look into or activate.\n"
	"SUBSYSTEM!=\"block\", GOTO=\"nvmetcp_csi_end\"\n"
	"KERNEL!=\"nvme*\", GOTO=\"nvmetcp_csi_end\"\n"
	"ACTION==\"remove\", GOTO=\"nvmetcp_csi_end\"\n"
	"PROGRAM!=\"/bin/sh -c 'for f in /sys%%p/../nvme*/hostnqn /sys%%p/../hostnqn "
	"/sys%%p/../../nvme*/hostnqn /sys%%p/../../hostnqn; "
	"do read -r n <$$f && [ $$n = %s ] && exit 0; done; exit 1'\", GOTO=\"nvmetcp_csi_end\"\n"
	"ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}=\"1\"\n"
	"ENV{UDISKS_IGNORE}=\"1\"\n"
	"OPTIONS:=\"nowatch\"\n"
	"LABEL=\"nvmetcp_csi_end\"\n";

void udev_rule_text(const char *host_nqn, char out[UDEV_RULE_SIZE])
{
	(void)snprintf(out, UDEV_RULE_SIZE, RULE, host_nqn);
}

int udev_rule_write(const struct step *in, const char *folder, const char *driver,
	const char *host_nqn, struct err *err)
{
	char path[PATH_MAX];
	char text[UDEV_RULE_SIZE];
	_cleanup_free_ char *there = NULL;
	struct err why = {0};
	size_t len;

	(void)in;
	(void)snprintf(path, sizeof(path), "%s/59-%s.rules", folder, driver);
	udev_rule_text(host_nqn, text);
	if (file_read(AT_FDCWD, path, UDEV_RULE_SIZE, &there, &len, &why) == 0 &&
		streq(there, text)) {
		return 0;
	}
	if (dir_make(AT_FDCWD, folder, 0755, err) < 0) {
		return -1;
	}
	return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, err);
}
