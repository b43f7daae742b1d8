/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nvmetcp-node paths`: a command beside the plugin, which may run meanwhile. It reads sysfs only.
 */
#pragma once

#include <stdio.h>

/** paths_command - run it; @argv[0] is "paths", @sysfs where /sys is. Return: the exit code, as
 * --help lists them. */
int paths_command(int argc, char *const *argv, const char *sysfs, FILE *out);
