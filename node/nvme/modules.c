/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkmod on the modules of the running kernel; it knows which ones are built in.
 */
#include "node/nvme/modules.h"

#include <errno.h>
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

static int insert(struct kmod_ctx *ctx, const char *release, struct err *err)
{
	struct kmod_list *list = NULL;
	struct kmod_list *item;
	int done = 0;

	int found = kmod_module_new_from_lookup(ctx, MODULE, &list);
	if (found < 0 || !list) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"kernel module " MODULE
			": not found in /lib/modules/%s; install it on the node and "
			"mount /lib/modules into the container",
			release);
	}
	kmod_list_foreach(item, list)
	{
		struct kmod_module *module = kmod_module_get_module(item);
		int result = kmod_module_probe_insert_module(
			module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);
		if (result < 0 && result != -EEXIST) {
			done = err_set(err, ERR_FAILED_PRECONDITION,
				"kernel module %s: could not be loaded: %s",
				kmod_module_get_name(module), strerrordesc_np(-result));
		} else if (result == KMOD_PROBE_APPLY_BLACKLIST) {
			done = err_set(err, ERR_FAILED_PRECONDITION,
				"kernel module %s: is on the node's deny list in modprobe.d",
				kmod_module_get_name(module));
		}
		(void)kmod_module_unref(module);
		if (done < 0) {
			break;
		}
	}
	(void)kmod_module_unref_list(list);
	return done;
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
	int result = insert(ctx, uts.release, err);
	(void)kmod_unref(ctx);
	if (result == 0 && faccessat(host->dev, "nvme-fabrics", F_OK, 0) != 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"/dev/nvme-fabrics: not there though " MODULE
			" is loaded; the container needs the node's /dev");
	}
	return result;
}
