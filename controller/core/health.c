/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that asks. It takes no place in the backends' lanes: it is one call at a time for
 * each, and a lane that is full of calls is no reason to call the backend down.
 */
#include "controller/core/health.h"

#include "common/base/ticker.h"
#include "controller/core/member.h"

#define ARENA_MAX ((size_t)1024 * 1024)

struct watch {
	struct core_watch config;
	struct core *core;
	struct ticker *ticker;
};

/* A question that every backend must be able to answer; that it has several pools, none of which
 * was named, is an answer, too. */
static int ask(struct member *member, int cancel_fd, struct err *err)
{
	struct op op = {.arena = arena_new(ARENA_MAX), .deadline = deadline_in(CORE_WATCH_CALL_MS)};
	const struct backend_ops *ops = member->be->ops;
	struct be_capacity room;
	struct be_limits limits;
	int result;

	if (!op.arena) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to ask with");
	}
	op.deadline.cancel_fd = cancel_fd;
	result = ops->probe	 ? ops->probe(member->be, &op, err)
		 : ops->capacity ? ops->capacity(member->be, &op, "", &room, err)
				 : ops->limits(member->be, &op, &limits, err);
	arena_free(op.arena);
	return result < 0 && err->code == ERR_INVALID_ARGUMENT ? 0 : result;
}

/* One backend to look at. */
struct look {
	const struct watch *watch;
	struct member *member;
	int cancel_fd;
};

static void look_at(void *arg)
{
	const struct look *look = arg;
	const struct watch *watch = look->watch;
	struct member *member = look->member;
	struct core_health now = {.known = true};
	bool news;

	if (member_ready(member, NULL) < 0) {
		return;
	}
	now.up = ask(member, look->cancel_fd, &now.why) == 0;
	if (now.up) {
		now.why = (struct err){0};
	} else if (now.why.code == ERR_CANCELLED) {
		return;
	} else {
		(void)core_wrap_backend(member, &now.why);
	}
	(void)pthread_mutex_lock(&member->lock);
	news = !member->health.known || member->health.up != now.up;
	member->health = now;
	(void)pthread_mutex_unlock(&member->lock);
	if (news && watch->config.told) {
		watch->config.told(watch->config.arg, member->name, now.up ? NULL : &now.why);
	}
}

static int64_t look_at_all(void *arg, int cancel_fd)
{
	struct watch *watch = arg;
	struct core *core = watch->core;
	struct fan_job jobs[CORE_BACKENDS_MAX];
	struct look looks[CORE_BACKENDS_MAX];

	for (size_t i = 0; i < core->n_members; i++) {
		looks[i] = (struct look){
			.watch = watch, .member = core->members[i], .cancel_fd = cancel_fd};
		jobs[i] = (struct fan_job){.run = look_at, .arg = &looks[i]};
	}
	/* At once: one that hangs is no reason to hear late of the others. */
	fan_run(core->fan, jobs, core->n_members);
	return watch->config.every_ms;
}

int core_watch_start(struct core *core, const struct core_watch *config, struct err *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to watch the backends");
	}
	*watch = (struct watch){.config = *config, .core = core};
	watch->config.every_ms = config->every_ms ? config->every_ms : CORE_WATCH_MS;
	core->watch = watch;
	return ticker_start("backends", 0, look_at_all, watch, &watch->ticker, err);
}

void core_watch_end(struct core *core)
{
	struct watch *watch = TAKE_PTR(core->watch);
	/* The call under way is cancelled. */
	struct deadline dl = deadline_in(INT64_MAX);

	if (!watch) {
		return;
	}
	(void)ticker_stop(watch->ticker, &dl);
	free(watch);
}

const char *core_backend_health(struct core *core, size_t i, struct core_health *ret)
{
	struct member *member = core->members[i];

	(void)pthread_mutex_lock(&member->lock);
	*ret = member->health;
	(void)pthread_mutex_unlock(&member->lock);
	ret->busy = lane_busy(&member->lane);
	if (member->be->ops->link) {
		member->be->ops->link(member->be, &ret->link);
	}
	return member->name;
}
