/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server and client share: gRPC's start and end, its log in ours, time in its terms, and the
 * marks that tell ThreadSanitizer about gRPC's own synchronisation. Used in common/rpc only.
 */
#pragma once

#include "common/base/clock.h"

#include <signal.h>

#include <grpc/grpc.h>
#include <grpc/support/time.h>

/*
 * gRPC's mutexes are invisible to ThreadSanitizer, so it must be told that what happened before a
 * batch was started happened before its event came out of the queue.
 */
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define RPC_TAG_GIVEN(tag) __tsan_release(tag)
#define RPC_TAG_TAKEN(tag) __tsan_acquire(tag)
#else
#define RPC_TAG_GIVEN(tag) ((void)(tag))
#define RPC_TAG_TAKEN(tag) ((void)(tag))
#endif

/**
 * rpc_core_begin - start gRPC, or count one more user. Its threads get a mask that blocks every
 * signal; its log goes to ours.
 */
void rpc_core_begin(void);
/** rpc_core_end - one user less; the last one waits for gRPC's threads to end. */
void rpc_core_end(void);

/** rpc_signals_block - block every signal in this thread, so that threads it starts inherit that.
 */
void rpc_signals_block(sigset_t *ret_before);
void rpc_signals_restore(const sigset_t *before);

/** rpc_time - @dl as gRPC wants it. */
gpr_timespec rpc_time(const struct deadline *dl);

/** rpc_bytes_wipe - overwrite what @buffer holds; nobody else may read it any more. */
void rpc_bytes_wipe(grpc_byte_buffer *buffer);
