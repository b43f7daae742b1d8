/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API of nvmetcp-target on a port of loopback, over an agent on two pools of files and an
 * emulation of the kernel's configfs: all that the program has above the kernel. There is a volume
 * "a" in the pool "one". Prints the port, and serves until its standard input ends.
 *
 * Usage: served TOKEN
 */
#include "test/unit/target/api/apifix.h"

static int run(const char *token)
{
	struct secret *secret = secret_new(token, strlen(token));
	struct http_server_options options = {
		.address = "127.0.0.1:0", .max_body = API_BODY_MAX, .token = secret};
	struct http_server *server = NULL;
	struct err err = {0};
	char byte;

	options.routes = api_routes(&options.n_routes);
	options.self = served.api;
	options.event = api_event;
	if (http_server_start(&options, &server, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	secret_unref(secret);
	emu.quiet = true;
	make_volume("a");
	(void)printf("%u\n", (unsigned)http_server_port(server));
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	struct deadline dl = soon();

	if (!http_server_stop(server, &dl)) {
		return 1;
	}
	http_server_free(server);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s TOKEN\n", argv[0]);
		return 2;
	}
	if (http_global_init(&err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	(void)api_setup(NULL);
	int rc = run(argv[1]);

	(void)api_teardown(NULL);
	http_global_cleanup();
	return rc;
}
