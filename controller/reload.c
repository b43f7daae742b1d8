/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread. The file is read whole and its bytes are compared, so whatever way it was replaced
 * (kubelet swaps a symbolic link, people move files), it is seen, and half a file is never taken
 * for a whole one that would parse.
 */
#include "controller/reload.h"

#include "common/base/fileio.h"
#include "common/base/ticker.h"

#include <fcntl.h>
#include <stdio.h>

struct reload {
	struct reload_config config;
	struct config in_force;
	char refused[ERR_MSG_MAX]; /* what was told last, "" when the file is in force */
	struct ticker *ticker;
};

static void tell(struct reload *reload, const struct config_change *change, const struct err *why)
{
	/* The same complaint every few seconds is no news. */
	if (why && streq(why->msg, reload->refused)) {
		return;
	}
	(void)snprintf(reload->refused, sizeof(reload->refused), "%s", why ? why->msg : "");
	reload->config.told(reload->config.arg, change, why);
}

static void tell_gone(struct reload *reload, const struct core *old, const struct core *core)
{
	for (size_t i = 0; i < core_backend_count(old); i++) {
		const char *name = core_backend_name(old, i);

		for (size_t k = 0; name && k < core_backend_count(core); k++) {
			if (streq(core_backend_name(core, k), name)) {
				name = NULL;
			}
		}
		if (name) {
			reload->config.gone(reload->config.arg, name);
		}
	}
}

/* @core comes into force. Looks at the backends go over to it: there is one at a time. */
static void put_in_force(struct reload *reload, struct core *old, struct core *core)
{
	struct err why = {0};

	core_watch_end(old);
	current_replace(reload->config.current, core_ref(core));
	tell_gone(reload, old, core);
	if (core_watch_start(core, &reload->config.watch, &why) < 0) {
		tell(reload, NULL, &why);
	}
}

/* Return: 0, also when there is nothing new, or -1: the file is refused. */
static int take_over(struct reload *reload, const char *text, size_t len, struct err *err)
{
	_cleanup_core_ struct core *old = current_core(reload->config.current);
	_cleanup_core_ struct core *core = NULL;
	struct config_change change;
	struct config next;

	if (config_parse(reload->config.path, text, len, reload->config.driver, &next, err) < 0) {
		return -1;
	}
	if (config_follow(&next, &reload->in_force, old, &core, &change, err) < 0) {
		config_done(&next);
		return -1;
	}
	config_done(&reload->in_force);
	reload->in_force = next;
	put_in_force(reload, old, core);
	tell(reload, &change, NULL);
	return 0;
}

static void look(struct reload *reload)
{
	_cleanup_free_ char *text = NULL;
	struct err why = {0};
	size_t len;

	if (file_read(AT_FDCWD, reload->config.path, CONFIG_FILE_MAX, &text, &len, &why) < 0) {
		tell(reload, NULL, &why);
		return;
	}
	if (streq(text, reload->in_force.text)) {
		/* Perhaps it was another one meanwhile, that was refused. */
		if (*reload->refused) {
			tell(reload, &(struct config_change){.kept = reload->in_force.n_backends},
				NULL);
		}
		return;
	}
	if (take_over(reload, text, len, &why) < 0) {
		tell(reload, NULL, &why);
	}
}

static int64_t look_again(void *arg, int cancel_fd UNUSED)
{
	struct reload *reload = arg;

	look(reload);
	return reload->config.every_ms;
}

static int start(struct reload *reload, struct err *err)
{
	_cleanup_core_ struct core *core = current_core(reload->config.current);

	return core_watch_start(core, &reload->config.watch, err) < 0
		       ? -1
		       : ticker_start("config", reload->config.every_ms, look_again, reload,
				 &reload->ticker, err);
}

int reload_start(const struct reload_config *config, struct config *take_config,
	struct reload **ret_reload, struct err *err)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (!reload) {
		config_done(take_config);
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "no memory to look at the configuration");
	}
	*reload = (struct reload){.config = *config, .in_force = *take_config};
	*take_config = (struct config){0};
	reload->config.every_ms = config->every_ms ? config->every_ms : RELOAD_EVERY_MS;
	if (start(reload, err) < 0) {
		reload_stop(reload);
		return -1;
	}
	*ret_reload = reload;
	return 0;
}

void reload_stop(struct reload *reload)
{
	struct deadline dl = deadline_in(INT64_MAX);
	_cleanup_core_ struct core *core = NULL;

	if (!reload) {
		return;
	}
	(void)ticker_stop(reload->ticker, &dl);
	core = current_core(reload->config.current);
	core_watch_end(core);
	config_done(&reload->in_force);
	free(reload);
}
