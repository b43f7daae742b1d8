# SPDX-License-Identifier: Apache-2.0
"""NVMe-oF: transports, subsystems, listeners, namespaces, hosts. All of it is gone after a restart."""

import contextlib
import dataclasses
import errno
import asyncio
import uuid

from . import nqn
from .rpc import (INTERNAL_ERROR, INVALID_PARAMS, NVMF, DecodeError, Field, RpcError, any_number, boolean, errno_error,
                  hexadecimal, may, need, record, rpc, text, u8, u16, u32, u64, uuid_text, word)

MAX_SUBSYSTEMS = 1024
MAX_LISTENERS = 16
CNTLIDS = range(1, 65520)
TRANSPORT = {"max_queue_depth": 128, "max_io_qpairs_per_ctrlr": 127, "in_capsule_data_size": 4096,
             "max_io_size": 131072, "io_unit_size": 131072, "max_aq_depth": 128, "num_shared_buffers": 511,
             "buf_cache_size": 4294967295, "dif_insert_or_strip": False, "zcopy": False, "c2h_success": True,
             "sock_priority": 0, "abort_timeout_sec": 1}
ANA_STATE = word("optimized", "non_optimized", "inaccessible")


def has_kind(release):
    return release >= (24, 5)  # before, "transport" did as well


LISTEN_ADDRESS = record(trtype=Field(text, required=has_kind), transport=may(text, until=(24, 5)), adrfam=may(text),
                        traddr=need(text), trsvcid=may(text))


def serial(value, release):
    if not nqn.printable(text(value, release), 20):
        raise DecodeError
    return value


def model(value, release):
    if not nqn.printable(text(value, release), 40):
        raise DecodeError
    return value


@dataclasses.dataclass
class Namespace:
    nsid: int
    bdev: str
    uuid: str
    nguid: str
    eui64: str
    anagrpid: int
    hidden: bool
    hosts: set = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Listener:
    address: dict
    secure: bool
    sock_impl: str
    ana: dict  # group -> state, where it is not the first one
    first: str


@dataclasses.dataclass
class Subsystem:
    nqn: str
    serial: str = "0" * 20
    model: str = "SPDK bdev Controller"
    slots: int = 32
    any_host: bool = False
    ana: bool = False
    cntlids: tuple = (1, 65519)
    discovery: bool = False
    namespaces: dict = dataclasses.field(default_factory=dict)
    listeners: list = dataclasses.field(default_factory=list)  # the newest first
    hosts: dict = dataclasses.field(default_factory=dict)  # nqn -> {"dhchap_key", "dhchap_ctrlr_key", "psk"}
    controllers: list = dataclasses.field(default_factory=list)
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    dying: bool = False

    def listener(self, address):
        return next((each for each in self.listeners if each.address == address), None)


