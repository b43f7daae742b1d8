/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids that the CO keeps for us: "<backend>/<object>" for volumes and snapshots. One parser and
 * one printer, so that an id means the same everywhere and for ever.
 */
#pragma once

#include "common/base/err.h"

/** Longest id in bytes (the CSI limit for a string). */
#define CSI_ID_MAX 128
#define CSI_ID_SIZE (CSI_ID_MAX + 1)
/** Longest backend name in bytes. */
#define CSI_BACKEND_MAX 24
/** Longest object name in bytes, so that every legal pair fits into an id. */
#define CSI_OBJECT_MAX (CSI_ID_MAX - CSI_BACKEND_MAX - 1)

struct csi_id {
	char backend[CSI_BACKEND_MAX + 1];
	char object[CSI_OBJECT_MAX + 1];
};

/**
 * csi_backend_check - 1 to CSI_BACKEND_MAX of [a-z0-9-], no '-' at either end.
 * Return: 0, or -1 INVALID_ARGUMENT naming @field.
 */
MUST_USE int csi_backend_check(const char *field, const char *text, struct err *err);

/**
 * csi_id_parse - split an id. Whatever has not the shape of our ids names nothing that we know, so
 * it is NOT_FOUND and not a bad argument. @what ("volume", "snapshot") begins the message.
 * Return: 0, or -1 NOT_FOUND.
 */
MUST_USE int csi_id_parse(const char *what, const char *text, struct csi_id *ret, struct err *err);

/**
 * csi_id_print - the id of @object on @backend into @out.
 * Return: 0, or -1 INTERNAL when csi_id_parse() would not read it back as the same pair.
 */
MUST_USE int csi_id_print(
	const char *backend, const char *object, char out[CSI_ID_SIZE], struct err *err);
