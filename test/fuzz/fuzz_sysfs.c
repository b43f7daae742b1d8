/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of a controller and of a disk in sysfs: lines "name=content". What is not as the
 * kernel prints it is left unknown, and unknown proves nothing (P2).
 */
#include "node/nvme/subsys_read.h"
#include "test/fuzz/fuzz.h"

static const char *const attributes[] = {"transport", "address", "state", "hostnqn", "hostid",
	"cntlid", "nguid", "uuid", "eui", "nsid", "dev", "size"};

static const struct host_identity us = {
	.nqn = "nqn.2026-01.dev.csi.nvmetcp:node.t.n1",
	.id = "01234567-89ab-cdef-0123-456789abcdef",
};

static void check_names(const char *name)
{
	int instance = -1;

	if (sys_is_ctrl(name, &instance) || sys_is_subsys(name, &instance)) {
		FUZZ_CHECK(instance >= 0 && strlen(name) < DISK_NAME_SIZE);
	}
	FUZZ_CHECK(!(sys_is_disk(name) && sys_is_path_disk(name)));
	FUZZ_CHECK(!sys_is_disk(name) || strlen(name) < DISK_NAME_SIZE);
}

static void check_ctrl(void)
{
	struct subsys_ctrl ctrl;

	sys_read_ctrl(fuzz_folder(), "nvme3", &us, &ctrl);
	FUZZ_CHECK(ctrl.instance == 3 && ctrl.cntlid >= -1 && ctrl.cntlid <= UINT16_MAX);
	FUZZ_CHECK(!ctrl.live || !ctrl.going);
	FUZZ_CHECK(!ctrl.ours || streq(ctrl.hostnqn, us.nqn));
	FUZZ_CHECK(!ctrl.has_portal || ctrl.portal.port > 0);
}

static void check_disk(void)
{
	struct subsys_disk disk;
	struct err err = {0};

	sys_read_disk(fuzz_folder(), "nvme3n1", true, &disk);
	FUZZ_CHECK(disk.size % 512 == 0);
	FUZZ_CHECK(disk.ready || disk.dev == 0);
	if (ns_ident_known(&disk.ident)) {
		FUZZ_CHECK(ns_ident_match("nvme3n1", &disk.ident, &disk.ident, &err) == 0);
		FUZZ_CHECK(sys_ident_touches(&disk.ident, &disk.ident));
	} else {
		FUZZ_CHECK(!sys_ident_match("nvme3n1", &disk.ident, &disk.ident, &err));
		fuzz_said(&err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;

	lines_split(data, size, &lines);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const char *content = kv_get(lines_list(&lines), attributes[i]);

		fuzz_put(attributes[i], content, content ? strlen(content) : 0);
	}
	for (size_t i = 0; i < lines.n; i++) {
		check_names(lines.items[i].key);
	}
	check_ctrl();
	check_disk();
	return 0;
}
