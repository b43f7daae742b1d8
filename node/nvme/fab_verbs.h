/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in children of the helper for this layer. Each gets its arguments as text, as every
 * verb does. For node/nvme only; fab_verbs() lists them for main.
 */
#pragma once

#include "common/base/helper.h"

/** "fab-options"; fd: /dev. Answers with what a fresh /dev/nvme-fabrics reads. */
#define VERB_OPTIONS "fab-options"
/** "fab-connect", connection string; fd: /dev. Answers "errno=N" or the kernel's
 * "instance=N,cntlid=M". */
#define VERB_CONNECT "fab-connect"
/** "fab-delete", subsystem NQN, host NQN, host id, "nvme3,nvme4"; fd: /sys. Answers
 * "nvme3=errno,nvme4=0". */
#define VERB_DELETE "fab-delete"
/**
 * "head-open", disk name, major, minor, nsid; fd: a socket that gives /dev and the folder for nodes
 * (or /dev again), and takes the open disk. Answers "uuid=<hex> nguid=<hex> eui64=<hex>" of the
 * target's Identify descriptors, or "none=<NVMe status>" when the target does not know them.
 */
#define VERB_HEAD_OPEN "head-open"
/** "head-held", disk name, major, minor; fd: a socket that gives the two folders, as head-open's.
 * Answers "held" or "free". */
#define VERB_HEAD_HELD "head-held"

int verb_options(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
int verb_connect(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
int verb_delete(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
int verb_head_open(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
int verb_head_held(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
