# SPDX-License-Identifier: Apache-2.0
"""The target as a whole: its parts, its states, and which method answers a request."""

import asyncio
import dataclasses
import os
import uuid

from .bdev import Bdev, BdevService
from .journal import Journal
from .keyring import KeyringService
from .lvol import DEFAULT_CLUSTER, Disks
from .lvol_rpc import LvolService
from .nvmf import TRANSPORT, NvmfService
from .nvmf_state import NvmfStateService
from .rpc import (INVALID_STATE, METHOD_NOT_FOUND, NVMF, RELEASES, Call, RpcError, boolean, may, methods_of, need, rpc, u32)

TOO_EARLY = "Method may only be called after framework is initialized using framework_start_init RPC."
TOO_LATE = ("Method may only be called before framework is initialized. Use --wait-for-rpc command line parameter "
            "and then issue this RPC before the framework_start_init RPC.")
DIVERGENCES = {
    "lvstores-empty-params": "bdev_lvol_get_lvstores with {} lists all in place of -22",
    "delete-guarded": "bdev_lvol_delete refuses an lvol that is exported",
    "early-duplicate": "bdev_lvol_snapshot answers -17 for a name that is taken, in place of -32602",
    "exports-survive": "a restart keeps subsystems, hosts and listeners",
    "content-length": "the HTTP proxy says Content-Length and application/json",
}


@dataclasses.dataclass
class Options:
    """The operator's side: what the target is started with."""
    release: tuple = RELEASES[-1]
    state: str = ""  # path of the journal
    stores: tuple = ()  # (name, size, cluster size)
    block: int = 512
    transports: tuple = ("TCP",)
    allowed: tuple = ()  # method names; () = all
    wait_for_rpc: bool = False
    diverge: frozenset = frozenset()


class Target:
    def __init__(self, options):
        self.options = options
        self.release = options.release
        self.journal = Journal(options.state or None)
        self.tasks = set()
        self.taken_ports = set()  # (traddr, trsvcid) that cannot be bound: set by the control channel
        self.calls = {}  # method -> number of requests carried out or refused
        self.answered = 0  # bytes of all answers
        self.examined = asyncio.Event()
        self.generation = 0
        self.boot()

    def diverges(self, name):
        return name in self.options.diverge

    def boot(self, examine=True):
        """What happens at each start: the disks are as they were, all else is as the operator's
        configuration makes it."""
        old = getattr(self, "nvmf", None)
        self.generation += 1
        self.runtime = not self.options.wait_for_rpc
        self.disks = Disks(self.journal)
        self.bdev = BdevService(self)
        self.lvol = LvolService(self)
        self.keyring = KeyringService(self)
        self.nvmf = NvmfService(self)
        self.state = NvmfStateService(self)
        services = (self, self.bdev, self.lvol, self.keyring, self.nvmf, self.state)
        self.methods = methods_of(services, self.release)
        if self.options.allowed:
            self.methods = {name: each for name, each in self.methods.items() if name in self.options.allowed}
        for kind in self.options.transports:
            self.nvmf.transports[kind] = {"trtype": kind, **TRANSPORT}
        if old and self.diverges("exports-survive"):
            self.nvmf.subsystems, self.nvmf.users = old.subsystems, old.users
        self.examined.clear()
        if examine:
            self.examine()

    def examine(self):
        """The base bdevs of the configuration come up, and the stores on them with them."""
        for name, size, cluster in self.options.stores:
            base = name + "-base"
            bdev = Bdev(base, "NVMe disk", self.options.block, size // self.options.block,
                        str(uuid.uuid5(uuid.NAMESPACE_DNS, base)), "config:" + name)
            self.bdev.add(bdev)
            if not bdev.claim and all(store.name != name for store in self.disks.stores.values()):
                bdev.claim = "exclusive_write"
                self.disks.create_store(name, base, bdev.backing, size, cluster or DEFAULT_CLUSTER, self.io_unit(bdev))
        self.examined.set()

    def io_unit(self, bdev):
        return bdev.block if self.release >= (23, 9) else 4096

    def drop_base(self, bdev):
        """The bdev goes, and with it the store on it, its lvols and their namespaces; not the data."""
        for store in self.disks.stores.values():
            if store.loaded and store.base == bdev.name:
                for name in store.lvols:
                    self.nvmf.hot_remove(name)
                self.disks.unload(store)
        self.nvmf.hot_remove(bdev.name)
        self.bdev.bdevs.pop(bdev.name, None)

    def stop(self):
        """The process ends: what is under way is not finished and never answered."""
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()

    def wipe(self):
        """Empty disks, and a start on them."""
        self.stop()
        self.generation = 0
        self.journal.wipe()
        self.calls.clear()
        self.answered = 0
        self.taken_ports.clear()
        self.boot()

    def can_bind(self, address):
        return (address["traddr"], address["trsvcid"]) not in self.taken_ports

    async def call(self, name, params, given, pause=None):
        """The result; RpcError where SPDK answers with an error."""
        if name not in self.methods:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        self.calls[name] = self.calls.get(name, 0) + 1
        method, function = self.methods[name]
        if self.runtime and not method.runtime:
            raise RpcError(INVALID_STATE, TOO_LATE)
        if not self.runtime and not method.startup:
            raise RpcError(INVALID_STATE, TOO_EARLY)
        call = Call(given, pause)
        result = await function(call, method.decode(params, self.release))
        await call.finish()
        return result

    @rpc("spdk_get_version", NVMF, bare="spdk_get_version method requires no parameters", startup=True)
    async def get_version(self, _call, _args):
        suffix = "-pre" if self.release == RELEASES[-1] else ""
        commit = "32301300000000000000000000000000000000ab"
        return {"version": "SPDK v%d.%02d%s git sha1 %s" % (*self.release, suffix, commit[:9]),
                "fields": {"major": self.release[0], "minor": self.release[1], "patch": 0, "suffix": suffix,
                           "commit": commit[:9]}}

    @rpc("rpc_get_methods", NVMF, optional=True, startup=True, current=may(boolean), include_aliases=may(boolean))
    async def get_methods(self, _call, args):
        return [name for name, (method, _) in self.methods.items()
                if not args.current or (method.runtime if self.runtime else method.startup)]

    @rpc("framework_start_init", NVMF, bare="framework_start_init requires no parameters", startup=True, runtime=False)
    async def start_init(self, call, _args):
        await call.work()
        self.runtime = True
        return True

    @rpc("framework_wait_init", NVMF, bare="framework_wait_init requires no parameters", startup=True)
    async def wait_init(self, _call, _args):
        while not self.runtime:
            await asyncio.sleep(0.01)
        return True

    @rpc("nvmf_set_max_subsystems", NVMF, startup=True, runtime=False, max_subsystems=need(u32))
    async def set_max_subsystems(self, _call, args):
        self.nvmf.most = args.max_subsystems
        return True


def die():
    """As kill -9 does it."""
    os._exit(137)
