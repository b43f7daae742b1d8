/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be right about a Unix socket before and after gRPC binds it: gRPC removes whatever
 * socket is in the way, living or not, and leaves the mode to the umask. Used in common/rpc only.
 */
#pragma once

#include "common/rpc/server.h"

/** The mode that a socket is born with; nobody else can connect before rpc_socket_own(). */
#define RPC_SOCKET_UMASK 0177

/**
 * rpc_socket_lock - open (and make) @path and lock it; the lock ends when *ret_fd is closed.
 * Return: 0, or -1 UNAVAILABLE when another process still holds it at the end of @wait.
 */
MUST_USE int rpc_socket_lock(
	const char *path, const struct deadline *wait, int *ret_fd, struct err *err);

/** rpc_socket_connect - a connection that does not block. Return: it, or -1 with errno (EAGAIN: the
 * listener's queue is full). */
MUST_USE int rpc_socket_connect(const char *path);

/**
 * rpc_socket_prepare - is there nothing at @socket's path, or only what a process left that is
 * gone? Return: 0, or -1: UNAVAILABLE when somebody answers there, FAILED_PRECONDITION when it is
 * no socket.
 */
MUST_USE int rpc_socket_prepare(const struct rpc_socket *socket, struct err *err);

/** rpc_socket_own - give the bound socket its group and mode. Return: 0, or -1 with the errno's
 * code. */
MUST_USE int rpc_socket_own(const struct rpc_socket *socket, struct err *err);
