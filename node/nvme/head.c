/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a disk by its identity. Events shorten the wait, sysfs decides.
 */
#include "node/nvme/head.h"

#include "common/base/fileio.h"
#include "node/nvme/subsys_read.h"

#include <stdio.h>

#define WHY_SIZE ERR_MSG_MAX

/* struct search - one wait. */
struct search {
	struct fab *fab;
	const struct head_want *want;
	struct subsys_view view;
	struct uev_waiter *waiter;
	char prefix[DISK_NAME_SIZE]; /* "nvme3n": the disks of our subsystem */
	bool multipath;
	bool growing;		/* the size is on its way: wait for it as long as may be */
	int64_t small_since_ms; /* -1: not seen too small */
};

/* Read sysfs again; what is known to be there is read cheaply. */
static int look(struct search *s, struct err *err)
{
	const struct host_paths *host = fab_host(s->fab);
	const struct host_identity *us = fab_identity(s->fab);

	if (s->view.found && subsys_rescan(host, us, &s->view, err) < 0) {
		return -1;
	}
	if (!s->view.found) {
		subsys_view_done(&s->view);
		if (subsys_scan(host, s->want->nqn, us, &s->view, err) < 0) {
			return -1;
		}
	}
	/* Without multipath, disks are named after controllers: then every event is looked at. */
	if (s->view.instance >= 0 && s->multipath) {
		const struct uev_filter filter = {.sysname = s->prefix};
		(void)snprintf(s->prefix, sizeof(s->prefix), "nvme%dn", s->view.instance);
		uev_waiter_filter(s->waiter, &filter);
	}
	return 0;
}

/* Return: the disk when it is all that is wanted; NULL to wait on; NULL with @err when it never
 * will. */
static const struct subsys_disk *judge(struct search *s, struct err *err)
{
	const struct subsys_disk *disk = subsys_find_disk(&s->view, s->want->ident, err);

	if (!disk || !disk->ready) {
		return NULL;
	}
	if (disk->size >= (uint64_t)s->want->min_size) {
		return disk;
	}
	int64_t now = clock_ms();
	if (s->small_since_ms < 0) {
		s->small_since_ms = now;
	}
	if (!s->growing && now - s->small_since_ms >= HEAD_SIZE_WAIT_MS) {
		(void)err_set(err, ERR_FAILED_PRECONDITION,
			"%s of %s: the device has %llu bytes, the volume needs %lld; the target exports "
			"another size than was recorded",
			disk->name, s->want->nqn, (unsigned long long)disk->size,
			(long long)s->want->min_size);
	}
	return NULL;
}

struct ana_look {
	int dirfd;
	const struct ns_ident *want;
	char state[CTRL_STATE_SIZE];
};

