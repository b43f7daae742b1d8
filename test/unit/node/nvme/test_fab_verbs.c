/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper's verbs: the conversation with /dev/nvme-fabrics, played by a pseudo-terminal, and
 * delete_controller in a tree of sysfs.
 */
#include "node/nvme/fab_verbs.h"
#include "node/nvme/fabrics.h"
#include "test/unit/node/nvme/fixture.h"

#include <poll.h>
#include <pthread.h>
#include <termios.h>

static struct helper *helper;

static int start(void **state)
{
	struct err err = {0};
	size_t n;
	const struct helper_verb *verbs = fab_verbs(&n);

	(void)state;
	return helper_start(verbs, n, &helper, &err);
}

static int stop(void **state)
{
	(void)state;
	helper_stop(helper);
	return 0;
}

/* struct kernel - the other side of /dev/nvme-fabrics. */
struct kernel {
	int master;
	int slave; /* held, so that what is written is kept until it is read */
	char asked[512];
	const char *answer;
	pthread_t thread;
};

static void kernel_open(struct kernel *k, const struct fixture *f)
{
	struct termios raw;
	char path[64];

	*k = (struct kernel){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
	assert_true(k->master >= 0);
	assert_int_equal(grantpt(k->master), 0);
	assert_int_equal(unlockpt(k->master), 0);
	assert_int_equal(ptsname_r(k->master, path, sizeof(path)), 0);
	k->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(k->slave >= 0);
	assert_int_equal(tcgetattr(k->slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(k->slave, TCSANOW, &raw), 0);
	assert_int_equal(symlinkat(path, f->host.dev, "nvme-fabrics"), 0);
}

static void kernel_close(struct kernel *k)
{
	(void)close(k->master);
	(void)close(k->slave);
}

static void *converse(void *arg)
{
	struct kernel *k = arg;

	ssize_t n = read(k->master, k->asked, sizeof(k->asked) - 1);
	assert_true(n > 0);
	assert_int_equal(write(k->master, k->answer, strlen(k->answer)), strlen(k->answer));
	return NULL;
}

static int call(
	const struct fixture *f, const char *const *argv, int fd, char **out, struct err *err)
{
	struct deadline dl = deadline_in(20000);

	(void)f;
	return helper_call(helper, argv, fd, &dl, out, NULL, err);
}

static void test_options(void **state)
{
	const char *argv[] = {VERB_OPTIONS, NULL};
	static const char list[] = "instance=-1,cntlid=-1,nqn=%s,transport=%s,concat\n";
	_cleanup_free_ char *out = NULL;
	struct fixture f;
	struct kernel k;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(call(&f, argv, f.host.dev, &out, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	kernel_open(&k, &f);
	assert_int_equal(write(k.master, list, strlen(list)), strlen(list));
	assert_int_equal(call(&f, argv, f.host.dev, &out, &err), 0);
	assert_string_equal(out, list);
	kernel_close(&k);
	fixture_close(&f);
}

static void test_connect(void **state)
{
	const char *argv[] = {VERB_CONNECT, "nqn=x,transport=tcp", NULL};
	_cleanup_free_ char *out = NULL;
	struct fixture f;
	struct kernel k;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	kernel_open(&k, &f);
	k.answer = "instance=4,cntlid=17\n";
	assert_int_equal(pthread_create(&k.thread, NULL, converse, &k), 0);
	assert_int_equal(call(&f, argv, f.host.dev, &out, &err), 0);
	(void)pthread_join(k.thread, NULL);
	/* One write, nothing added. */
	assert_string_equal(k.asked, "nqn=x,transport=tcp");
	assert_string_equal(out, "instance=4,cntlid=17\n");
	kernel_close(&k);
	fixture_close(&f);
}

static void test_connect_errno(void **state)
{
	const char *argv[] = {VERB_CONNECT, "nqn=x", NULL};
	const char *few[] = {VERB_CONNECT, NULL};
	_cleanup_free_ char *out = NULL;
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(call(&f, argv, f.host.dev, &out, &err), -1);
	/* A write that the kernel refuses comes back as its number. */
	assert_int_equal(symlinkat("/dev/full", f.host.dev, "nvme-fabrics"), 0);
	assert_int_equal(call(&f, argv, f.host.dev, &out, &err), 0);
	assert_string_equal(out, "errno=28");
	assert_int_equal(call(&f, few, f.host.dev, NULL, &err), -1);
	fixture_close(&f);
}

static void test_p3_deletes_only_what_is_ours(void **state)
{
	const char *argv[] = {VERB_DELETE, NQN_A, us.nqn, us.id,
		"nvme0,nvme2,nvme4,nvme1,nvme9,../nvme0,nvme5,", NULL};
	_cleanup_free_ char *out = NULL;
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, "multipath");
	assert_int_equal(call(&f, argv, f.host.sysfs, &out, &err), 0);
	assert_string_equal(out, "nvme0=0,nvme2=2,nvme4=2,nvme1=0,nvme9=2,../nvme0=2,nvme5=0,=2");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme0/delete_controller"), "1");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/delete_controller"), "1");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme5/delete_controller"), "1");
	/* Not named, another host's, another host id. */
	assert_string_equal(fixture_get(&f, "class/nvme/nvme3/delete_controller"), "");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme2/delete_controller"), "");
	/* The same names asked for another subsystem. */
	const char *other[] = {VERB_DELETE, NQN_AB, us.nqn, us.id, "nvme0", NULL};
	free(TAKE_PTR(out));
	assert_int_equal(call(&f, other, f.host.sysfs, &out, &err), 0);
	assert_string_equal(out, "nvme0=2");
	fixture_close(&f);
}

static void test_head_open_refuses(void **state)
{
	const char *few[] = {VERB_HEAD_OPEN, "nvme0n1", NULL};
	const char *odd[] = {VERB_HEAD_OPEN, "nvme0n1", "x", "1", "1", NULL};
	const char *alone[] = {VERB_HEAD_OPEN, "nvme0n1", "259", "1", "1", NULL};
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(call(&f, few, -1, NULL, &err), -1);
	assert_int_equal(call(&f, odd, -1, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(call(&f, alone, -1, NULL, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_errno),
		cmocka_unit_test(test_p3_deletes_only_what_is_ours),
		cmocka_unit_test(test_head_open_refuses),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
