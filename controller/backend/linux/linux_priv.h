/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the linux backend share: the open backend, calls of the API, and the reading of
 * its answers.
 */
#pragma once

#include "common/http/token.h"
#include "common/json/json.h"
#include "common/nvmf/nqn.h"
#include "controller/backend/backend.h"

#include <pthread.h>

/** Largest answer taken, and largest request made, in bytes. */
#define LINUX_ANSWER_MAX ((size_t)8 * 1024 * 1024)
#define LINUX_REQUEST_MAX ((size_t)32 * 1024)
/** Most entries of one page: each may be some 4 KiB of metadata and up to 1024 hosts. */
#define LINUX_PAGE_MAX 100
/** Most pools, and hosts of one volume, in an answer. */
#define LINUX_POOLS_MAX 256
#define LINUX_HOSTS_MAX 1024
/** How long what /v1/info says is taken as true, in ms. */
#define LINUX_INFO_MS 60000
/** Longest configured name or path. */
#define LINUX_TEXT_MAX 256

struct linux_backend {
	struct backend be;
	char name[LINUX_TEXT_MAX];
	char instance[INSTANCE_MAX + 1];
	char pool[BE_POOL_MAX + 1]; /* "" : none configured */
	struct http_client *client;
	struct http_token *token;

	pthread_mutex_t lock; /* of what follows; never held over I/O */
	struct be_limits limits;
	int64_t limits_until_ms; /* 0: not known */
	bool confirmed;		 /* /v1/info answered once: this is an agent */
};

static inline struct linux_backend *linux_of(struct backend *be)
{
	return container_of(be, struct linux_backend, be);
}

/**
 * linux_get - GET @path. Return: 0 and the document, or -1 with the code of
 * docs/backend-contract.md and a message that begins with the backend's name. NOT_FOUND only from
 * an agent.
 */
MUST_USE int linux_get(struct linux_backend *lb, const struct op *op, const char *path,
	struct js_doc **ret_doc, struct err *err);

/** struct linux_change - a request that changes something. */
struct linux_change {
	const char *method;
	const char *path;
	const struct js *body; /* NULL: none */
};
/** linux_send - the same for @change. @ret_doc NULL: it must answer 204, which is
 * how a DELETE says that it is done; any other success leaves the outcome unknown. */
MUST_USE int linux_send(const struct step *in, struct linux_backend *lb, const struct op *op,
	const struct linux_change *change, struct js_doc **ret_doc, struct err *err);
/** linux_limits - from /v1/info, kept for LINUX_INFO_MS. */
MUST_USE int linux_limits(
	struct linux_backend *lb, const struct op *op, struct be_limits *ret, struct err *err);
/** linux_path - "/v1/<collection>/<object><rest>" in the request's arena; NULL when it is full. */
char *linux_path(const struct op *op, const char *collection, const char *object, const char *rest);
/** linux_garbage - the answer is not what the API says (the reason is in @err): UNAVAILABLE, as
 * nothing is known. Return: always -1. */
int linux_garbage(const struct linux_backend *lb, struct err *err);

/*
 * Reading answers. Strings come to live in the arena. What has not the shape of the API fails with
 * UNAVAILABLE (linux_garbage()).
 */
MUST_USE int linux_read_volume(struct linux_backend *lb, const struct op *op,
	const struct js_at *at, struct be_volume *ret, struct err *err);
MUST_USE int linux_read_snapshot(struct linux_backend *lb, const struct op *op,
	const struct js_at *at, struct be_snapshot *ret, struct err *err);
MUST_USE int linux_read_export(
	struct linux_backend *lb, const struct js_at *at, struct attach_info *ret, struct err *err);

/** struct linux_pool - of an answer of /v1/pools. */
struct linux_pool {
	const char *name;
	bool ready;
	const char *reason; /* why it is not ready */
	int64_t available;
	int64_t size;
	int64_t free;
};
/** linux_pools - all of them. */
MUST_USE int linux_pools(struct linux_backend *lb, const struct op *op,
	struct linux_pool **ret_pools, size_t *ret_n, struct err *err);
/**
 * linux_pool_choose - @wanted, else the configured one, else the only one, which is asked for.
 * Return: 0, or -1 (INVALID_ARGUMENT listing them).
 */
MUST_USE int linux_pool_choose(struct linux_backend *lb, const struct op *op, const char *wanted,
	const char **ret_name, struct err *err);
/** linux_metadata - the JSON object kept with an object: the CSI name and @metadata. */
struct js *linux_metadata(const char *name, struct kv_list metadata);

/** struct linux_page - one page as it came, for the reader of its kind. */
struct linux_page {
	struct js_doc *doc; /* owned; linux_page_done() */
	struct js_at items; /* the array; ids ascend and are beyond the token */
	const char *next;   /* in the arena, "" at the end */
};
/** linux_page_get - ask for one page of @collection ("volumes") and check its frame. */
MUST_USE int linux_page_get(struct linux_backend *lb, const struct op *op, const char *collection,
	const struct be_page *page, struct linux_page *ret, struct err *err);

static inline void linux_page_done(struct linux_page *page)
{
	js_doc_free(page->doc);
}
