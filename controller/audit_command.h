/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nvmetcp-controller audit`: a command beside the plugin, which may run meanwhile.
 */
#pragma once

/** audit_command - run it; @argv[0] is "audit". Return: the exit code, as --help lists them. */
int audit_command(int argc, char **argv);
