/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node/nvme and node/block on a real kernel, against the target that node-nvme.sh sets up: connect,
 * find, prove, format, mount, grow, keep, disconnect. Needs root; run it in a VM.
 */
#include "common/base/fileio.h"
#include "node/block/blank.h"
#include "node/block/disk.h"
#include "node/block/fsck.h"
#include "node/block/grow.h"
#include "node/nvme/head.h"
#include "node/nvme/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cmocka.h>

#define NQN_ONE NQN_PREFIX "vm:one"
#define NQN_SHUT NQN_PREFIX "vm:shut"
#define CONFIG "/sys/kernel/config/nvmet/"
#define NS CONFIG "subsystems/" NQN_ONE "/namespaces/"
#define MOUNT_POINT "/run/node-nvme-mnt"
#define NODES "/run/node-nvme-nodes"
#define SIZE (400 * MIB)
#define GROWN (600 * MIB)

static const struct portal portal_1 = {.addr = "127.0.0.1", .port = 4420};
static const struct portal portal_2 = {.addr = "127.0.0.1", .port = 4421};
static const struct portal portal_shut = {.addr = "127.0.0.1", .port = 4429};

static struct {
	struct helper *helper;
	struct host_paths host;
	struct host_identity us;
	struct uev *uev;
	struct fab *fab;
	struct connect_options options;
	bool multipath;
} node;

static struct ns_ident volume(uint8_t number)
{
	return (struct ns_ident){
		.uuid = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55,
			0x55, 0x55, 0x55, (uint8_t)(0x50 + number)},
		.nguid = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x66, 0x66,
			0x66, 0x66, 0x66, (uint8_t)(0x60 + number)},
		.nsid = number,
	};
}

static struct guard guard_of(int64_t ms)
{
	return (struct guard){.helper = node.helper, .dl = deadline_in(ms)};
}

/* struct call - the arguments of whatever runs as a step. */
struct call {
	struct guard guard;
	struct fab_path path;
	struct fab_result result;
	const char *nqn;
	struct head_want head;
	struct subsys_disk disk;
	bool grown;
	int fd;
	const struct disk_want *want;
	struct grow_target target;
	struct grow_size size;
	const char *fstype;
	bool read_only;
};

static int do_connect(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return fab_connect(in, node.fab, &c->path, &c->guard, &c->result, err);
}

static int do_ready(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return fab_ready(in, node.fab, &c->guard, err);
}

static int do_disconnect(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return fab_disconnect(in, node.fab, c->nqn, &c->guard, err);
}

static int do_tune(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return fab_tune(in, node.fab, c->nqn, &node.options, err);
}

static int do_wait(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return (c->grown ? head_wait_size : head_wait)(
		in, node.fab, node.uev, &c->head, &c->guard.dl, &c->disk, err);
}

static int do_format(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return disk_format(in, &c->guard, c->fd, c->want, NULL, err);
}

static int do_fsck(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	struct fsck_result result;
	return fsck_run(in, "disk", c->fstype, c->fd, &c->guard, &result, err);
}

static int do_grow(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return grow_fs(in, &c->guard, &c->target, &c->size, err);
}

static int do_read_only(const struct step *in, void *arg, struct err *err)
{
	struct call *c = arg;
	return blkdev_set_read_only(in, c->fd, c->read_only, err);
}

static int run(step_fn fn, struct call *call, struct err *err)
{
	struct steps steps = {.operation = "vm"};

	*err = (struct err){0};
	return step_run(&steps, "step", fn, call, err);
}

static void must(step_fn fn, struct call *call)
{
	struct err err;

	if (run(fn, call, &err) < 0) {
		fail_msg("%s: %s", err_code_name(err.code), err.msg);
	}
}

static int try_connect(
	const char *nqn, const struct portal *portal, struct fab_result *ret, struct err *err)
{
	struct call c = {.guard = guard_of(60000), .path = {nqn, portal, &node.options}};
	int result = run(do_connect, &c, err);

	*ret = c.result;
	return result;
}

