/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between our code and libc: asks whether this call is to fail. Inside this folder
 * only.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

enum failing_group { FAILING_GROUP_MEMORY, FAILING_GROUP_FILES, FAILING_GROUP_SPACE };

/** failing_now - is it this call's turn? */
bool failing_now(enum failing_group group);
/** failing_errno - what it fails with. */
int failing_errno(void);
