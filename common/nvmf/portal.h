/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals: where a subsystem listens. Numeric addresses only: the kernel takes no names.
 * Text form "10.0.0.5:4420", "[fd00::5]:4420"; lists with commas.
 */
#pragma once

#include "common/base/err.h"

#define PORTAL_ADDR_SIZE 46
#define PORTAL_TEXT_SIZE 56
/** Most portals of one subsystem. */
#define PORTALS_MAX 16
#define PORTALS_TEXT_SIZE (PORTALS_MAX * PORTAL_TEXT_SIZE)
#define PORTAL_PORT_NVME 4420

struct portal {
	char addr[PORTAL_ADDR_SIZE]; /* as inet_ntop prints it, so equal portals are equal strings
				      */
	uint16_t port;
	bool v6;
};

struct portals {
	struct portal list[PORTALS_MAX];
	unsigned n;
};

/** portal_parse - one portal, port required. Return: 0, or -1 INVALID_ARGUMENT naming @field. */
MUST_USE int portal_parse(const char *field, const char *text, struct portal *ret, struct err *err);
/** portal_print - the text form. */
void portal_print(const struct portal *portal, char out[PORTAL_TEXT_SIZE]);
/** portals_parse - 1 to PORTALS_MAX portals; duplicates are dropped. Return: 0, or -1
 * INVALID_ARGUMENT naming @field. */
MUST_USE int portals_parse(
	const char *field, const char *text, struct portals *ret, struct err *err);
void portals_print(const struct portals *portals, char out[PORTALS_TEXT_SIZE]);
bool portal_equal(const struct portal *a, const struct portal *b);
