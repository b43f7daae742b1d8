/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad line: a Unix socket that passes HTTP requests on to another one, and on command loses the
 * next request that changes something, or its answer. So that a real agent can be tested with
 * unknown outcomes. One thread per connection; nothing is kept between requests.
 */
#pragma once

#include "test/backend/conformance/suite.h"

struct lossy;

/** lossy_start - listen on a socket of its own in front of @upstream (a path). Return: 0, or -1. */
MUST_USE int lossy_start(const char *upstream, struct lossy **ret, struct err *err);
/** lossy_url - "unix:///..." to connect to; lives as long as the proxy. */
const char *lossy_url(const struct lossy *lossy);
/** lossy_arm - do @loss to the next request that is not a GET. Return: false when it cannot. */
bool lossy_arm(struct lossy *lossy, enum loss loss);
/** lossy_stop - the clients are closed; accepts NULL. */
void lossy_stop(struct lossy *lossy);