static struct fab_result connect_to(const struct portal *portal)
{
	struct fab_result result;
	struct err err;

	if (try_connect(NQN_ONE, portal, &result, &err) < 0) {
		fail_msg("%s: %s", err_code_name(err.code), err.msg);
	}
	return result;
}

static struct subsys_view view_of(const char *nqn)
{
	struct subsys_view view;
	struct err err = {0};

	assert_int_equal(subsys_scan(&node.host, nqn, &node.us, &view, &err), 0);
	return view;
}

static void disconnect(void)
{
	struct call c = {.guard = guard_of(60000), .nqn = NQN_ONE};

	must(do_disconnect, &c);
	struct subsys_view view = view_of(NQN_ONE);
	assert_int_equal(view.ours_listed, 0);
	subsys_view_done(&view);
}

static struct subsys_disk wait_for(const struct ns_ident *ident, int64_t size)
{
	struct call c = {.guard = guard_of(30000),
		.head = {.nqn = NQN_ONE, .ident = ident, .min_size = size}};

	must(do_wait, &c);
	return c.disk;
}

static struct proven_device prove(const struct ns_ident *ident, int64_t size)
{
	struct head_want want = {.nqn = NQN_ONE, .ident = ident, .min_size = size};
	struct subsys_disk disk = wait_for(ident, size);
	struct guard guard = guard_of(30000);
	struct proven_device device = PROVEN_NONE;
	struct err err = {0};

