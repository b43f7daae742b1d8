/* SPDX-License-Identifier: Apache-2.0 */
/* The check: each thing that a machine may lack is found, and the line says what to do. */
#include "target/check.h"
#include "target/export/nvmet.h"
#include "target/run.h"
#include "test/unit/common/http/support.h"
#include "test/unit/target/emulator.h"

#include <sys/file.h>

static struct place place;
static struct err err;
static struct check_env env;
static int nft_rc;
static char *said;
static unsigned failures;

static int fake_nft(const struct step *in UNUSED, const char *script, struct err *why)
{
	assert_string_equal(script, "list tables");
	return nft_rc ? err_set(why, ERR_NOT_FOUND, "nft: not found") : 0;
}

static int make_pool(const struct step *in, void *arg UNUSED, struct err *why)
{
	struct stamp stamp;

	return stamp_init(in, at(&place, "pool"), "fast", &fake_fsops, &stamp, why);
}

static void put_config(const char *listen, const char *portal, const char *more)
{
	char text[4 * PATH_MAX];

	print_to(text, sizeof(text),
		"{\"listen\":\"%s\",\"stateDir\":\"%s/state\",\"configfs\":\"%s\",\"portals\":[\"%s\"],"
		"\"pools\":[{\"name\":\"fast\",\"path\":\"%s/pool\"}]%s}",
		listen, place.path, emu.root, portal, place.path, more);
	put_file(at(&place, "target.json"), text);
}

static int setup(void **state UNUSED)
{
	static char sys[PATH_MAX];
	static char modules[PATH_MAX];
	char listen[PATH_MAX];

	err = (struct err){0};
	nft_rc = 0;
	fake_fs = (struct fake_fs){0};
	place_make(&place);
	emu_make();
	print_to(sys, sizeof(sys), "%s/sys", place.path);
	print_to(modules, sizeof(modules), "%s/modules", place.path);
	for (const char *const *name = (const char *const[]){"sys", "sys/module",
		     "sys/module/nvmet_tcp", "modules", "pool", NULL};
		*name; name++) {
		assert_int_equal(mkdir(at(&place, *name), 0700), 0);
	}
	assert_ok(in_step(make_pool, NULL, &err), err);
	print_to(listen, sizeof(listen), "unix:%s/api.sock", place.path);
	put_config(listen, "127.0.0.1:1", "");
	env = (struct check_env){
		.sys = sys, .modules = modules, .fs = &fake_fsops, .nft = fake_nft};
	return 0;
}

static int teardown(void **state UNUSED)
{
	free(said);
	said = NULL;
	emu_remove();
	place_remove(&place);
	return 0;
}

static void check(void)
{
	size_t size;
	FILE *out;

	free(said);
	out = open_memstream(&said, &size);
	assert_non_null(out);
	failures = check_machine(at(&place, "target.json"), &env, out);
	assert_int_equal(fclose(out), 0);
}

/* The check says @line, and @failed of its lines are failures. */
static void check_says(unsigned failed, const char *line)
{
	check();
	if (!strstr(said, line) || failures != failed) {
		fail_msg("%u failures; wanted %u and \"%s\" in:\n%s", failures, failed, line, said);
	}
}

static void test_all_well(void **state UNUSED)
{
	check_says(0, "OK    kernel module nvmet-tcp: loaded\n");
	assert_non_null(strstr(said, "OK    configfs: mounted"));
	assert_non_null(strstr(said, "OK    gate: nft works\n"));
	assert_non_null(
		strstr(said, "OK    portal 127.0.0.1:1: the address is there, the port is free"));
	assert_non_null(strstr(said, "OK    API: at the socket "));
	/* The pool of a test is neither XFS nor on a file system of its own. */
	assert_non_null(strstr(said, "WARN  pool fast: "));
	assert_non_null(strstr(said, "neither XFS nor btrfs"));
	assert_non_null(strstr(said, "WARN  agent: does not run: systemctl enable"));
	/* Nothing was changed. */
	assert_false(exists(at(&place, "state")));
}

