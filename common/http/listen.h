/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket of the server. Inside this folder only.
 */
#pragma once

#include "common/http/server.h"

/** struct http_listener - a bound, listening socket. */
struct http_listener {
	int fd;
	uint16_t port; /* 0 on a Unix socket */
	bool loopback; /* nobody outside this machine can reach it */
};

/**
 * listener_open - bind to what the options say. Return: 0, or -1 (INVALID_ARGUMENT for a malformed
 * address, ALREADY_EXISTS when another process serves there, else the error of the socket).
 */
MUST_USE int listener_open(
	const struct http_server_options *options, struct http_listener *ret, struct err *err);
