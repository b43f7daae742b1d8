/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csic: one call to a CSI plugin (or to a plugin's registration socket), JSON in and out.
 */
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/rpc/client.h"
#include "proto/csi.pb-c.h"
#include "proto/pluginregistration.pb-c.h"
#include "test/tools/pbjson.h"

#include <getopt.h>
#include <stdio.h>

#define TIMEOUT_S 60
#define TIMEOUT_MAX_S 86400
#define REQUEST_MAX ((size_t)(1 * MIB))

enum { EXIT_RPC = 1, EXIT_USAGE = 2 };

static const ProtobufCServiceDescriptor *const services[] = {
	&csi__v1__identity__descriptor,
	&csi__v1__controller__descriptor,
	&csi__v1__group_controller__descriptor,
	&csi__v1__snapshot_metadata__descriptor,
	&csi__v1__node__descriptor,
	&pluginregistration__registration__descriptor,
};

static const char usage[] =
	"Usage: csic --socket PATH [--timeout SECONDS] [--wait] RPC [JSON | -]\n"
	"       csic --list\n"
	"\n"
	"Call RPC of the CSI plugin that listens at PATH and print its answer as JSON.\n"
	"RPC is a name such as CreateVolume or csi.v1.Controller/CreateVolume. JSON is the\n"
	"request, {} when it is not given; - reads it from standard input, which keeps secrets\n"
	"out of the process list. Several requests there are called with one after the other, over\n"
	"one connection, until one fails.\n"
	"\n"
	"Fields have the names of csi.proto (volume_id), int64 are numbers, maps are objects,\n"
	"enums are names, a Timestamp is {\"seconds\": ..., \"nanos\": ...}, BoolValue and Int64Value\n"
	"are bare values. Fields that have their default are not printed.\n"
	"\n"
	"  -s, --socket PATH      the plugin's socket, a path or unix:///path\n"
	"  -t, --timeout SECONDS  the call's deadline, 60 if not given\n"
	"  -w, --wait             wait for a plugin that does not listen yet, up to the timeout\n"
	"  -l, --list             print the RPCs that are known\n"
	"  -h, --help             print this\n"
	"\n"
	"Exit status: 0 when the call succeeded, 1 when it failed (\"CODE: message\" on standard\n"
	"error), 2 when the call could not be made from these arguments.\n";

struct arguments {
	const char *socket;
	int64_t timeout_s;
	bool wait;
	const char *rpc;
	const char *json;
};

struct method {
	char path[128];
	const ProtobufCMethodDescriptor *type;
};

/* protobuf-c does not keep which methods stream. */
static bool streams(const char *name)
{
	return streq(name, "GetMetadataAllocated") || streq(name, "GetMetadataDelta");
}

static void list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (unsigned m = 0; m < services[i]->n_methods; m++) {
			(void)printf("%s/%s%s\n", services[i]->name, services[i]->methods[m].name,
				streams(services[i]->methods[m].name)
					? " (streams: cannot be called)"
					: "");
		}
	}
}

static int find_method(const char *name, struct method *ret, struct err *err)
{
	const char *wanted = name[0] == '/' ? name + 1 : name;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (unsigned m = 0; m < services[i]->n_methods; m++) {
			const ProtobufCMethodDescriptor *type = &services[i]->methods[m];

			(void)snprintf(ret->path, sizeof(ret->path), "/%s/%s", services[i]->name,
				type->name);
			if (!streq(type->name, wanted) && !streq(ret->path + 1, wanted)) {
				continue;
			}
			if (streams(type->name)) {
				return err_set(err, ERR_INVALID_ARGUMENT,
					"RPC %s: streams its answers, which csic does not support",
					name);
			}
			ret->type = type;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "RPC %s: is not known; see csic --list", name);
}

