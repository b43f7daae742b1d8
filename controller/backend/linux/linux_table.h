/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of the linux backend's table of functions (struct backend_ops), which the files of
 * this folder have between them. What each one does is said there.
 */
#pragma once

#include "controller/backend/backend.h"

enum be_result linux_volume_create(const struct step *in, struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err);
enum be_result linux_volume_delete(const struct step *in, struct backend *self, const struct op *op,
	const char *object, struct err *err);
int linux_volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err);
int linux_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err);
enum be_result linux_volume_expand(const struct step *in, struct backend *self, const struct op *op,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err);
enum be_result linux_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err);
enum be_result linux_revoke(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct err *err);
enum be_result linux_snapshot_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err);
enum be_result linux_snapshot_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err);
int linux_snapshot_get(struct backend *self, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err);
int linux_snapshot_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err);
int linux_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err);
int linux_pools_tell(
	struct backend *self, const struct op *op, struct be_pools *ret, struct err *err);