static void test_user_and_configuration(void **state UNUSED)
{
	env.uid = 1000;
	check_says(1, "FAIL  user: only root");
	env.uid = 0;
	put_file(at(&place, "target.json"), "{\"listn\":1}");
	check_says(1, "listn");
	assert_int_equal(unlink(at(&place, "target.json")), 0);
	check_says(
		1, "beginning with a copy of /usr/share/doc/nvmetcp-target/examples/target.json");
}

static void test_kernel(void **state UNUSED)
{
	assert_int_equal(rmdir(at(&place, "sys/module/nvmet_tcp")), 0);
	check_says(1, "FAIL  kernel module nvmet-tcp: not in ");
	put_file(at(&place, "modules/modules.dep"),
		"kernel/drivers/nvme/target/nvmet.ko.xz:\n"
		"kernel/drivers/nvme/target/nvmet-tcp.ko.xz: kernel/drivers/nvme/target/nvmet.ko.xz\n");
	check_says(0, "OK    kernel module nvmet-tcp: available; the service loads it");
	put_file(
		at(&place, "modules/modules.builtin"), "kernel/drivers/nvme/target/nvmet-tcp.ko\n");
	check_says(0, "part of the kernel");
	nft_rc = -1;
	check_says(1, "FAIL  gate: nft: not found: install nftables");
	put_config("127.0.0.1:2", "127.0.0.1:1", ",\"gate\":\"none\"");
	check_says(0, "OK    gate: none, as configured");
	put_file(at(&place, "target.json"),
		"{\"listen\":\"unix:/run/nvmetcp-target/api.sock\",\"configfs\":\"/nowhere/nvmet\","
		"\"gate\":\"none\",\"portals\":[\"127.0.0.1:1\"],"
		"\"pools\":[{\"name\":\"fast\",\"path\":\"/nowhere/pool\"}]}");
	check_says(2,
		"FAIL  configfs: not mounted at /nowhere: systemctl start sys-kernel-config.mount");
	assert_non_null(strstr(said, "FAIL  pool fast: /nowhere/pool: No such file"));
}

static void test_pool(void **state UNUSED)
{
	fake_fs.clone_errno = EOPNOTSUPP;
	check_says(1, "no reflink");
	fake_fs.clone_errno = 0;
	assert_int_equal(mkdir(at(&place, "state"), 0700), 0);
	assert_int_equal(mkdir(at(&place, "state/pools"), 0700), 0);
	put_file(at(&place, "state/pools/fast.json"),
		"{\"name\":\"fast\",\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\"}");
	check_says(1, "another file system is mounted there");
	assert_int_equal(unlink(at(&place, "state/pools/fast.json")), 0);
	assert_int_equal(unlink(at(&place, "pool/.nvmetcp-pool")), 0);
	check_says(1, "is its file system mounted? A new pool is made with --init-pool");
}

static void test_portals(void **state UNUSED)
{
	char portal[PORTAL_TEXT_SIZE];
	uint16_t number;
	int fd = tcp_bound(true, &number);

	put_config("unix:/run/nvmetcp-target/s", "192.0.2.1:4420", "");
	check_says(1,
		"FAIL  portal 192.0.2.1:4420: no network interface of this machine has the address");

	print_to(portal, sizeof(portal), "127.0.0.1:%u", number);
	put_config("unix:/run/nvmetcp-target/s", portal, "");
	check_says(1, ": the port is in use by target_test_che");
	check_says(1, "stop that, or choose another port");

	/* A port of nvmet that listens there: as the agent makes them, and as others do. */
	for (int id = 1; id <= NVMET_PORT_FIRST; id += NVMET_PORT_FIRST - 1) {
		char port[PATH_MAX];
		char path[PATH_MAX];
		char trsvcid[8];

		print_to(port, sizeof(port), "%s/ports/%d", emu.root, id);
		print_to(trsvcid, sizeof(trsvcid), "%u", number);
		assert_int_equal(emu_mkdir(NO_STEP, port), 0);
		emu_attr(port, "addr_trtype", "tcp");
		emu_attr(port, "addr_traddr", "127.0.0.1");
		emu_attr(port, "addr_trsvcid", trsvcid);
		check_says(1, "in use by target_test_che");
		print_to(path, sizeof(path), "%s/subsystems/nqn.2014-08.org.example:%d", emu.root,
			id);
		assert_int_equal(emu_mkdir(NO_STEP, path), 0);
		print_to(path, sizeof(path), "%s/subsystems/nqn.2014-08.org.example:%d", port, id);
		assert_int_equal(symlink("/nowhere", path), 0);
		if (id == 1) {
			check_says(
				1, "port 1 of nvmet, which is not nvmetcp-target's, listens there");
			assert_int_equal(unlink(path), 0);
		} else {
			check_says(0, ": open, volumes are exported");
		}
	}
	(void)close(fd);
}

