# SPDX-License-Identifier: Apache-2.0
"""Which names and addresses the target takes."""

import re
import uuid

DISCOVERY = "nqn.2014-08.org.nvmexpress.discovery"
UUID_FORM = "nqn.2014-08.org.nvmexpress:uuid:"
LABEL = "[A-Za-z](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
FORM = re.compile(r"nqn\.\d{4}-\d{2}\.%s(?:\.%s)*:.+" % (LABEL, LABEL), re.ASCII | re.DOTALL)
FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6", "ib": "IB", "fc": "FC", "intra_host": "intra-host"}


def valid(nqn):
    if not 11 <= len(nqn.encode()) <= 223:
        return False
    if nqn == DISCOVERY:
        return True
    if nqn.startswith(UUID_FORM):
        tail = nqn[len(UUID_FORM):]
        try:
            return len(tail) == 36 and bool(uuid.UUID(tail))
        except ValueError:
            return False
    return bool(FORM.fullmatch(nqn))


def printable(value, most):
    return len(value) <= most and all(" " <= c <= "~" for c in value)


def address(given):
    """The listen address as the target keeps it, or None where it is not one."""
    kind = given.trtype or getattr(given, "transport", None)
    family = FAMILIES.get((given.adrfam or "ipv4").lower())
    if not kind or kind.upper() not in ("TCP", "RDMA", "FC", "VFIOUSER") or not family:
        return None
    if len(given.traddr.encode()) > 256 or len((given.trsvcid or "").encode()) > 32:
        return None
    return {"trtype": kind.upper(), "adrfam": family, "traddr": given.traddr, "trsvcid": given.trsvcid or ""}
