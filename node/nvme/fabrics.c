/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near side of connect and disconnect: what to ask for, what the answer means, and that sysfs
 * agrees. The blocking halves are in fab_verbs.c.
 */
#include "node/nvme/fabrics.h"

#include "common/base/parse.h"
#include "node/nvme/fab_verbs.h"
#include "node/nvme/modules.h"
#include "node/nvme/subsys.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* Longest connection string; the kernel takes a page. */
#define CONNECT_STRING_MAX 4000
/* Longest name of an option. */
#define OPTION_NAME_SIZE 32
struct fab {
	const struct host_paths *host;
	const struct host_identity *us;
	pthread_mutex_t lock;
	atomic_bool no_queue_depth;
	char *options; /* ",nqn=%s,transport=%s,...,": NULL until read */
};

int fab_new(const struct host_paths *host, const struct host_identity *us, struct fab **ret,
	struct err *err)
{
	struct fab *fab = calloc(1, sizeof(*fab));

	if (!fab) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "fabrics: out of memory");
	}
	fab->host = host;
	fab->us = us;
	(void)pthread_mutex_init(&fab->lock, NULL);
	*ret = fab;
	return 0;
}

void fab_free(struct fab *fab)
{
	if (fab) {
		(void)pthread_mutex_destroy(&fab->lock);
		free(fab->options);
		free(fab);
	}
}

const struct host_paths *fab_host(const struct fab *fab)
{
	return fab->host;
}

const struct host_identity *fab_identity(const struct fab *fab)
{
	return fab->us;
}

atomic_bool *fab_no_queue_depth(struct fab *fab)
{
	return &fab->no_queue_depth;
}

/* The list as one string with a comma at either end of each entry, so that a look-up is strstr. */
static char *frame_options(const char *answer)
{
	size_t n = strcspn(answer, "\n");
	char *framed = malloc(n + 3);

	if (framed) {
		framed[0] = ',';
		memcpy(framed + 1, answer, n);
		framed[n + 1] = ',';
		framed[n + 2] = '\0';
	}
	return framed;
}

static bool options_known(struct fab *fab)
{
	(void)pthread_mutex_lock(&fab->lock);
	bool known = fab->options != NULL;
	(void)pthread_mutex_unlock(&fab->lock);
	return known;
}

int fab_ready(const struct step *in, struct fab *fab, struct guard *guard, struct err *err)
{
	const char *argv[] = {VERB_OPTIONS, NULL};
	_cleanup_free_ char *answer = NULL;

	if (options_known(fab)) {
		return 0;
	}
	if (modules_ready(in, fab->host, err) < 0 ||
		guard_call(guard, argv, fab->host->dev, &answer, err) < 0) {
		return -1;
	}
	/* Kernels before 5.17 have no list; they are below what the driver supports. */
	char *framed = frame_options(answer);
	if (!framed) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "fabrics: out of memory");
	}
	(void)pthread_mutex_lock(&fab->lock);
	free(fab->options);
	fab->options = framed;
	(void)pthread_mutex_unlock(&fab->lock);
	return 0;
}

/* Is @name, @n bytes long, in the list? Entries read "name=%d" or "name". Call with the lock held.
 */
static bool listed(const struct fab *fab, const char *name, size_t n)
{
	const char *at = fab->options;

	while (at && (at = strchr(at, ','))) {
		at++;
		if (strncmp(at, name, n) == 0 && (at[n] == '=' || at[n] == ',')) {
			return n > 0;
		}
	}
	return false;
}

bool fab_has_option(struct fab *fab, const char *name)
{
	(void)pthread_mutex_lock(&fab->lock);
	bool found = listed(fab, name, strlen(name));
	(void)pthread_mutex_unlock(&fab->lock);
	return found;
}

/* Refuse a connection string with an option that the kernel does not list. */
static int check_string(struct fab *fab, const char *text, struct err *err)
{
	int result = 0;

	(void)pthread_mutex_lock(&fab->lock);
	for (const char *part = text; part && result == 0; part = strchr(part, ',')) {
		part += *part == ',';
		size_t n = strcspn(part, "=,");
		if (!listed(fab, part, n)) {
			result = err_set(err, ERR_FAILED_PRECONDITION,
				"connect option %.*s: not known to this node's kernel; use a newer kernel "
				"or take the parameter out of the StorageClass",
				(int)MIN(n, (size_t)OPTION_NAME_SIZE), part);
		}
	}
	(void)pthread_mutex_unlock(&fab->lock);
	return result;
}

int fab_io_queues(int asked, long online)
{
	return asked == CONNECT_UNSET ? (int)MIN(MAX(online, 1L), (long)FAB_IO_QUEUES_MOST) : asked;
}

static int path_string(
	const struct fab *fab, const struct fab_path *path, struct strbuf *text, struct err *err)
{
	struct connect_options options = *path->options;

	options.nr_io_queues = fab_io_queues(options.nr_io_queues, sysconf(_SC_NPROCESSORS_ONLN));
	if (connect_string(&options, path->nqn, fab->us, path->portal, text, err) < 0) {
		return -1;
	}
	if (text->failed) {
		return err_set(err, ERR_INTERNAL, "connect %s: the connection string is too long",
			path->nqn);
	}
	return 0;
}

