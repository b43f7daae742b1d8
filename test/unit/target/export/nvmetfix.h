/* SPDX-License-Identifier: Apache-2.0 */
/* An nvmet handle on the emulation, with two portals. */
#pragma once

#include "target/export/nvmet.h"
#include "test/unit/target/emulator.h"

#define NQN1 NQN_PREFIX "test:00000000-0000-4000-8000-000000000001"
#define NQN2 NQN_PREFIX "test:00000000-0000-4000-8000-000000000002"
#define SUB1 "subsystems/" NQN1
#define SUB2 "subsystems/" NQN2
#define PORT1 "ports/20000/subsystems/"
#define PORT2 "ports/20001/subsystems/"

static struct nvmet *nvmet;
static char scripts[4][4096];
static unsigned n_scripts;

static inline int fake_nft(const struct step *in UNUSED, const char *script, struct err *err UNUSED)
{
	(void)snprintf(scripts[n_scripts % 4], sizeof(scripts[0]), "%s", script);
	n_scripts++;
	return 0;
}

static inline struct nvmet_options nvmet_test_options(void)
{
	struct nvmet_options options = {.root = emu.root, .ops = &emu_ops, .nft = fake_nft};
	struct err err = {0};

	assert_ok(
		portals_parse("portals", "127.0.0.1:4420,[::1]:4421", &options.portals, &err), err);
	return options;
}

static inline int setup(void **state UNUSED)
{
	struct err err = {0};

	emu_make();
	n_scripts = 0;
	struct nvmet_options options = nvmet_test_options();

	assert_ok(nvmet_open(&options, &nvmet, &err), err);
	put_file(at(&emu.place, "disk"), "data");
	return 0;
}

static inline int teardown(void **state UNUSED)
{
	nvmet_free(nvmet);
	emu_remove();
	return 0;
}

static inline int put_ns(const char *nqn, uint32_t nsid, const char *disk, struct err *err)
{
	static const uint8_t uuid[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
		0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01};
	const struct nvmet_ns ns = {
		.nqn = nqn, .subsys_uuid = uuid, .nsid = nsid, .uuid = uuid, .path = disk};

	return nvmet_ns_put(NO_STEP, nvmet, &ns, err);
}

/* A round over all subsystems, as behind the gate. */
static inline int ports_up(struct err *err)
{
	struct err why = {0};
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct nvmet_round round = {.opening = true};

	assert_ok(nvmet_subsys_list(nvmet, &names, err), *err);
	for (size_t i = 0; i < names.n; i++) {
		if (nvmet_publish(NO_STEP, nvmet, names.list[i], &round, &why) < 0) {
			assert_true(nvmet_ports_down(nvmet, NULL) > 0);
		}
	}
	if (names.n == 0) {
		nvmet_ports_idle(nvmet, &round);
	}
	return 0;
}
