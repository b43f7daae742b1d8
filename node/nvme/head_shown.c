/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a disk that was proven once still the one behind its number? By sysfs alone.
 */
#include "node/nvme/head.h"
#include "node/nvme/subsys_read.h"

#include <sys/sysmacros.h>

bool head_shown(const struct host_paths *host, dev_t dev, const struct ns_ident *ident)
{
	struct ns_ident seen = {0};
	struct err differs = {0};
	char size[32];

	_cleanup_close_ int fd =
		sys_open_dirf(host->sysfs, "dev/block/%u:%u", major(dev), minor(dev));
	if (fd < 0) {
		return false;
	}
	/* A disk that is going says 0 before its folder goes. */
	sys_attr(fd, "size", size, sizeof(size));
	sys_read_ident(fd, &seen);
	return size[0] && !streq(size, "0") && sys_ident_match("disk", ident, &seen, &differs);
}
