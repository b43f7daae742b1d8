/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backends that are built in: one row each. A new backend is a folder and a row in registry.c.
 */
#pragma once

#include "controller/backend/backend.h"

/** registry_find - the row of @type. Return: NULL when there is none. */
const struct backend_type *registry_find(const char *type);
/** registry_types - all type names, NULL-terminated, for messages and parse_choice(). */
const char *const *registry_types(void);
