/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's errno of a connect means for the person who reads it. Sources:
 * drivers/nvme/host/{fabrics,tcp,auth}.c of 6.1 to 7.2.
 */
#include "node/nvme/fabrics.h"

#include <errno.h>

struct meaning {
	int errnum;
	enum err_code code;
	const char *text;
};

static const struct meaning meanings[] = {
	{EIO, ERR_PERMISSION_DENIED,
		"refused by the target: host not allowed or unknown subsystem; check that the target "
		"still exports the volume to this node (the kernel log of the node names the reason)"},
	{EINVAL, ERR_FAILED_PRECONDITION,
		"the kernel refused the options: one out of its range, this host NQN in use with another "
		"host id, or a subsystem that allows one controller only (see the node's kernel log)"},
	{EADDRINUSE, ERR_INTERNAL, "the kernel found an option twice"},
	{ENODEV, ERR_FAILED_PRECONDITION, "the network interface asked for is not on this node"},
	{EOPNOTSUPP, ERR_FAILED_PRECONDITION,
		"the target lacks a feature that the kernel needs, or asks for secure concatenation"},
	{ECONNREFUSED, ERR_UNAVAILABLE, "connection refused: nothing listens there"},
	{EADDRNOTAVAIL, ERR_FAILED_PRECONDITION,
		"the source address asked for is not on this node"},
	{ENOKEY, ERR_FAILED_PRECONDITION,
		"a key is missing: the target asks for authentication or TLS and the node's keyring has "
		"none for it"},
	{EKEYREJECTED, ERR_PERMISSION_DENIED, "authentication failed: the keys do not match"},
	{ETIMEDOUT, ERR_UNAVAILABLE,
		"no answer in time; check the network between node and target"},
	{EHOSTUNREACH, ERR_UNAVAILABLE, "no route to the target, or it is down"},
	{ENETUNREACH, ERR_UNAVAILABLE, "the node has no route to that network"},
	{ECONNRESET, ERR_UNAVAILABLE,
		"closed by the other side before it answered: another service, a TLS-only listener, or a "
		"busy target"},
	{ENOTCONN, ERR_UNAVAILABLE,
		"closed by the other side before it answered: another service, a TLS-only listener, or a "
		"busy target"},
	{ESRCH, ERR_FAILED_PRECONDITION, "TLS was asked for and no tlshd runs on the node"},
	{EPROTONOSUPPORT, ERR_FAILED_PRECONDITION,
		"the target asks for authentication and the node's kernel was built without it"},
	{ENOMEM, ERR_UNAVAILABLE, "the kernel has no memory for the connection"},
	{EBUSY, ERR_UNAVAILABLE, "the transport is busy; retry"},
	{EINTR, ERR_UNAVAILABLE, "interrupted; retry"},
};

int fab_error(int errnum, const char *nqn, const struct portal *portal, struct err *err)
{
	char where[PORTAL_TEXT_SIZE];

	portal_print(portal, where);
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (meanings[i].errnum == errnum) {
			return err_set(err, meanings[i].code, "connect %s at %s: %s (%s)", nqn,
				where, meanings[i].text, strerrorname_np(errnum));
		}
	}
	const char *name = strerrorname_np(errnum);
	return err_set(err, ERR_UNAVAILABLE, "connect %s at %s: %s (%s)", nqn, where,
		strerrordesc_np(errnum) ? strerrordesc_np(errnum) : "unknown error",
		name ? name : "?");
}
