/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC's start and end, and its log. The log function is the one that later gRPC versions dropped,
 * so it stays in this file.
 */
#include "common/rpc/core.h"

#include "common/base/log.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/status.h>
#include <grpc/support/log.h>

/* A struct err goes out as a status without any table between them. */
_Static_assert((int)ERR_OK == (int)GRPC_STATUS_OK, "code");
_Static_assert((int)ERR_CANCELLED == (int)GRPC_STATUS_CANCELLED, "code");
_Static_assert((int)ERR_UNKNOWN == (int)GRPC_STATUS_UNKNOWN, "code");
_Static_assert((int)ERR_INVALID_ARGUMENT == (int)GRPC_STATUS_INVALID_ARGUMENT, "code");
_Static_assert((int)ERR_DEADLINE_EXCEEDED == (int)GRPC_STATUS_DEADLINE_EXCEEDED, "code");
_Static_assert((int)ERR_NOT_FOUND == (int)GRPC_STATUS_NOT_FOUND, "code");
_Static_assert((int)ERR_ALREADY_EXISTS == (int)GRPC_STATUS_ALREADY_EXISTS, "code");
_Static_assert((int)ERR_PERMISSION_DENIED == (int)GRPC_STATUS_PERMISSION_DENIED, "code");
_Static_assert((int)ERR_RESOURCE_EXHAUSTED == (int)GRPC_STATUS_RESOURCE_EXHAUSTED, "code");
_Static_assert((int)ERR_FAILED_PRECONDITION == (int)GRPC_STATUS_FAILED_PRECONDITION, "code");
_Static_assert((int)ERR_ABORTED == (int)GRPC_STATUS_ABORTED, "code");
_Static_assert((int)ERR_OUT_OF_RANGE == (int)GRPC_STATUS_OUT_OF_RANGE, "code");
_Static_assert((int)ERR_UNIMPLEMENTED == (int)GRPC_STATUS_UNIMPLEMENTED, "code");
_Static_assert((int)ERR_INTERNAL == (int)GRPC_STATUS_INTERNAL, "code");
_Static_assert((int)ERR_UNAVAILABLE == (int)GRPC_STATUS_UNAVAILABLE, "code");
_Static_assert((int)ERR_DATA_LOSS == (int)GRPC_STATUS_DATA_LOSS, "code");
_Static_assert((int)ERR_UNAUTHENTICATED == (int)GRPC_STATUS_UNAUTHENTICATED, "code");

static void log_from_grpc(gpr_log_func_args *args)
{
	/* What it calls an error is mostly a peer's misbehaviour; ours are told by our own code. */
	LOG_WARNING("gRPC", LOG_STR("text", args->message), LOG_STR("file", args->file),
		LOG_NUM("line", args->line));
}

void rpc_signals_block(sigset_t *ret_before)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void rpc_signals_restore(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

void rpc_core_begin(void)
{
	sigset_t before;

	rpc_signals_block(&before);
	/*
	 * Set, not left to the environment: GRPC_VERBOSITY and GRPC_TRACE together would print what
	 * goes over the wire, secrets too.
	 */
	gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
	gpr_set_log_function(log_from_grpc);
	grpc_init();
	rpc_signals_restore(&before);
}

void rpc_core_end(void)
{
	grpc_shutdown();
}

gpr_timespec rpc_time(const struct deadline *dl)
{
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
		gpr_time_from_millis(deadline_left_ms(dl), GPR_TIMESPAN));
}

void rpc_bytes_wipe(grpc_byte_buffer *buffer)
{
	grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;

	for (size_t i = 0; i < slices->count; i++) {
		explicit_bzero(GRPC_SLICE_START_PTR(slices->slices[i]),
			GRPC_SLICE_LENGTH(slices->slices[i]));
	}
}
