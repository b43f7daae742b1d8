/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad line: a socket that passes requests on to another one, HTTP or bare JSON-RPC, and on
 * command loses one that changes something, or its answer. So that a real agent can be tested with
 * unknown outcomes. One thread per connection; nothing is kept between requests.
 */
#pragma once

#include "test/backend/conformance/suite.h"

struct lossy;

/** lossy_start - listen in front of @upstream, "unix:///path" or "http://127.0.0.1:port", on a
 * socket of the same kind. Return: 0, or -1. */
MUST_USE int lossy_start(const char *upstream, struct lossy **ret, struct err *err);
/** lossy_url - where to connect to; lives as long as the proxy. */
const char *lossy_url(const struct lossy *lossy);
/** lossy_arm - do @loss to the request that changes something after @skip others. Return: false
 * when it cannot. */
bool lossy_arm(struct lossy *lossy, enum loss loss, unsigned skip);
/** lossy_disarm - no more. Return: true when there was a loss since lossy_arm(). */
bool lossy_disarm(struct lossy *lossy);
/** lossy_stop - the clients are closed; accepts NULL. */
void lossy_stop(struct lossy *lossy);
