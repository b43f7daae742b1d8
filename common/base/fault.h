/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points: named places where a test can kill the process, make a step fail, lose an answer or
 * hold everything up. Compiled in only with NV_FAULTS. Each program has one table of all its points
 * (core/points.c), and a point that is passed and is not in it ends the process.
 *
 * The environment variable NVMETCP_FAULTS holds "point=action[,point=action...]", or "@FILE" where
 * that is read from FILE at each point, so that a running program can be armed; without the file
 * nothing is. A point that ends in '*' stands for all that begin so. Actions:
 *
 *   kill       SIGKILL to ourselves
 *   fail       the step fails, UNAVAILABLE; fail:CODE with that code
 *   drop       the answer is lost (".answer" points only)
 *   delay:MS   wait, then go on
 *   hang       wait until killed
 *   trace      append the point's name to FILE.trace
 *
 * "@N" behind an action: at the N-th passage only, counted from when FILE got this content.
 */
#pragma once

#include "common/base/err.h"

/** The step of a row that stands for the place between an operation's work and its answer. */
#define FAULT_ANSWER "answer"

/**
 * struct fault_row - one step of one operation. Its points: "<operation>.<step>" before it,
 * "<operation>.<step>.<change>" after each of its changes, "<operation>.<step>.done" after it. The
 * one point of an answer is "<operation>.answer".
 */
struct fault_row {
	const char *operation;
	const char *step;
	const char *changes; /* words with a space between them; NULL: none */
};

/** struct fault_table - all points of a program. */
struct fault_table {
	const char *file; /* where a person adds a row */
	const struct fault_row *rows;
	size_t n;
};

/**
 * faults_use - to be called first by main(): from here on points are looked up in @table (NULL:
 * they are not). Return: 0, or -1 INVALID_ARGUMENT when NVMETCP_FAULTS does not parse, names a
 * point that is not in the table, or is set in a build without fault points.
 */
MUST_USE int faults_use(const struct fault_table *table, struct err *err);
/** faults_told - did the command line ask for --fault-points? Then they are printed, a line each.
 */
bool faults_told(int argc, char **argv, const struct fault_table *table);

#ifdef NV_FAULTS
/** fault_point - pass "<operation>.<step><suffix>". Return: 0, or -1: the step is to fail. */
MUST_USE int fault_point(
	const char *operation, const char *step, const char *suffix, struct err *err);
/** fault_answer - pass "<operation>.answer", if the table has it. Return: is the answer lost? */
bool fault_answer(const char *operation);
#else
static inline int fault_point(const char *operation UNUSED, const char *step UNUSED,
	const char *suffix UNUSED, struct err *err UNUSED)
{
	return 0;
}
static inline bool fault_answer(const char *operation UNUSED)
{
	return false;
}
#endif