/* A name in a controller's folder: the hidden path disk of our namespace? */
static int on_path_disk(const char *name, void *arg)
{
	struct ana_look *look_at = arg;
	struct ns_ident ident;

	if (!sys_is_path_disk(name)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(look_at->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_read_ident(fd, &ident);
	if (!sys_ident_touches(look_at->want, &ident)) {
		return 0;
	}
	sys_attr(fd, "ana_state", look_at->state, sizeof(look_at->state));
	return 1;
}

/* Does controller @i know the namespace? @ret: its ANA state there. */
static bool ana_state_at(const struct search *s, size_t i, char ret[CTRL_STATE_SIZE])
{
	struct ana_look look_at = {.want = s->want->ident};
	struct err ignored = {0};
	_cleanup_close_ int fd =
		sys_open_dirf(fab_host(s->fab)->sysfs, "class/nvme/%s", s->view.ctrls[i].name);

	look_at.dirfd = fd;
	if (fd < 0 || dir_each(fd, ".", on_path_disk, &look_at, &ignored) != 1) {
		return false;
	}
	(void)snprintf(ret, CTRL_STATE_SIZE, "%s", look_at.state);
	return true;
}

/* Do live paths of ours lead to the namespace, and the target lets none of them be used? */
static bool kept_away(const struct search *s)
{
	char state[CTRL_STATE_SIZE];
	bool seen = false;

	for (size_t i = 0; i < s->view.n_ctrls; i++) {
		const struct subsys_ctrl *ctrl = &s->view.ctrls[i];

		if (!ctrl->ours || !ctrl->live || !ana_state_at(s, i, state)) {
			continue;
		}
		if (sys_ana_usable(state)) {
			return false;
		}
		seen = true;
	}
	return seen;
}

/* The namespace may be known to a controller and yet have no usable path: say its ANA state. */
static bool ana_keeps_away(const struct search *s, char *out, size_t size)
{
	char state[CTRL_STATE_SIZE];

	for (size_t i = 0; i < s->view.n_ctrls; i++) {
		if (ana_state_at(s, i, state)) {
			(void)snprintf(out, size,
				"controller %s sees the namespace, but no path to it is usable (ANA state "
				"'%s')",
				s->view.ctrls[i].name, state);
			return true;
		}
	}
	return false;
}

/* Why is the disk not there? */
static void explain(const struct search *s, char *out, size_t size)
{
	const struct subsys_view *view = &s->view;

	for (size_t i = 0; i < view->n_disks; i++) {
		struct err differs = {0};
		const struct subsys_disk *disk = &view->disks[i];
		if (sys_ident_touches(s->want->ident, &disk->ident) &&
			!sys_ident_match(disk->name, s->want->ident, &disk->ident, &differs)) {
			(void)snprintf(out, size, "%s", differs.msg);
			return;
		}
	}
	if (s->small_since_ms >= 0) {
		(void)snprintf(out, size,
			"its disk is there and still smaller than %lld bytes; the target has not grown it "
			"yet, or has not told",
			(long long)s->want->min_size);
		return;
	}
	if (ana_keeps_away(s, out, size)) {
		return;
	}
	if (view->ours == 0) {
		(void)snprintf(out, size, "the kernel has no connection of this node to it");
	} else if (view->ours_live == 0) {
		(void)snprintf(out, size, "none of its %u connections is live", view->ours);
	} else {
		(void)snprintf(out, size,
			"%u live connections, %zu namespaces, none with the volume's identity: it is not "
			"exported to this node, or the kernel ignores it since another subsystem of this "
			"node has the same identity",
			view->ours_live, view->n_disks);
	}
}

static int gave_up(const struct search *s, const struct err *waited, struct err *err)
{
	char why[WHY_SIZE];

	explain(s, why, sizeof(why));
	return err_set(err, waited->code, "device of %s: not there in time: %s", s->want->nqn, why);
}

static int search_run(const struct step *in, struct search *s, const struct deadline *dl,
	struct subsys_disk *ret, struct err *err)
{
	int64_t next_rescan = clock_ms() + HEAD_RESCAN_MS;

	for (;;) {
		struct err own = {0};
		struct err waited = {0};

		if (look(s, err) < 0) {
			return err_wrap(err, "device of %s", s->want->nqn);
		}
		const struct subsys_disk *disk = judge(s, &own);
		if (disk) {
			*ret = *disk;
			return 0;
		}
		if (own.code != ERR_OK) {
			return err_set(err, own.code, "%s", own.msg);
		}
		int64_t now = clock_ms();
		if (now >= next_rescan) {
			/* An event of the target may have been lost. */
			if (fab_rescan(in, s->fab, s->want->nqn, err) < 0) {
				return -1;
			}
			if (s->want->kept_away && kept_away(s) &&
				s->want->kept_away(in, s->want->arg, err) < 0) {
				return -1;
			}
			next_rescan = now + HEAD_RESCAN_MS;
		}
		if (uev_wait(s->waiter, next_rescan - now, dl, "wait for the device", &waited) <
			0) {
			return gave_up(s, &waited, err);
		}
	}
}

static int search(const struct step *in, struct search *s, struct uev *uev,
	const struct deadline *dl, struct subsys_disk *ret, struct err *err)
{
	s->view.instance = -1;
	s->small_since_ms = -1;
	if (!ns_ident_known(s->want->ident)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"device of %s: no NGUID, UUID or EUI-64 is known to find it by",
			s->want->nqn);
	}
	if (uev_waiter_new(uev, NULL, &s->waiter, err) < 0) {
		return -1;
	}
	s->multipath = subsys_multipath(fab_host(s->fab));
	int result = search_run(in, s, dl, ret, err);
	uev_waiter_free(s->waiter);
	subsys_view_done(&s->view);
	return result;
}

int head_wait(const struct step *in, struct fab *fab, struct uev *uev, const struct head_want *want,
	const struct deadline *dl, struct subsys_disk *ret, struct err *err)
{
	struct search s = {.fab = fab, .want = want};

	return search(in, &s, uev, dl, ret, err);
}

int head_wait_size(const struct step *in, struct fab *fab, struct uev *uev,
	const struct head_want *want, const struct deadline *dl, struct subsys_disk *ret,
	struct err *err)
{
	struct search s = {.fab = fab, .want = want, .growing = true};

	if (fab_rescan(in, fab, want->nqn, err) < 0) {
		return -1;
	}
	return search(in, &s, uev, dl, ret, err);
}
