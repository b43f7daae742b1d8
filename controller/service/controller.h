/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CSI Controller service: requests into the core's terms, its answers back into messages.
 * Nothing is decided here but what the specification says about single fields.
 */
#pragma once

#include "controller/core/current.h"
#include "proto/csi.pb-c.h"

/** struct controller_service - register &service with the server; must not move after init. */
struct controller_service {
	Csi__V1__Controller_Service service;
	struct current *current;
};

/** controller_service_init - all handlers, on what is in force in @current (borrowed for the
 * service's life). */
void controller_service_init(struct controller_service *service, struct current *current);
