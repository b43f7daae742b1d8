/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are due are cut, others are not. */
#include "common/http/watch.h"
#include "test/unit/common/http/support.h"

struct fixture {
	struct watch *watch;
	uint16_t port;
	int door;
	int came; /* eventfd: how many have been let in */
	struct watch_link *in[8];
	int fds[8];
	int n;
	int a[2];
	int b[2];
	int c[2];
};

static void enter(void *arg, int take_fd, const struct sockaddr *addr, socklen_t len)
{
	struct fixture *f = arg;
	const uint64_t one = 1;

	assert_int_equal(addr->sa_family, AF_INET);
	assert_int_equal(len, sizeof(struct sockaddr_in));
	f->fds[f->n] = take_fd;
	f->in[f->n++] = watch_add(f->watch, take_fd, -1);
	assert_int_equal(write(f->came, &one, sizeof(one)), sizeof(one));
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.came = eventfd(0, EFD_CLOEXEC)};
	f.door = tcp_bound(true, &f.port);
	f.watch = watch_new(
		&(struct watch_options){.door = f.door, .max = 3, .enter = enter, .arg = &f});
	assert_non_null(f.watch);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f.a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f.b), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f.c), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_free(f->watch);
	(void)close(f->door);
	(void)close(f->came);
	for (size_t i = 0; i < 2; i++) {
		(void)close(f->a[i]);
		(void)close(f->b[i]);
		(void)close(f->c[i]);
	}
	return 0;
}

static void wait_cut(int fd)
{
	char rest[8];

	assert_int_equal(read_until(fd, NULL, rest, sizeof(rest)), 0);
}

static bool is_cut(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_due(void **state)
{
	struct fixture *f = *state;
	struct watch_link *a = watch_add(f->watch, f->a[0], PATIENCE_MS * 100);
	struct watch_link *b = watch_add(f->watch, f->b[0], 30);
	struct watch_link *c = watch_add(f->watch, f->c[0], -1);

	wait_cut(f->b[1]);
	assert_false(is_cut(f->a[1]));
	/* Sooner than what the thread sleeps towards: it must be woken. */
	watch_due(f->watch, a, 10);
	wait_cut(f->a[1]);
	assert_false(is_cut(f->c[1]));
	watch_due(f->watch, c, 0);
	wait_cut(f->c[1]);
	watch_remove(f->watch, b);
	watch_remove(f->watch, c);
	watch_remove(f->watch, a);
	watch_remove(f->watch, NULL);
}

static void test_put_off(void **state)
{
	struct fixture *f = *state;
	struct watch_link *a = watch_add(f->watch, f->a[0], 40);
	struct watch_link *b = watch_add(f->watch, f->b[0], 80);
	struct watch_link *c = watch_add(f->watch, f->c[0], 120);

	watch_due(f->watch, a, -1);
	watch_remove(f->watch, b);
	wait_cut(f->c[1]);
	/* The third was due last, so the thread had its chance to cut the others. */
	assert_false(is_cut(f->a[1]));
	assert_false(is_cut(f->b[1]));
	watch_remove(f->watch, a);
	watch_remove(f->watch, c);
}

/* True when one more was let in within @ms. */
static bool comes(struct fixture *f, int64_t ms)
{
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};
	uint64_t count = 0;

	if (deadline_poll(&dl, f->came, POLLIN, ms, "door", &err) != 1) {
		return false;
	}
	assert_int_equal(read(f->came, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	return true;
}

static void drop(struct fixture *f, int i)
{
	watch_remove(f->watch, f->in[i]);
	(void)close(f->fds[i]);
}

static void test_door(void **state)
{
	struct fixture *f = *state;
	int clients[6];

	clients[0] = tcp_connect(f->port);
	assert_false(comes(f, 50)); /* still shut */
	watch_open(f->watch);
	assert_true(comes(f, PATIENCE_MS));
	for (int i = 1; i < 3; i++) {
		clients[i] = tcp_connect(f->port);
		assert_true(comes(f, PATIENCE_MS));
	}
	/* Full: the next one waits, unharmed, until one leaves. */
	clients[3] = tcp_connect(f->port);
	assert_false(comes(f, 50));
	assert_false(is_cut(clients[3]));
	drop(f, 1);
	assert_true(comes(f, PATIENCE_MS));
	drop(f, 0);
	watch_shut(f->watch);
	clients[4] = tcp_connect(f->port);
	assert_false(comes(f, 50));
	drop(f, 2);
	drop(f, 3);
	for (int i = 0; i < 5; i++) {
		(void)close(clients[i]);
	}
}

static void test_data(void **state)
{
	struct fixture *f = *state;
	struct watch_link *a = watch_add(f->watch, f->a[0], -1);

	assert_null(*watch_data(a));
	*watch_data(a) = f;
	assert_ptr_equal(*watch_data(a), f);
	watch_remove(f->watch, a);
	watch_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_due, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_door, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
