/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as text for the log, without what must not be there (P8): the value of every field
 * named "secrets" is replaced, and so are mount flags. Works on any message, by its descriptor.
 */
#pragma once

#include "common/base/strbuf.h"

#include <protobuf-c/protobuf-c.h>

/** What stands in place of a secret. */
#define CSI_STRIPPED "***stripped***"
/** Most bytes of one string that are printed. */
#define CSI_PRINT_STRING_MAX 256
/** Most elements of one repeated field that are printed. */
#define CSI_PRINT_ELEMENTS_MAX 32
/** How deep messages within messages are printed. */
#define CSI_PRINT_DEPTH_MAX 8
/** A good limit for the buffer of a log line's message. */
#define CSI_PRINT_MAX 3072

/**
 * csi_print - append @msg to @out as {field: value, …}; fields that are not set are left out.
 * Long strings, long lists and deep nesting are cut, each with "…" in the place. When @out is full
 * it is marked failed, as every strbuf.
 */
void csi_print(const ProtobufCMessage *msg, struct strbuf *out);

/** csi_field_is_sensitive - true when a field of this name is never printed. */
bool csi_field_is_sensitive(const char *name);
