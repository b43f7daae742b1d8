/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkmod on the modules of the running kernel; it knows which ones are built in.
 */
#include "node/nvme/modules.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include <libkmod.h>

#define MODULE "nvme-tcp"

static bool present(const struct host_paths *host)
{
	return faccessat(host->dev, "nvme-fabrics", F_OK, 0) == 0 &&
	       faccessat(host->sysfs, "module/nvme_tcp", F_OK, 0) == 0;
}

static void drop_kmod_log(void *data, int priority, const char *file, int line, const char *fn,
	const char *format, va_list args)
{
	/* Its results are errors of ours; it must not write to stderr beside our lines. */
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	(void)format;
	(void)args;
}

/* The one text for whoever looks at the pod that does not start, with what to do. */
static int cannot(
	const struct host_paths *host, const char *release, const char *why, struct err *err)
{
	return err_set(err, ERR_FAILED_PRECONDITION,
		"the kernel module " MODULE
		" cannot be loaded on node %s (kernel %s): %s; then the "
		"next try goes on by itself ('modprobe " MODULE
		"' on the node shows whether it works)",
		host->node_name ? host->node_name : "this one", release, why);
}

static int insert(
	const struct host_paths *host, struct kmod_ctx *ctx, const char *release, struct err *err)
{
	struct kmod_list *list = NULL;
	struct kmod_list *item;
	char why[384];
	int done = 0;

	int found = kmod_module_new_from_lookup(ctx, MODULE, &list);
	if (found < 0 || !list) {
		(void)snprintf(why, sizeof(why),
			"it is not in the node's /lib/modules/%s; install the package of the kernel that has "
			"it (linux-modules-extra-%s on Ubuntu, kernel-modules on Fedora and RHEL)",
			release, release);
		return cannot(host, release, why, err);
	}
	kmod_list_foreach(item, list)
	{
		struct kmod_module *module = kmod_module_get_module(item);
		int result = kmod_module_probe_insert_module(
			module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);
		if (result < 0 && result != -EEXIST) {
			(void)snprintf(why, sizeof(why),
				"%s: %s; see dmesg on the node and mend what it says",
				kmod_module_get_name(module), strerrordesc_np(-result));
			done = cannot(host, release, why, err);
		} else if (result == KMOD_PROBE_APPLY_BLACKLIST) {
			(void)snprintf(why, sizeof(why),
				"%s is on a deny list; take it out of /etc/modprobe.d",
				kmod_module_get_name(module));
			done = cannot(host, release, why, err);
		}
		(void)kmod_module_unref(module);
		if (done < 0) {
			break;
		}
	}
	(void)kmod_module_unref_list(list);
	return done;
}

int modules_check(const struct host_paths *host, struct err *err)
{
	if (present(host)) {
		return 0;
	}
	return err_set(err, ERR_FAILED_PRECONDITION,
		"/dev/nvme-fabrics: is not there: the kernel module " MODULE
		" is not loaded on node "
		"%s, so no volume can be attached; the log says why it could not be loaded at the "
		"start. Load it with 'modprobe " MODULE
		"' on the node, after installing the package "
		"of the kernel that has it (linux-modules-extra on Ubuntu, kernel-modules on Fedora "
		"and RHEL)",
		host->node_name ? host->node_name : "this one");
}

int modules_ready(const struct step *in, const struct host_paths *host, struct err *err)
{
	struct utsname uts;

	(void)in;
	if (present(host)) {
		return 0;
	}
	if (uname(&uts) < 0) {
		return err_errno(err, errno, "kernel release");
	}
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	if (!ctx) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "libkmod: out of memory");
	}
	kmod_set_log_fn(ctx, drop_kmod_log, NULL);
	int result = insert(host, ctx, uts.release, err);
	(void)kmod_unref(ctx);
	if (result == 0 && faccessat(host->dev, "nvme-fabrics", F_OK, 0) != 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"/dev/nvme-fabrics: not there though " MODULE
			" is loaded; the container needs the node's /dev");
	}
	return result;
}
