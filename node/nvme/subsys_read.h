/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes of one controller and of one disk in sysfs, read through an open folder. For
 * node/nvme only.
 */
#pragma once

#include "node/nvme/subsys.h"

/** sys_is_ctrl - is @name a controller's ("nvme3")? Its instance goes to @ret_instance (may be
 * NULL). */
bool sys_is_ctrl(const char *name, int *ret_instance);
/** sys_is_disk - is @name a usable disk's ("nvme0n1", not the hidden "nvme0c1n1")? */
bool sys_is_disk(const char *name);
/** sys_is_path_disk - is @name a hidden path disk's ("nvme0c1n1")? */
bool sys_is_path_disk(const char *name);
/** sys_ana_usable - may a path of that ANA state be used for I/O? */
bool sys_ana_usable(const char *state);
/** sys_is_subsys - is @name a subsystem's ("nvme-subsys0")? Its instance goes to @ret_instance (may
 * be NULL). */
bool sys_is_subsys(const char *name, int *ret_instance);

/** sys_attr - an attribute's first line; "" when it is missing or cannot be read. */
void sys_attr(int dirfd, const char *name, char *buf, size_t size);
/** sys_open_dir - open a folder below @dirfd, following links. Return: the fd, -1 when it is not
 * there. */
int sys_open_dir(int dirfd, const char *path);
/** sys_open_dirf - the same with a printed path. */
int sys_open_dirf(int dirfd, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** sys_read_ctrl - all of the controller in the open folder @dirfd. */
void sys_read_ctrl(
	int dirfd, const char *name, const struct host_identity *us, struct subsys_ctrl *ret);
/** sys_read_ident - nsid, nguid, uuid, eui of the disk in the open folder @dirfd; what is missing
 * stays zero. */
void sys_read_ident(int dirfd, struct ns_ident *ret);
/** sys_read_disk - all of the disk in the open folder @dirfd. */
void sys_read_disk(int dirfd, const char *name, bool head, struct subsys_disk *ret);
/**
 * sys_ident_match - as ns_ident_match(), knowing that the kernel shows the NGUID as `uuid` of a
 * namespace that has no UUID.
 */
bool sys_ident_match(const char *device, const struct ns_ident *want, const struct ns_ident *seen,
	struct err *err);
/** sys_ident_touches - do they share one of NGUID, UUID, EUI-64, whatever else differs? */
bool sys_ident_touches(const struct ns_ident *want, const struct ns_ident *seen);