	if (head_prove(node.fab, &want, &disk, &guard, &device, &err) < 0) {
		fail_msg("%s: %s", err_code_name(err.code), err.msg);
	}
	return device;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_modules_and_options(void **state)
{
	struct call c = {.guard = guard_of(60000)};
	struct err err = {0};

	(void)state;
	/* The script loads the target only: nvme-tcp is ours to load. */
	must(do_ready, &c);
	assert_true(fab_has_option(node.fab, "nr_io_queues"));
	assert_true(fab_has_option(node.fab, "hostid"));
	assert_false(fab_has_option(node.fab, "nosuch"));
	assert_int_equal(fab_check_options(node.fab, &node.options, &err), 0);
	int64_t before = clock_ms();
	must(do_ready, &c);
	assert_true(clock_ms() - before < 1000);
}

static void test_probe_portals(void **state)
{
	struct portals portals = {.n = 3, .list = {portal_1, portal_2, portal_shut}};
	struct portal_verdict verdicts[PORTALS_MAX];
	struct deadline dl = deadline_in(10000);
	struct err err = {0};

	(void)state;
	assert_int_equal(portal_probe(&portals, false, &dl, verdicts, &err), 0);
	assert_true(verdicts[0].alive);
	assert_true(verdicts[1].alive);
	assert_false(verdicts[2].alive);
	assert_string_equal(verdicts[2].why, "Connection refused");
}

static void test_connect_and_refusals(void **state)
{
	struct fab_result result;
	struct err err;

	(void)state;
	assert_int_equal(try_connect(NQN_ONE, &portal_shut, &result, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(result.errnum, ECONNREFUSED);
	assert_int_equal(try_connect(NQN_SHUT, &portal_1, &result, &err), -1);
	print_message("not allowed: %s\n", err.msg);
	assert_int_equal(err.code, ERR_PERMISSION_DENIED);
	assert_int_equal(try_connect(NQN_PREFIX "vm:none", &portal_1, &result, &err), -1);
	assert_int_equal(err.code, ERR_PERMISSION_DENIED);
	result = connect_to(&portal_1);
	assert_false(result.existed);
	assert_true(result.instance >= 0);
	assert_true(result.cntlid > 0);
	/* The kernel said nvmeN: sysfs must show it, live, as ours, at that portal. */
	struct subsys_view view = view_of(NQN_ONE);
	assert_int_equal(view.ours_live, 1);
	assert_int_equal(view.ctrls[0].instance, result.instance);
	assert_int_equal(view.ctrls[0].cntlid, result.cntlid);
	assert_true(portal_equal(&view.ctrls[0].portal, &portal_1));
	subsys_view_done(&view);
	result = connect_to(&portal_1);
	assert_true(result.existed);
	disconnect();
	disconnect();
}

static void test_p2_find_and_prove(void **state)
{
	struct ns_ident one = volume(1);
	struct ns_ident two = volume(2);
	struct ns_ident by_nguid = volume(1);
	struct ns_ident wrong = volume(1);
	struct err err = {0};

	(void)state;
	(void)connect_to(&portal_1);
	struct proven_device a = prove(&one, SIZE);
	struct proven_device b = prove(&two, SIZE);
	assert_true(a.dev != b.dev);
	assert_int_equal(a.size, SIZE);
	assert_memory_equal(a.ident.uuid, one.uuid, 16);
	assert_memory_equal(a.ident.nguid, one.nguid, 16);
	memset(by_nguid.uuid, 0, 16);
	struct proven_device c = prove(&by_nguid, 0);
	assert_int_equal(c.dev, a.dev);
	/* A disk of another identity under a view that was true a moment ago. */
	struct head_want want = {.nqn = NQN_ONE, .ident = &one, .min_size = SIZE};
	struct subsys_disk disk = wait_for(&two, SIZE);
	struct guard guard = guard_of(30000);
	struct proven_device none = PROVEN_NONE;
	assert_int_equal(head_prove(node.fab, &want, &disk, &guard, &none, &err), -1);
	print_message("other disk: %s\n", err.msg);
	/* Too large a size, and an identity that half fits. */
	want.min_size = SIZE + 1;
	disk = wait_for(&one, SIZE);
	assert_int_equal(head_prove(node.fab, &want, &disk, &guard, &none, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	wrong.nguid[0] = 0x77;
	struct call late = {.guard = guard_of(1500),
		.head = {.nqn = NQN_ONE, .ident = &wrong, .min_size = SIZE}};
	assert_int_equal(run(do_wait, &late, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	print_message("half fits: %s\n", err.msg);
	proven_done(&a);
	proven_done(&b);
	proven_done(&c);
	disconnect();
}

/* The device node is made by us when /dev has none, or a wrong one. */
static void test_private_node(void **state)
{
	struct host_paths host;
	struct fab *fab;
	struct ns_ident one = volume(1);
	struct head_want want = {.nqn = NQN_ONE, .ident = &one, .min_size = SIZE};
	struct guard guard = guard_of(30000);
	struct proven_device device = PROVEN_NONE;
	struct err err = {0};
	char wrong[64];

	(void)state;
	(void)connect_to(&portal_1);
	struct subsys_disk disk = wait_for(&one, SIZE);
	(void)mkdir("/run/node-nvme-dev", 0700);
	(void)snprintf(wrong, sizeof(wrong), "/run/node-nvme-dev/%s", disk.name);
	assert_int_equal(symlink("/dev/vda", wrong), 0);
	assert_int_equal(host_open("/sys", "/run/node-nvme-dev", NODES, &host, &err), 0);
	assert_int_equal(fab_new(&host, &node.us, &fab, &err), 0);
	if (head_prove(fab, &want, &disk, &guard, &device, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(device.dev, disk.dev);
	proven_done(&device);
	fab_free(fab);
	host_close(&host);
	assert_int_equal(unlink(wrong), 0);
	/* No node is left. */
	assert_int_equal(rmdir(NODES), 0);
	assert_int_equal(mkdir(NODES, 0700), 0);
	disconnect();
}

static void grow_target_file(const char *ns, const char *file, off_t size)
{
	assert_int_equal(truncate(file, size), 0);
	write_file(ns, "1");
}

static int64_t fs_bytes(void)
{
	struct statfs fs;

	assert_int_equal(statfs(MOUNT_POINT, &fs), 0);
	return (int64_t)fs.f_blocks * fs.f_bsize;
}

/* What the parts of a format cost, beside mkfs on the device itself. */
static void show_costs(const char *fstype, int fd, const struct blkdev_geometry *geometry)
{
	struct deadline dl = deadline_in(120000);
	struct format_image image;
	struct probe_result probe;
	struct blank_result blank;
	struct err err = {0};

	int64_t start = clock_ms();
	assert_int_equal(probe_read(fd, geometry, NULL, &probe, &err), 0);
	int64_t probed = clock_ms();
	assert_int_equal(blank_check(fd, geometry->size, NULL, &blank, &err), 0);
	int64_t checked = clock_ms();
	assert_int_equal(format_image_make(fstype, NULL, geometry, &dl, &image, &err), 0);
	print_message(
		"%s: probe %lld ms, blank check %lld ms (%llu KiB), image %lld ms, %zu extents\n",
		fstype, (long long)(probed - start), (long long)(checked - probed),
		(unsigned long long)blank.bytes_read / 1024, (long long)(clock_ms() - checked),
		image.n_extents);
	format_image_done(&image);
}

/* format, mount, write, grow, check, and use again */
static void live(const char *fstype, uint8_t number, const char *file)
{
	struct ns_ident ident = volume(number);
	struct disk_want want = {.device = "disk", .fstype = fstype};
	struct disk_state seen;
	struct err err = {0};
	char revalidate[200];
	char node_path[64];

	intent_volume_id(&ident, want.volume);
	(void)connect_to(&portal_1);
	struct proven_device device = prove(&ident, SIZE);
	struct call c = {
		.guard = guard_of(120000), .fd = device.fd, .want = &want, .fstype = fstype};
	int64_t before = clock_ms();
	assert_int_equal(disk_inspect(&c.guard, device.fd, &want, &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_FORMAT);
	print_message("%s: inspected in %lld ms\n", fstype, (long long)(clock_ms() - before));
	show_costs(fstype, device.fd, &seen.geometry);
	before = clock_ms();
	must(do_format, &c);
	print_message("%s: formatted in %lld ms\n", fstype, (long long)(clock_ms() - before));
	assert_int_equal(disk_inspect(&c.guard, device.fd, &want, &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_USE);
	must(do_fsck, &c);
	(void)snprintf(node_path, sizeof(node_path), "/proc/self/fd/%d", device.fd);
	assert_int_equal(mount(node_path, MOUNT_POINT, fstype, MS_NOATIME, ""), 0);
	/* In use: neither inspected into a format nor touched by one. */
	assert_int_equal(run(do_format, &c, &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	_cleanup_close_ int file_fd =
		open(MOUNT_POINT "/data", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file_fd, "kept", 4), 4);
	assert_int_equal(fsync(file_fd), 0);
	(void)close(TAKE_FD(file_fd));
	_cleanup_close_ int root = open(MOUNT_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c.target = (struct grow_target){fstype, root, device.fd};
	int64_t old = fs_bytes();
	assert_int_equal(grow_query(&c.guard, &c.target, &c.size, &err), 0);
	assert_false(c.size.needed);
	(void)snprintf(revalidate, sizeof(revalidate), NS "%u/revalidate_size", number);
	grow_target_file(revalidate, file, GROWN);
	struct call grown = {.guard = guard_of(30000),
		.head = {.nqn = NQN_ONE, .ident = &ident, .min_size = GROWN},
		.grown = true};
	must(do_wait, &grown);
	assert_int_equal(grow_query(&c.guard, &c.target, &c.size, &err), 0);
	assert_true(c.size.needed);
	assert_int_equal(c.size.device_bytes, GROWN);
	must(do_grow, &c);
	assert_false(c.size.needed);
	assert_true(fs_bytes() > old + 150 * MIB);
	must(do_grow, &c);
	(void)close(TAKE_FD(root));
	if (umount2(MOUNT_POINT, 0) < 0) {
		fail_msg("umount: %s", strerrordesc_np(errno));
	}
	must(do_fsck, &c);
	/* Read-only: mounts without a write, and cannot be written. */
	c.read_only = true;
	must(do_read_only, &c);
	assert_int_equal(mount(node_path, MOUNT_POINT, fstype, MS_RDONLY,
				 *fstype == 'x' ? "norecovery,nouuid" : "noload"),
		0);
	assert_int_equal(access(MOUNT_POINT "/data", R_OK), 0);
	assert_int_equal(umount2(MOUNT_POINT, 0), 0);
	c.read_only = false;
	must(do_read_only, &c);
	proven_done(&device);
	disconnect();
}

static void test_ext4(void **state)
{
	(void)state;
	live("ext4", 1, "/var/pool/one");
}

static void test_xfs(void **state)
{
	(void)state;
	live("xfs", 2, "/var/pool/two");
}

static void test_two_paths_and_tune(void **state)
{
	char value[32];
	char path[80];
	struct err err = {0};
	struct call c = {.nqn = NQN_ONE};

	(void)state;
	if (!node.multipath) {
		skip();
	}
	struct fab_result first = connect_to(&portal_1);
	(void)connect_to(&portal_2);
	struct subsys_view view = view_of(NQN_ONE);
	assert_int_equal(view.ours_live, 2);
	(void)snprintf(path, sizeof(path), "class/nvme/nvme%d/ctrl_loss_tmo", first.instance);
	assert_int_equal(attr_write(node.host.sysfs, path, "600", &err), 0);
	must(do_tune, &c);
	assert_int_equal(attr_read(node.host.sysfs, path, value, sizeof(value), &err), 0);
	assert_string_equal(value, "off");
	(void)snprintf(
		path, sizeof(path), "class/nvme-subsystem/nvme-subsys%d/iopolicy", view.instance);
	assert_int_equal(attr_read(node.host.sysfs, path, value, sizeof(value), &err), 0);
	assert_string_equal(value, "queue-depth");
	subsys_view_done(&view);
	/* Both paths lead to one disk. */
	struct ns_ident one = volume(1);
	struct proven_device device = prove(&one, SIZE);
	proven_done(&device);
	disconnect();
}

/* An administrator's own connection to the same subsystem is none of our business. */
static void test_p3_foreign_path_stays(void **state)
{
	static const char foreign[] =
		"nqn=" NQN_ONE ",transport=tcp,traddr=127.0.0.1,trsvcid=4420,nr_io_queues=1,"
		"hostnqn=nqn.2014-08.org.example:admin,hostid=00000000-0000-4000-8000-000000000001";

	(void)state;
	write_file(CONFIG "subsystems/" NQN_ONE "/attr_allow_any_host", "0");
	assert_int_equal(mkdir(CONFIG "hosts/nqn.2014-08.org.example:admin", 0755), 0);
	assert_int_equal(symlink(CONFIG "hosts/nqn.2014-08.org.example:admin",
				 CONFIG "subsystems/" NQN_ONE "/allowed_hosts/"
					"nqn.2014-08.org.example:admin"),
		0);
	int fd = open("/dev/nvme-fabrics", O_RDWR | O_CLOEXEC);
	assert_int_equal(write(fd, foreign, strlen(foreign)), strlen(foreign));
	(void)close(fd);
	(void)connect_to(&portal_1);
	disconnect();
	struct subsys_view view = view_of(NQN_ONE);
	assert_int_equal(view.n_ctrls, 1);
	assert_false(view.ctrls[0].ours);
	char path[80];
	(void)snprintf(
		path, sizeof(path), "/sys/class/nvme/%s/delete_controller", view.ctrls[0].name);
	subsys_view_done(&view);
	write_file(path, "1");
	assert_int_equal(unlink(CONFIG "subsystems/" NQN_ONE "/allowed_hosts/"
				       "nqn.2014-08.org.example:admin"),
		0);
	assert_int_equal(rmdir(CONFIG "hosts/nqn.2014-08.org.example:admin"), 0);
}

static void test_keeper(void **state)
{
	struct keylock *locks = keylock_new(4);
	struct quarantine *quarantine;
	struct keeper *keeper;
	struct portals portals = {.n = 2, .list = {portal_1, portal_2}};
	unsigned wanted = node.multipath ? 2 : 1;
	struct deadline dl = deadline_in(60000);
	struct err err = {0};

	(void)state;
	assert_int_equal(quarantine_new(4, &quarantine, &err), 0);
	struct keeper_config config = {.fab = node.fab,
		.helper = node.helper,
		.uev = node.uev,
		.subsys_locks = locks,
		.quarantine = quarantine,
		.period_ms = 200};
	assert_int_equal(keeper_start(&config, &keeper, &err), 0);
	assert_int_equal(keeper_set(keeper, NQN_ONE, &portals, &node.options, &err), 0);
	for (int round = 0; round < 2; round++) {
		struct subsys_view view = view_of(NQN_ONE);
		while (view.ours_live < wanted) {
			assert_int_equal(deadline_poll(&dl, -1, 0, 50, "paths", &err), 0);
			subsys_view_done(&view);
			view = view_of(NQN_ONE);
		}
		/* Someone deletes one: the event wakes the keeper, long before its next round. */
		char path[80];
		(void)snprintf(
			path, sizeof(path), "class/nvme/%s/delete_controller", view.ctrls[0].name);
		subsys_view_done(&view);
		assert_int_equal(attr_write(node.host.sysfs, path, "1", &err), 0);
	}
	struct keeper_status status;
	do {
		assert_int_equal(deadline_poll(&dl, -1, 0, 50, "paths", &err), 0);
		keeper_read_status(keeper, &status);
	} while (status.added < wanted + 2);
	keeper_drop(keeper, NQN_ONE);
	assert_true(keeper_stop(keeper, &dl));
	disconnect();
	quarantine_free(quarantine);
	keylock_free(locks);
}

struct silent_target {
	int sock;
	int fd;
};

static void *speak_once(void *arg)
{
	struct silent_target *t = arg;
	uint8_t answer[128];

	t->fd = accept(t->sock, NULL, NULL);
	assert_int_equal(recv(t->fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	memset(answer + 8, 0, sizeof(answer) - 8);
	answer[0] = 1;
	/* The kernel wants room for data in one PDU: MAXH2CDATA of at least 4096 bytes. */
	answer[13] = 0x10;
	assert_int_equal(send(t->fd, answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
	return NULL;
}

/*
 * A target that says ICResp and then nothing: the kernel waits for its Connect command without
 * listening to signals. The caller is answered all the same, and learns who hangs.
 */
static void test_p7_hanging_connect(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	struct err err;

	(void)state;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0);
	if (sock < 0) {
		return;
	}
	assert_int_equal(bind(sock, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(sock, 8), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&a, &len), 0);
	struct portal silent = {.addr = "127.0.0.1", .port = ntohs(a.sin_port)};
	pthread_t thread;
	struct silent_target target = {.sock = sock};
	assert_int_equal(pthread_create(&thread, NULL, speak_once, &target), 0);
	write_file("/sys/module/nvme_core/parameters/admin_timeout", "6");
	struct call c = {.guard = guard_of(1500), .path = {NQN_ONE, &silent, &node.options}};
	int64_t before = clock_ms();
	assert_int_equal(run(do_connect, &c, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_true(clock_ms() - before < 8000);
	assert_non_null(c.guard.stuck);
	assert_false(helper_stuck_gone(c.guard.stuck));
	(void)pthread_join(thread, NULL);
	(void)close(target.fd);
	struct deadline dl = deadline_in(90000);
	while (!helper_stuck_gone(c.guard.stuck)) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 100, "stuck connect", &err), 0);
	}
	print_message("the kernel let go after %lld ms\n", (long long)(clock_ms() - before));
	write_file("/sys/module/nvme_core/parameters/admin_timeout", "60");
	(void)close(sock);
	disconnect();
}

/* Connect, find and prove by us, beside the bare write and a look at sysfs. */
static void test_cost(void **state)
{
	struct ns_ident one = volume(1);
	int64_t ours = 0;
	int64_t by_hand = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		_cleanup_strbuf_ struct strbuf text = sb_init(4000);
		struct connect_options options = node.options;
		struct err err = {0};

		int64_t start = clock_ms();
		(void)connect_to(&portal_1);
		struct proven_device device = prove(&one, SIZE);
		ours += clock_ms() - start;
		proven_done(&device);
		disconnect();
		options.nr_io_queues = (int)MIN(sysconf(_SC_NPROCESSORS_ONLN), 4L);
		assert_int_equal(
			connect_string(&options, NQN_ONE, &node.us, &portal_1, &text, &err), 0);
		start = clock_ms();
		int fd = open("/dev/nvme-fabrics", O_RDWR | O_CLOEXEC);
		assert_int_equal(write(fd, text.data, text.len), text.len);
		for (bool there = false; !there;) {
			struct pollfd none = {.fd = -1};
			struct subsys_view view = view_of(NQN_ONE);
			there = subsys_find_disk(&view, &one, &err) != NULL;
			subsys_view_done(&view);
			(void)poll(&none, 1, there ? 0 : 1);
		}
		by_hand += clock_ms() - start;
		(void)close(fd);
		disconnect();
	}
	print_message("connect to proven device: %lld ms, by hand to sysfs: %lld ms (sums of 8)\n",
		(long long)ours, (long long)by_hand);
}

static int begin(void **state)
{
	struct err err = {0};
	struct helper_verb all[16];
	size_t n;
	size_t m;
	const struct helper_verb *fab = fab_verbs(&n);
	const struct helper_verb *disk = disk_verbs(&m);

	(void)state;
	memcpy(all, fab, n * sizeof(*fab));
	memcpy(all + n, disk, m * sizeof(*disk));
	(void)mkdir(MOUNT_POINT, 0700);
	(void)mkdir(NODES, 0700);
	if (helper_start(all, n + m, &node.helper, &err) < 0 ||
		host_open("/sys", "/dev", NODES, &node.host, &err) < 0 ||
		host_identity_make("vm", "n1", &node.us, &err) < 0 ||
		uev_start(&node.uev, &err) < 0 ||
		fab_new(&node.host, &node.us, &node.fab, &err) < 0 ||
		connect_profile("profile", "balanced", &node.options, &err) < 0) {
		print_error("%s\n", err.msg);
		return -1;
	}
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fab_free(node.fab);
	uev_stop(node.uev);
	host_close(&node.host);
	helper_stop(node.helper);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules_and_options),
		cmocka_unit_test(test_probe_portals),
		cmocka_unit_test(test_connect_and_refusals),
		cmocka_unit_test(test_p2_find_and_prove),
		cmocka_unit_test(test_private_node),
		cmocka_unit_test(test_two_paths_and_tune),
		cmocka_unit_test(test_p3_foreign_path_stays),
		cmocka_unit_test(test_keeper),
		cmocka_unit_test(test_p7_hanging_connect),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_ext4),
		cmocka_unit_test(test_xfs),
	};

	node.multipath = argc < 2 || !streq(argv[1], "single");
	return cmocka_run_group_tests(tests, begin, finish);
}