static void test_api_port(void **state UNUSED)
{
	char address[PORTAL_TEXT_SIZE];
	uint16_t number;
	int fd = tcp_bound(true, &number);
	int lock = open(emu.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	print_to(address, sizeof(address), "127.0.0.1:%u", number);
	put_config(address, "127.0.0.1:1", "");
	check_says(1, "choose another port in \"listen\"");
	/* With nvmet's lock this very process is the agent. */
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	check_says(0, ": the agent serves there");
	assert_non_null(strstr(said, "OK    agent: runs as process "));
	(void)close(lock);
	(void)close(fd);
	put_config("127.0.0.1:1", "127.0.0.1:2", "");
	check_says(0, "OK    API at 127.0.0.1:1: the address is there, the port is free");
	put_config("unix:/nowhere/api.sock", "127.0.0.1:2", "");
	check_says(1, "FAIL  API: /nowhere: No such file or directory: make the folder");
}

static void with_cert(const char *ext, const char *from, const char *until)
{
	char more[4 * PATH_MAX];

	make_cert_between(place.path, "server", ext, from, until);
	print_to(more, sizeof(more),
		",\"tlsCert\":\"%s/server.pem\",\"tlsKey\":\"%s/server.key\",\"tokenFile\":\"%s/token\"",
		place.path, place.path, place.path);
	put_config("127.0.0.1:1", "127.0.0.1:2", more);
}

static void test_certificate(void **state UNUSED)
{
	char soon[32];
	time_t when = time(NULL) + 86400;
	struct tm tm;

	put_file(at(&place, "token"), "0123456789abcdef0123456789abcdef\n");
	with_cert("subjectAltName=IP:127.0.0.1", "20200101000000Z", "20990101000000Z");
	check_says(
		0, "server.pem: for 127.0.0.1, until 2099-01-01 00:00 UTC; its key belongs to it");
	with_cert("subjectAltName=DNS:storage.example", "20200101000000Z", "20990101000000Z");
	check_says(
		0, "is for storage.example, not for 127.0.0.1: the controller's url must have one");
	with_cert("basicConstraints=CA:FALSE", "20200101000000Z", "20990101000000Z");
	check_says(1, "has no subjectAltName");
	with_cert("subjectAltName=IP:127.0.0.1", "20200101000000Z", "20210101000000Z");
	check_says(1, "expired on 2021-01-01 00:00 UTC: put a new one there");
	with_cert("subjectAltName=IP:127.0.0.1", "20980101000000Z", "20990101000000Z");
	check_says(1, "valid only from 2098-01-01 00:00 UTC");
	assert_non_null(gmtime_r(&when, &tm));
	assert_true(strftime(soon, sizeof(soon), "%Y%m%d%H%M%SZ", &tm) > 0);
	with_cert("subjectAltName=IP:127.0.0.1", "20200101000000Z", soon);
	check_says(0, "WARN  certificate: ");
	assert_non_null(strstr(said, "expires on "));
	assert_int_equal(chmod(at(&place, "server.key"), 0604), 0);
	check_says(1, "server.key: mode 0604 lets others at the secret");
}

static void test_token(void **state UNUSED)
{
	with_cert("subjectAltName=IP:127.0.0.1", "20200101000000Z", "20990101000000Z");
	check_says(1, "token: open: No such file");
	put_file(at(&place, "token"), "hunter2\n");
	check_says(0, "only 7 bytes long");
	assert_null(strstr(said, "hunter2"));
	put_file(at(&place, "token"), "0123456789abcdef0123456789abcdef\n");
	check_says(0, "token: others cannot read it");
	assert_int_equal(chmod(at(&place, "token"), 0644), 0);
	check_says(1, "mode 0644 lets others at the secret");
	assert_null(strstr(said, "0123456789abcdef"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_well, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_and_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_portals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_api_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
