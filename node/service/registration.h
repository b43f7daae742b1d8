/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kubelet learns of the plugin: it finds a socket in its plugins_registry folder and asks there
 * for name and endpoint, then says whether it took them.
 */
#pragma once

#include "common/base/err.h"
#include "proto/pluginregistration.pb-c.h"

/** Told of kubelet's verdict; @error is "" when it took the plugin. Any worker thread. */
typedef void (*registration_told)(void *arg, bool registered, const char *error);

/** struct registration - register &service with a server of its own socket; it must not move. */
struct registration {
	Pluginregistration__Registration_Service service;
	const char *driver;
	const char *endpoint; /* the path of csi.sock as kubelet sees it */
	registration_told told;
	void *arg;
};

/** registration_init - fill @registration; the strings are borrowed for its life. */
void registration_init(struct registration *registration, const char *driver, const char *endpoint,
	registration_told told, void *arg);