class NvmfService:
    def __init__(self, target):
        self.target = target
        self.transports, self.most = {}, MAX_SUBSYSTEMS
        self.subsystems = {nqn.DISCOVERY: Subsystem(nqn.DISCOVERY, any_host=True, slots=0, discovery=True)}
        self.users = {}  # bdev name -> (Subsystem, nsid)

    # What the rest of the target asks.

    def user_of(self, bdev):
        return self.users.get(bdev)

    def hot_remove(self, bdev):
        """The bdev goes: its namespace goes with it, its subsystem stays."""
        if bdev in self.users:
            self.release(*self.users[bdev])

    def claim(self, subsystem, ns):
        subsystem.namespaces[ns.nsid] = ns
        self.users[ns.bdev] = (subsystem, ns.nsid)

    def release(self, subsystem, nsid):
        ns = subsystem.namespaces.pop(nsid)
        del self.users[ns.bdev]
        base = self.target.bdev.bdevs.get(ns.bdev)
        if base:
            base.claim = ""

    def find(self, wanted, before=None):
        """before: what releases up to 26.05 answer where it is not the usual."""
        subsystem = self.subsystems.get(wanted)
        if subsystem:
            return subsystem
        if self.target.release >= (26, 9):
            raise RpcError(INVALID_PARAMS, "Subsystem with NQN '%s' not found" % wanted)
        raise before or NVMF

    @contextlib.asynccontextmanager
    async def change(self, subsystem, call):
        """A change of state. Since 24.09 they queue up; before, the second one is refused."""
        if subsystem.dying or self.target.release < (24, 9) and subsystem.lock.locked():
            raise RpcError(INTERNAL_ERROR, "Internal error")
        async with subsystem.lock:
            if self.subsystems.get(subsystem.nqn) is not subsystem:
                raise RpcError(INTERNAL_ERROR, "Internal error")
            await call.work()
            yield

    # Transports.

    @rpc("nvmf_create_transport", NVMF, relaxed=True, trtype=need(text), max_queue_depth=may(u16),
         max_io_qpairs_per_ctrlr=may(u16), in_capsule_data_size=may(u32), max_io_size=may(u32), io_unit_size=may(u32),
         max_aq_depth=may(u32), num_shared_buffers=may(u32), buf_cache_size=may(u32),
         dif_insert_or_strip=may(boolean), abort_timeout_sec=may(u32), zcopy=may(boolean), c2h_success=may(boolean),
         sock_priority=may(u32))
    async def create_transport(self, call, args):
        kind = args.trtype.upper()
        if kind not in ("TCP", "RDMA", "VFIOUSER", "FC"):
            raise RpcError(INVALID_PARAMS, "Invalid transport type '%s'" % args.trtype)
        if kind in self.transports:
            raise RpcError(INTERNAL_ERROR, "Transport type '%s' already exists" % args.trtype)
        await call.work()
        given = {key: value for key, value in vars(args).items() if key in TRANSPORT and value is not None}
        self.transports[kind] = {"trtype": kind, **TRANSPORT, **given}
        return True

    @rpc("nvmf_get_transports", NVMF, optional=True, trtype=may(text))
    async def get_transports(self, _call, args):
        if args.trtype is None:
            return list(self.transports.values())
        if args.trtype.upper() not in self.transports:
            raise errno_error(errno.ENODEV)
        return [self.transports[args.trtype.upper()]]

    # Subsystems.

    @rpc("nvmf_create_subsystem", NVMF, nqn=need(text), serial_number=may(serial), model_number=may(model),
         max_namespaces=may(u32), allow_any_host=may(boolean), ana_reporting=may(boolean), min_cntlid=may(u16),
         max_cntlid=may(u16), max_discard_size_kib=may(u64, since=(23, 9)),
         max_write_zeroes_size_kib=may(u64, since=(23, 9)), passthrough=may(boolean, since=(24, 9)),
         enable_nssr=may(boolean, since=(25, 5)), dmrsl=may(u32, since=(26, 5)), wzsl=may(u8, since=(26, 5)))
    async def create_subsystem(self, call, args):
        failed = RpcError(INTERNAL_ERROR, "Unable to create subsystem %s" % args.nqn)
        if args.nqn in self.subsystems or not nqn.valid(args.nqn) or len(self.subsystems) >= self.most:
            raise failed
        low = 1 if args.min_cntlid is None else args.min_cntlid
        high = 65519 if args.max_cntlid is None else args.max_cntlid
        if low > high or low not in CNTLIDS or high not in CNTLIDS:
            raise RpcError(INVALID_PARAMS, "Invalid cntlid range [%d-%d]" % (low, high))
        subsystem = Subsystem(args.nqn, slots=args.max_namespaces or 32, any_host=bool(args.allow_any_host),
                              ana=bool(args.ana_reporting), cntlids=(low, high))
        subsystem.serial = subsystem.serial if args.serial_number is None else args.serial_number
        subsystem.model = subsystem.model if args.model_number is None else args.model_number
        self.subsystems[args.nqn] = subsystem
        async with self.change(subsystem, call):
            return True

    @rpc("nvmf_delete_subsystem", NVMF, nqn=need(text))
    async def delete_subsystem(self, call, args):
        subsystem = self.find(args.nqn)
        if subsystem.dying:
            raise RpcError(INTERNAL_ERROR, "Subsystem is already being destroyed.")
        if self.target.release < (26, 9) and subsystem.lock.locked():
            raise RpcError(INTERNAL_ERROR, "Subsystem currently in another state change try again later.")
        async with subsystem.lock:
            subsystem.dying = True
            await call.work()
            for nsid in list(subsystem.namespaces):
                self.release(subsystem, nsid)
            del self.subsystems[subsystem.nqn]
        return True

    @rpc("nvmf_get_subsystems", NVMF, optional=True, nqn=may(text))
    async def get_subsystems(self, _call, args):
        if args.nqn is not None:
            return [self.shape(self.find(args.nqn, errno_error(errno.ENODEV)))]
        return [self.shape(self.subsystems[key]) for key in sorted(self.subsystems)]

    def shape(self, subsystem):
        hosts = [{"nqn": host, **{key: keys[key] for key in ("dhchap_key", "dhchap_ctrlr_key") if keys[key]}}
                 for host, keys in reversed(subsystem.hosts.items())]
        out = {"nqn": subsystem.nqn, "subtype": "Discovery" if subsystem.discovery else "NVMe",
               "listen_addresses": [self.address_shape(each.address) for each in subsystem.listeners],
               "allow_any_host": subsystem.any_host, "hosts": hosts}
        if not subsystem.discovery:
            out.update(serial_number=subsystem.serial, model_number=subsystem.model, max_namespaces=subsystem.slots,
                       min_cntlid=subsystem.cntlids[0], max_cntlid=subsystem.cntlids[1],
                       namespaces=[self.ns_shape(subsystem, subsystem.namespaces[nsid])
                                   for nsid in sorted(subsystem.namespaces)])
        return out

    def address_shape(self, address):
        twin = {"transport": address["trtype"]} if self.target.release < (24, 5) else {}
        return {**twin, **address}

    @staticmethod
    def ns_shape(subsystem, ns):
        out = {"nsid": ns.nsid, "bdev_name": ns.bdev, "name": ns.bdev, "nguid": ns.nguid.upper()}
        if ns.eui64:
            out["eui64"] = ns.eui64.upper()
        out["uuid"] = ns.uuid
        if subsystem.ana:
            out["anagrpid"] = ns.anagrpid
        return out

    @rpc("nvmf_subsystem_allow_any_host", NVMF, nqn=need(text), allow_any_host=need(boolean))
    async def allow_any_host(self, call, args):
        subsystem = self.find(args.nqn)
        await call.work()
        subsystem.any_host = args.allow_any_host
        return True

    # Listeners.

    def listen_address(self, given):
        address = nqn.address(given)
        if not address:
            raise NVMF
        return address

    @rpc("nvmf_subsystem_add_listener", NVMF, relaxed=True, nqn=need(text), listen_address=need(LISTEN_ADDRESS),
         secure_channel=may(boolean), ana_state=may(ANA_STATE, since=(23, 9)), sock_impl=may(text, since=(23, 9)))
    async def add_listener(self, call, args):
        subsystem = self.find(nqn.DISCOVERY if args.nqn == "discovery" else args.nqn)
        address = self.listen_address(args.listen_address)
        if args.secure_channel and subsystem.any_host:
            raise RpcError(INTERNAL_ERROR, "Cannot establish secure channel, when 'allow_any_host' is set")
        async with self.change(subsystem, call):
            if (subsystem.listener(address) or address["trtype"] not in self.transports or not address["trsvcid"]
                    or len(subsystem.listeners) >= MAX_LISTENERS or not self.target.can_bind(address)):
                raise NVMF
            listener = Listener(address, bool(args.secure_channel), args.sock_impl or "", {},
                                args.ana_state or "optimized")
            subsystem.listeners.insert(0, listener)
        return True

    @rpc("nvmf_subsystem_remove_listener", NVMF, nqn=need(text), listen_address=need(LISTEN_ADDRESS))
    async def remove_listener(self, call, args):
        subsystem = self.find(args.nqn)
        address = self.listen_address(args.listen_address)
        async with self.change(subsystem, call):
            listener = subsystem.listener(address)
            if not listener:
                raise NVMF
            subsystem.listeners.remove(listener)
            subsystem.controllers = [each for each in subsystem.controllers if each["address"] != address]
        return True

    @rpc("nvmf_subsystem_listener_set_ana_state", NVMF, nqn=need(text), listen_address=need(LISTEN_ADDRESS),
         ana_state=need(ANA_STATE), anagrpid=may(u32))
    async def set_ana_state(self, call, args):
        subsystem = self.find(args.nqn, RpcError(INVALID_PARAMS, "Unable to find subsystem with NQN %s" % args.nqn))
        address = self.listen_address(args.listen_address)
        async with self.change(subsystem, call):
            listener = subsystem.listener(address)
            if not subsystem.ana or not listener or (args.anagrpid or 0) > subsystem.slots:
                raise RpcError(INTERNAL_ERROR, "error setting ANA state: -22")
            if args.anagrpid:
                listener.ana[args.anagrpid] = args.ana_state
            else:
                listener.first, listener.ana = args.ana_state, {}
        return True

    @rpc("nvmf_subsystem_get_listeners", NVMF, nqn=need(text))
    async def get_listeners(self, call, args):
        subsystem = self.find(args.nqn)
        async with self.change(subsystem, call):
            return [self.listener_shape(subsystem, each) for each in subsystem.listeners]

    def listener_shape(self, subsystem, listener):
        out = {"address": self.address_shape(listener.address)}
        if subsystem.ana:  # one entry for each group that there could be
            out["ana_states"] = [{"ana_group": group, "ana_state": listener.ana.get(group, listener.first)}
                                 for group in range(1, subsystem.slots + 1)]
        return out

    # Namespaces.

    @rpc("nvmf_subsystem_add_ns", NVMF, relaxed=True, nqn=need(text), namespace=need(record(
        bdev_name=need(text), nsid=may(u32), nguid=may(hexadecimal(16, "nguid")), eui64=may(hexadecimal(8, "eui64")),
        uuid=may(uuid_text), ptpl_file=may(text), anagrpid=may(u32), no_auto_visible=may(boolean, since=(24, 5)),
        hide_metadata=may(boolean, since=(25, 5)))))
    async def add_ns(self, call, args):
        subsystem, wanted = self.find(args.nqn), args.namespace
        async with self.change(subsystem, call):
            bdev = self.target.bdev.find(wanted.bdev_name)
            free = next((n for n in range(1, subsystem.slots + 1) if n not in subsystem.namespaces), 0)
            nsid = wanted.nsid or free
            group = wanted.anagrpid or nsid
            if not bdev or not nsid or nsid > subsystem.slots or nsid in subsystem.namespaces or group > subsystem.slots:
                raise NVMF
            name = getattr(bdev, "store", None) and bdev.uuid or bdev.name
            if name in self.users or getattr(bdev, "claim", ""):
                raise NVMF
            if hasattr(bdev, "claim"):
                bdev.claim = "exclusive_write"
            self.claim(subsystem, Namespace(nsid, name, wanted.uuid or bdev.uuid,
                                            wanted.nguid or uuid.UUID(bdev.uuid).hex, wanted.eui64 or "", group,
                                            bool(wanted.no_auto_visible)))
        return nsid

    def namespace(self, subsystem, nsid):
        if nsid not in subsystem.namespaces:
            raise NVMF
        return subsystem.namespaces[nsid]

    @rpc("nvmf_subsystem_remove_ns", NVMF, nqn=need(text), nsid=need(u32))
    async def remove_ns(self, call, args):
        subsystem = self.find(args.nqn)
        async with self.change(subsystem, call):
            self.namespace(subsystem, args.nsid)
            self.release(subsystem, args.nsid)
        return True

    @rpc("nvmf_subsystem_set_ns_ana_group", NVMF, since=(24, 5), nqn=need(text), nsid=need(u32), anagrpid=need(u32))
    async def set_ns_ana_group(self, call, args):
        subsystem = self.find(args.nqn)
        async with self.change(subsystem, call):
            if not 1 <= args.anagrpid <= subsystem.slots:
                raise NVMF
            self.namespace(subsystem, args.nsid).anagrpid = args.anagrpid
        return True

    async def _ns_host(self, call, args, act):
        subsystem = self.find(args.nqn)
        async with self.change(subsystem, call):
            ns = self.namespace(subsystem, args.nsid)
            if not ns.hidden or not nqn.valid(args.host):
                raise NVMF
            act(ns.hosts, args.host)
        return True

    @rpc("nvmf_ns_add_host", NVMF, since=(24, 5), nqn=need(text), nsid=need(u32), host=need(text))
    async def ns_add_host(self, call, args):
        return await self._ns_host(call, args, set.add)

    @rpc("nvmf_ns_remove_host", NVMF, since=(24, 5), nqn=need(text), nsid=need(u32), host=need(text))
    async def ns_remove_host(self, call, args):
        return await self._ns_host(call, args, set.discard)

    # Hosts.

    def keys(self, args):
        for name in (args.dhchap_key, args.dhchap_ctrlr_key):
            if name is not None and not self.target.keyring.known(name):
                raise NVMF
        return {"dhchap_key": args.dhchap_key, "dhchap_ctrlr_key": args.dhchap_ctrlr_key}

    @rpc("nvmf_subsystem_add_host", NVMF, relaxed=True, nqn=need(text), host=need(text), psk=may(text),
         dhchap_key=may(text, since=(24, 5)), dhchap_ctrlr_key=may(text, since=(24, 5)))
    async def add_host(self, call, args):
        """The psk is the TCP transport's affair: what is wrong with it is an internal error."""
        subsystem = self.find(args.nqn)
        keys = self.keys(args)
        await call.work()
        if not nqn.valid(args.host) or args.host in subsystem.hosts or keys["dhchap_ctrlr_key"] and not keys["dhchap_key"]:
            raise RpcError(INTERNAL_ERROR, "Internal error")
        if args.psk is not None and self.target.release >= (24, 9) and not self.target.keyring.known(args.psk):
            raise RpcError(INTERNAL_ERROR, "Internal error")
        subsystem.hosts[args.host] = {**keys, "psk": args.psk}
        return True

    @rpc("nvmf_subsystem_remove_host", NVMF, nqn=need(text), host=need(text), timeout_ms=may(any_number, since=(26, 5)))
    async def remove_host(self, call, args):
        """The ACL entry goes first; the answer comes when the host's controllers are gone."""
        subsystem = self.find(args.nqn)
        if args.host not in subsystem.hosts:
            raise RpcError(INTERNAL_ERROR, "Internal error")
        del subsystem.hosts[args.host]
        try:
            await asyncio.wait_for(call.work(), args.timeout_ms / 1000 if args.timeout_ms else None)
        except asyncio.TimeoutError:
            raise RpcError(INTERNAL_ERROR, "Timeout reached during host removal") from None
        subsystem.controllers = [each for each in subsystem.controllers if each["hostnqn"] != args.host]
        return True

    @rpc("nvmf_subsystem_set_keys", NVMF, since=(24, 9), nqn=need(text), host=need(text), dhchap_key=may(text),
         dhchap_ctrlr_key=may(text))
    async def set_keys(self, call, args):
        """Both are replaced: what is left out is cleared."""
        subsystem = self.find(args.nqn)
        keys = self.keys(args)
        await call.work()
        if args.host not in subsystem.hosts or keys["dhchap_ctrlr_key"] and not keys["dhchap_key"]:
            raise errno_error(errno.EINVAL)
        subsystem.hosts[args.host].update(keys)
        return True
