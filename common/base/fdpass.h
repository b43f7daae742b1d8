/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors over a Unix socket: how a child of the helper gets more than the one descriptor of
 * its call, and hands back one that it opened.
 */
#pragma once

#include "common/base/err.h"

/** Most descriptors in one message. */
#define FDPASS_MAX 4

/** fdpass_send - one message with @n (1 to FDPASS_MAX) descriptors; they stay open here. Return: 0,
 * or -1. */
MUST_USE int fdpass_send(int sock, const int *fds, size_t n, struct err *err);
/**
 * fdpass_receive - take one message with exactly @n descriptors, close-on-exec; waits while the
 * other side is open. Return: 0, or -1 UNAVAILABLE when the other side closed or sent another
 * number.
 */
MUST_USE int fdpass_receive(int sock, int *ret_fds, size_t n, struct err *err);