/* Return: 0 to go on, -1 with @err, 1 when all is done. */
static int parse_arguments(int argc, char **argv, struct arguments *ret, struct err *err)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"timeout", required_argument, NULL, 't'},
		{"wait", no_argument, NULL, 'w'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*ret = (struct arguments){.timeout_s = TIMEOUT_S, .rpc = "", .json = "{}"};
	/* One thread only, before any other is there. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((option = getopt_long(argc, argv, "s:t:wlh", options, NULL)) >= 0) {
		switch (option) {
		case 's':
			ret->socket = optarg;
			break;
		case 't':
			if (parse_i64("--timeout", optarg, 1, TIMEOUT_MAX_S, &ret->timeout_s, err) <
				0) {
				return -1;
			}
			break;
		case 'w':
			ret->wait = true;
			break;
		case 'l':
			list();
			return 1;
		case 'h':
			(void)fputs(usage, stdout);
			return 1;
		default:
			return err_set(err, ERR_INVALID_ARGUMENT, "see csic --help");
		}
	}
	if (argc - optind < 1 || argc - optind > 2) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"an RPC and at most one request are wanted; see csic --help");
	}
	ret->rpc = argv[optind];
	ret->json = argc - optind == 2 ? argv[optind + 1] : ret->json;
	if (!ret->socket) {
		return err_set(err, ERR_INVALID_ARGUMENT, "--socket: is missing; see csic --help");
	}
	return 0;
}

/* more_requests - is there anything but blanks on standard input? */
static bool more_requests(void)
{
	int c;

	do {
		c = getchar();
	} while (c == ' ' || c == '\n' || c == '\t' || c == '\r');
	return c != EOF && ungetc(c, stdin) != EOF;
}

static int read_request(const char *text, json_t **ret, struct err *err)
{
	json_error_t why;

	if (streq(text, "-")) {
		*ret = json_loadf(stdin, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &why);
	} else {
		*ret = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	}
	if (!*ret) {
		return err_set(err, ERR_INVALID_ARGUMENT, "request: line %d column %d: %s",
			why.line, why.column, why.text);
	}
	return 0;
}

static int print_answer(const ProtobufCMessage *answer)
{
	json_t *json = pbjson_print(answer);
	int result = -1;

	if (json && json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 &&
		putchar('\n') == '\n' && fflush(stdout) == 0) {
		result = 0;
	}
	json_decref(json);
	return result;
}

static int fail(int status, const struct err *err)
{
	if (status == EXIT_RPC) {
		(void)fprintf(stderr, "%s: %s\n", err_code_name(err->code), err->msg);
	} else {
		(void)fprintf(stderr, "csic: %s\n", err->msg);
	}
	return status;
}

static int call(struct rpc_client *client, int64_t timeout_s, const struct method *method,
	const ProtobufCMessage *request)
{
	struct deadline dl = deadline_in(timeout_s * 1000);
	ProtobufCMessage *answer = NULL;
	struct err err = {0};
	int status = 0;

	if (rpc_client_call(
		    client, method->path, request, method->type->output, &dl, &answer, &err) < 0) {
		status = fail(EXIT_RPC, &err);
	} else if (print_answer(answer) < 0) {
		(void)err_set(&err, ERR_INTERNAL, "the answer could not be printed");
		status = fail(EXIT_RPC, &err);
	}
	if (answer) {
		protobuf_c_message_free_unpacked(answer, NULL);
	}
	return status;
}

static int call_next(
	struct rpc_client *client, const struct arguments *arguments, const struct method *method)
{
	struct arena *arena = arena_new(REQUEST_MAX);
	ProtobufCMessage *request = NULL;
	json_t *json = NULL;
	struct err err = {0};
	int status;

	if (!arena) {
		(void)err_set(&err, ERR_RESOURCE_EXHAUSTED, "no memory");
		return fail(EXIT_USAGE, &err);
	}
	if (read_request(arguments->json, &json, &err) < 0 ||
		pbjson_read(json, method->type->input, arena, &request, &err) < 0) {
		status = fail(EXIT_USAGE, &err);
	} else {
		status = call(client, arguments->timeout_s, method, request);
	}
	json_decref(json);
	arena_free(arena);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct rpc_client *client = NULL;
	struct method method = {0};
	struct err err = {0};
	int status = parse_arguments(argc, argv, &arguments, &err);

	if (status != 0) {
		return status > 0 ? 0 : fail(EXIT_USAGE, &err);
	}
	if (find_method(arguments.rpc, &method, &err) < 0 ||
		rpc_client_new(arguments.socket, &client, &err) < 0) {
		return fail(EXIT_USAGE, &err);
	}
	rpc_client_wait(client, arguments.wait);
	do {
		status = call_next(client, &arguments, &method);
	} while (status == 0 && streq(arguments.json, "-") && more_requests());
	rpc_client_free(client);
	return status;
}
