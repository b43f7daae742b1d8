/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P2: nothing but the very disk is handed out: another number, a renamed folder, other words of the
 * target, a smaller size, or no block device at all are refused.
 */
#include "node/nvme/head.h"
#include "test/unit/node/nvme/kernel_fake.h"

#include <sys/sysmacros.h>

#define SUB0 "class/nvme-subsystem/nvme-subsys0/"
#define SIZE (819200 * 512L)
#define WORDS "uuid=11111111222233334444555555555555 nguid=11111111222233334444666666666666"

static dev_t shown_number;

static int fake_number(int fd, dev_t *ret_dev)
{
	(void)fd;
	*ret_dev = shown_number;
	return 0;
}

static int fake_size(int fd, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -1;
	}
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static const struct host_calls fake_calls = {fake_number, fake_size};

struct world {
	struct fixture f;
	struct fab *fab;
	struct ns_ident ident;
	struct head_want want;
	struct subsys_disk disk;
	struct guard guard;
	struct proven_device device;
};

static void world_open(struct world *w)
{
	struct subsys_view view;
	struct err err = {0};

	*w = (struct world){.device = PROVEN_NONE};
	w->ident = (struct ns_ident){
		.uuid = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55,
			0x55, 0x55, 0x55, 0x55},
		.nsid = 7,
	};
	fixture_open(&w->f, "multipath");
	kernel_use(&w->f);
	w->f.host.calls = &fake_calls;
	assert_int_equal(fab_new(&w->f.host, &us, &w->fab, &err), 0);
	w->want = (struct head_want){.nqn = NQN_A, .ident = &w->ident, .min_size = SIZE};
	assert_int_equal(subsys_scan(&w->f.host, NQN_A, &us, &view, &err), 0);
	w->disk = *subsys_find_disk(&view, &w->ident, &err);
	subsys_view_done(&view);
	w->guard = kernel_guard(20000);
	shown_number = makedev(259, 1);
	kernel->disk_size = SIZE;
	(void)snprintf(kernel->descriptors, sizeof(kernel->descriptors), WORDS);
}

static void world_close(struct world *w)
{
	proven_done(&w->device);
	fab_free(w->fab);
	fixture_close(&w->f);
}

static int prove(struct world *w, struct err *err)
{
	*err = (struct err){0};
	return head_prove(w->fab, &w->want, &w->disk, &w->guard, &w->device, err);
}

static void expect_refused(struct world *w, enum err_code code, const char *says)
{
	struct err err;

	assert_int_equal(prove(w, &err), -1);
	if (err.code != code || !strstr(err.msg, says)) {
		fail_msg("%s: %s", err_code_name(err.code), err.msg);
	}
	assert_int_equal(w->device.fd, -1);
}

static void test_proven(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w);
	if (prove(&w, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_true(w.device.fd >= 0);
	assert_true(fcntl(w.device.fd, F_GETFD) & FD_CLOEXEC);
	assert_string_equal(w.device.name, "nvme0n1");
	assert_int_equal(w.device.size, SIZE);
	assert_int_equal(w.device.dev, makedev(259, 1));
	assert_int_equal(w.device.ident.nsid, 7);
	assert_int_equal(w.device.ident.nguid[15], 0x66);
	world_close(&w);
	/* A target that does not know the list: what the kernel read is proof enough. */
	world_open(&w);
	(void)snprintf(kernel->descriptors, sizeof(kernel->descriptors), "none=2");
	assert_int_equal(prove(&w, &err), 0);
	assert_int_equal(w.device.ident.uuid[0], 0x11);
	world_close(&w);
}

static void test_p2_what_differs(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	shown_number = makedev(259, 2);
	expect_refused(&w, ERR_FAILED_PRECONDITION, "not the block device 259:1");
	shown_number = makedev(259, 1);
	kernel->disk_size = SIZE - 512;
	expect_refused(&w, ERR_FAILED_PRECONDITION, "has 419429888 bytes");
	kernel->disk_size = SIZE;
	/* The target says that it is another namespace, or says nothing that could be compared. */
	(void)snprintf(kernel->descriptors, sizeof(kernel->descriptors),
		"uuid=21111111222233334444555555555555");
	expect_refused(&w, ERR_FAILED_PRECONDITION, "nvme0n1");
	kernel->descriptors[0] = '\0';
	expect_refused(&w, ERR_FAILED_PRECONDITION, "nvme0n1");
	(void)snprintf(kernel->descriptors, sizeof(kernel->descriptors), "nonsense");
	expect_refused(&w, ERR_INTERNAL, "nvme0n1");
	(void)snprintf(kernel->descriptors, sizeof(kernel->descriptors), WORDS);
	kernel->fail_open = 1;
	expect_refused(&w, ERR_UNAVAILABLE, "made to fail");
	world_close(&w);
}

/* Between the look and the open, the name or the number went to another disk. */
static void test_p2_renamed_in_between(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	fixture_set(&w.f, SUB0 "nvme0n1/dev", "259:4");
	expect_refused(&w, ERR_UNAVAILABLE, "took the device away");
	fixture_set(&w.f, SUB0 "nvme0n1/dev", "259:1");
	fixture_set(&w.f, SUB0 "nvme0n1/uuid", "00000000-2222-3333-4444-555555555555");
	expect_refused(&w, ERR_UNAVAILABLE, "took the device away");
	/* The same identity under another subsystem's name is not the volume. */
	fixture_set(&w.f, SUB0 "nvme0n1/uuid", "11111111-2222-3333-4444-555555555555");
	fixture_set(&w.f, SUB0 "subsysnqn", NQN_AB);
	expect_refused(&w, ERR_UNAVAILABLE, "took the device away");
	fixture_set(&w.f, SUB0 "subsysnqn", NQN_A);
	fixture_set(&w.f, SUB0 "nvme0n3/uuid", "11111111-2222-3333-4444-555555555555");
	w.ident.nsid = 0;
	expect_refused(&w, ERR_FAILED_PRECONDITION, "both have the identity");
	world_close(&w);
}

static void test_deadline(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.guard = kernel_guard(0);
	expect_refused(&w, ERR_DEADLINE_EXCEEDED, "");
	world_close(&w);
}

/* The real calls: a plain file and a character device are no disks. */
static void test_real_calls(void **state)
{
	struct world w;
	struct host_paths real;
	struct err err = {0};

	(void)state;
	world_open(&w);
	assert_int_equal(host_open("/sys", "/dev", NULL, &real, &err), 0);
	w.f.host.calls = real.calls;
	host_close(&real);
	expect_refused(&w, ERR_FAILED_PRECONDITION, "not the block device");
	assert_int_equal(symlinkat("/dev/null", w.f.host.dev, "nvme0n1"), 0);
	(void)snprintf(kernel->disk, sizeof(kernel->disk), "dev/nvme0n1");
	expect_refused(&w, ERR_FAILED_PRECONDITION, "not the block device");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proven),
		cmocka_unit_test(test_p2_what_differs),
		cmocka_unit_test(test_p2_renamed_in_between),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_real_calls),
	};

	return cmocka_run_group_tests(tests, kernel_start, kernel_stop);
}