int fab_check_options(struct fab *fab, const struct connect_options *options, struct err *err)
{
	static const struct portal anywhere = {.addr = "127.0.0.1", .port = PORTAL_PORT_NVME};
	const struct fab_path path = {
		.nqn = NQN_PREFIX "x", .portal = &anywhere, .options = options};
	_cleanup_strbuf_ struct strbuf text = sb_init(CONNECT_STRING_MAX);

	if (path_string(fab, &path, &text, err) < 0) {
		return -1;
	}
	return check_string(fab, sb_str(&text), err);
}

/* The number after "key=" in the kernel's answer, -1 when it is not there. */
static int answer_number(const char *answer, const char *key)
{
	struct err ignored = {0};
	char digits[12];
	int64_t value;
	const char *at = strstr(answer, key);

	if (!at) {
		return -1;
	}
	at += strlen(key);
	size_t n = strspn(at, "0123456789");
	if (n >= sizeof(digits)) {
		return -1;
	}
	memcpy(digits, at, n);
	digits[n] = '\0';
	return parse_i64(key, digits, 0, INT32_MAX, &value, &ignored) == 0 ? (int)value : -1;
}

int fab_connect(const struct step *in, struct fab *fab, const struct fab_path *path,
	struct guard *guard, struct fab_result *ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = sb_init(CONNECT_STRING_MAX);
	_cleanup_free_ char *answer = NULL;
	char where[PORTAL_TEXT_SIZE];

	*ret = (struct fab_result){.instance = -1, .cntlid = -1};
	portal_print(path->portal, where);
	if (fab_ready(in, fab, guard, err) < 0 || path_string(fab, path, &text, err) < 0 ||
		check_string(fab, sb_str(&text), err) < 0) {
		return err_wrap(err, "connect %s at %s", path->nqn, where);
	}
	const char *argv[] = {VERB_CONNECT, sb_str(&text), NULL};
	if (guard_call(guard, argv, fab->host->dev, &answer, err) < 0) {
		return err_wrap(err, "connect %s at %s", path->nqn, where);
	}
	if (strncmp(answer, "errno=", strlen("errno=")) == 0) {
		ret->errnum = answer_number(answer, "errno=");
		if (ret->errnum == EALREADY) {
			ret->existed = true;
			ret->errnum = 0;
			return 0;
		}
		return fab_error(ret->errnum, path->nqn, path->portal, err);
	}
	ret->instance = answer_number(answer, "instance=");
	ret->cntlid = answer_number(answer, "cntlid=");
	return 0;
}

/* "nvme3,nvme4" of our controllers in @view. */
static void own_names(const struct subsys_view *view, struct strbuf *names)
{
	for (size_t i = 0; i < view->n_ctrls; i++) {
		if (view->ctrls[i].ours) {
			sb_addf(names, "%s%s", names->len > 0 ? "," : "", view->ctrls[i].name);
		}
	}
}

/* What still stands in the way, for the error at the deadline. */
static int still_there(const struct subsys_view *view, struct err *err)
{
	for (size_t i = 0; i < view->n_ctrls; i++) {
		const struct subsys_ctrl *ctrl = &view->ctrls[i];
		if (ctrl->ours) {
			return err_set(err, ERR_UNAVAILABLE,
				"disconnect %s: the kernel still lists %u controllers of ours, the first is %s "
				"in state '%s'; retry",
				view->nqn, view->ours_listed, ctrl->name, ctrl->state);
		}
	}
	return err_set(err, ERR_UNAVAILABLE, "disconnect %s: not finished; retry", view->nqn);
}

int fab_disconnect(const struct step *in, struct fab *fab, const char *nqn, struct guard *guard,
	struct err *err)
{
	(void)in;
	for (bool again = false;; again = true) {
		_cleanup_subsys_view_ struct subsys_view view = {.instance = -1};
		_cleanup_strbuf_ struct strbuf names = sb_init(SUBSYS_CTRLS_MAX * CTRL_NAME_SIZE);
		_cleanup_free_ char *answer = NULL;
		struct err waited = {0};

		if (subsys_scan(fab->host, nqn, fab->us, &view, err) < 0) {
			return err_wrap(err, "disconnect %s", nqn);
		}
		if (view.ours_listed == 0) {
			return 0;
		}
		/* The kernel takes a controller away before the write returns; one that is in its
		 * first connect (EBUSY) or that another process deletes needs another look. */
		if (again && deadline_poll(&guard->dl, -1, 0, FAB_GONE_POLL_MS, "disconnect",
				     &waited) < 0) {
			return still_there(&view, err);
		}
		own_names(&view, &names);
		const char *argv[] = {
			VERB_DELETE, nqn, fab->us->nqn, fab->us->id, sb_str(&names), NULL};
		if (guard_call(guard, argv, fab->host->sysfs, &answer, err) < 0) {
			return err_wrap(err, "disconnect %s", nqn);
		}
	}
}
