/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are due are cut, others are not. */
#include "common/http/watch.h"
#include "test/unit/common/http/support.h"

struct fixture {
	struct watch *watch;
	int a[2];
	int b[2];
	int c[2];
};

static int setup(void **state)
{
	static struct fixture f;

	f.watch = watch_new();
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
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
