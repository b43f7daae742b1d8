# SPDX-License-Identifier: Apache-2.0
"""Bdevs: what lvol stores stand on, what lvols look like from outside, and QoS limits.

Nothing here survives a restart: the bdevs of the operator's configuration are made again, those that
came by RPC are gone, and so are all limits.
"""

import asyncio
import dataclasses
import errno
import os
import time
import uuid

from .rpc import (BDEV, INVALID_PARAMS, RpcError, array, boolean, errno_error, may, need, rpc, text, u32, u64,
                  uuid_text, word)

TICK_RATE = 2_000_000_000
LIMITS = ("rw_ios_per_sec", "rw_mbytes_per_sec", "r_mbytes_per_sec", "w_mbytes_per_sec")
IO_TYPES = ("read", "write", "unmap", "flush", "reset", "nvme_admin", "nvme_io", "nvme_io_md", "write_zeroes", "zcopy",
            "get_zone_info", "zone_management", "zone_append", "compare", "compare_and_write", "abort", "seek_hole",
            "seek_data", "copy", "nvme_iov_md")
COUNTERS = ("bytes_read", "num_read_ops", "bytes_written", "num_write_ops", "bytes_unmapped", "num_unmap_ops",
            "bytes_copied", "num_copy_ops", "read_latency_ticks", "max_read_latency_ticks", "min_read_latency_ticks",
            "write_latency_ticks", "max_write_latency_ticks", "min_write_latency_ticks", "unmap_latency_ticks",
            "max_unmap_latency_ticks", "min_unmap_latency_ticks")


@dataclasses.dataclass
class Bdev:
    name: str
    product: str
    block: int
    blocks: int
    uuid: str
    backing: str  # what a store on it is found again by
    claim: str = ""
    path: str = ""


class BdevService:
    """Knows the base bdevs itself; lvols are asked for from the disks."""

    def __init__(self, target):
        self.target = target
        self.bdevs = {}
        self.limits = {}  # name -> {limit: value}
        self.changing = set()  # names whose limits are being changed
        self.changed = asyncio.Event()

    def add(self, bdev):
        """Makes the bdev known and examines it for an lvol store."""
        self.bdevs[bdev.name] = bdev
        for store in self.target.disks.stores.values():
            if store.backing == bdev.backing and not store.loaded:
                self.target.disks.load(store, bdev.name)
                bdev.claim = "exclusive_write"
        self.notify()

    def notify(self):
        """A bdev came: whoever waits for it looks again."""
        self.changed.set()
        self.changed = asyncio.Event()

    def find(self, name):
        """An Lvol or a Bdev by name, alias or uuid; None."""
        if name in self.bdevs:
            return self.bdevs[name]
        lvol = self.find_lvol(name)
        if lvol:
            return lvol
        return next((bdev for bdev in self.bdevs.values() if bdev.uuid == name.lower()), None)

    def find_lvol(self, name):
        store_name, slash, lvol_name = name.partition("/")
        for store in self.target.disks.stores.values():
            if not store.loaded:
                continue
            if slash and store.name == store_name and lvol_name in store.names:
                return store.names[lvol_name]
            if name.lower() in store.lvols:
                return store.lvols[name.lower()]
        return None

    def shape(self, each):
        """One element of bdev_get_bdevs."""
        target = self.target
        if isinstance(each, Bdev):
            name, aliases, product, block, blocks, ident = (each.name, [], each.product, each.block, each.blocks,
                                                            each.uuid)
            claim, writable, specific = each.claim, True, {}
        else:
            store = target.disks.stores[each.store]
            name, aliases, product, ident = each.uuid, ["%s/%s" % (store.name, each.name)], "Logical Volume", each.uuid
            block, blocks = store.block, each.shown * store.cluster // store.block
            claim = "exclusive_write" if target.nvmf.user_of(each.uuid) else ""
            writable, specific = not each.read_only, {"lvol": self.lvol_shape(each, store)}
        out = {"name": name, "aliases": aliases, "product_name": product, "block_size": block, "num_blocks": blocks,
               "uuid": ident,
               "assigned_rate_limits": {limit: self.limits.get(name, {}).get(limit, 0) for limit in LIMITS},
               "claimed": bool(claim)}
        if claim and target.release >= (23, 9):
            out["claim_type"] = claim
        able = {"read", "reset", "seek_hole", "seek_data"} | ({"write", "unmap", "write_zeroes"} if writable else set())
        out.update(zoned=False, supported_io_types={kind: kind in able for kind in IO_TYPES}, driver_specific=specific)
        return out

    def lvol_shape(self, lvol, store):
        disks = self.target.disks
        clones, parent = disks.clones(lvol), disks.lvols.get(lvol.parent)
        out = {"lvol_store_uuid": store.uuid, "base_bdev": store.base, "thin_provision": lvol.thin,
               "num_allocated_clusters": lvol.allocated, "snapshot": lvol.listed, "clone": bool(parent)}
        if parent:
            out["base_snapshot"] = parent.name
        if clones:
            out["clones"] = [clone.name for clone in clones]
        out["esnap_clone"] = False
        return out

    def all(self):
        stores = [store for store in self.target.disks.stores.values() if store.loaded]
        return list(self.bdevs.values()) + [lvol for store in stores for lvol in store.lvols.values()]

    @rpc("bdev_get_bdevs", BDEV, optional=True, name=may(text), timeout=may(u64))
    async def get_bdevs(self, _call, args):
        if args.name is None:
            return [self.shape(each) for each in self.all()]
        end = time.monotonic() + (args.timeout or 0) / 1000
        while True:
            found = self.find(args.name)
            if found:
                return [self.shape(found)]
            try:
                await asyncio.wait_for(self.changed.wait(), max(end - time.monotonic(), 0))
            except asyncio.TimeoutError:
                raise errno_error(errno.ENODEV) from None

    @rpc("bdev_get_iostat", BDEV, optional=True, name=may(text, until=(26, 5)),
         names=may(array(text, 1024), since=(26, 1)), per_channel=may(boolean),
         reset_mode=may(word("all", "maxmin", "error", "none"), since=(24, 1)))
    async def get_iostat(self, _call, args):
        if args.name is not None and args.names is not None:
            raise errno_error(errno.EINVAL)
        names = [args.name] if args.name is not None else args.names
        if args.per_channel and (names is None or len(names) != 1):
            raise errno_error(errno.EINVAL)
        found = self.all() if names is None else [self.find(name) for name in names]
        if None in found:
            raise errno_error(errno.ENODEV)
        head = {"tick_rate": TICK_RATE, "ticks": time.monotonic_ns() * 2}
        zeroes = dict.fromkeys(COUNTERS, 0)
        shown = [each.name if isinstance(each, Bdev) else each.uuid for each in found]
        if args.per_channel:
            return {**head, "name": shown[0], "channels": [{"thread_id": 2, **zeroes}]}
        return {**head, "bdevs": [{"name": name, **zeroes} for name in shown]}

    @rpc("bdev_set_qos_limit", BDEV, name=need(text), **{limit: may(u64) for limit in LIMITS})
    async def set_qos_limit(self, call, args):
        found = self.find(args.name)
        if not found:
            raise errno_error(errno.ENODEV)
        wanted = {limit: getattr(args, limit) for limit in LIMITS if getattr(args, limit) is not None}
        if not wanted:
            raise RpcError(-errno.EINVAL, "No rate limits specified")
        name = found.name if isinstance(found, Bdev) else found.uuid
        if name in self.changing:
            raise RpcError(INVALID_PARAMS, "Failed to configure rate limit: %s" % os.strerror(errno.EAGAIN))
        self.changing.add(name)
        try:
            await call.work()
            if "rw_ios_per_sec" in wanted:
                wanted["rw_ios_per_sec"] = -(-wanted["rw_ios_per_sec"] // 1000) * 1000
            self.limits.setdefault(name, {}).update(wanted)
        finally:
            self.changing.discard(name)
        return True

    @rpc("bdev_malloc_create", BDEV, num_blocks=need(u64), block_size=need(u32), name=may(text), uuid=may(uuid_text))
    async def malloc_create(self, call, args):
        await call.work()
        name = args.name or next("Malloc%d" % i for i in range(1 << 16) if "Malloc%d" % i not in self.bdevs)
        if name in self.bdevs:
            raise errno_error(errno.EEXIST)
        if not args.num_blocks or not args.block_size or args.block_size % 512:
            raise errno_error(errno.EINVAL)
        ident = args.uuid or str(uuid.uuid4())
        self.add(Bdev(name, "Malloc disk", args.block_size, args.num_blocks, ident, "memory:%s" % uuid.uuid4()))
        return name

    @rpc("bdev_aio_create", BDEV, name=need(text), filename=need(text), block_size=may(u32),
         readonly=may(boolean, since=(23, 9)), fallocate=may(boolean, since=(23, 9)),
         uuid=may(uuid_text, since=(24, 9)), nowait=may(boolean, since=(26, 1)))
    async def aio_create(self, call, args):
        await call.work()
        if args.name in self.bdevs:
            raise errno_error(errno.EEXIST)
        try:
            size = os.stat(args.filename).st_size
        except OSError as e:
            raise errno_error(e.errno) from None
        block = args.block_size or 512
        if block % 512 or size // block == 0:
            raise errno_error(errno.EINVAL)
        self.add(Bdev(args.name, "AIO disk", block, size // block, args.uuid or str(uuid.uuid4()),
                      "file:%s" % os.path.realpath(args.filename), path=args.filename))
        return args.name

    @rpc("bdev_aio_rescan", BDEV, name=need(text))
    async def aio_rescan(self, _call, args):
        bdev = self.bdevs.get(args.name)
        if not bdev or not bdev.path:
            raise errno_error(errno.ENODEV)
        bdev.blocks = os.stat(bdev.path).st_size // bdev.block
        return True

    def _delete(self, name, product):
        bdev = self.bdevs.get(name)
        if not bdev or bdev.product != product:
            raise errno_error(errno.ENODEV)
        self.target.drop_base(bdev)
        return True

    @rpc("bdev_malloc_delete", BDEV, name=need(text))
    async def malloc_delete(self, call, args):
        await call.work()
        return self._delete(args.name, "Malloc disk")

    @rpc("bdev_aio_delete", BDEV, name=need(text))
    async def aio_delete(self, call, args):
        await call.work()
        return self._delete(args.name, "AIO disk")

    @rpc("bdev_wait_for_examine", BDEV, bare="bdev_wait_for_examine requires no parameters")
    async def wait_for_examine(self, _call, _args):
        await self.target.examined.wait()
        return True

    def config(self):
        """What framework_get_config says of "bdev"."""
        out = [{"method": "bdev_set_qos_limit", "params": {"name": name, **limits}}
               for name, limits in self.limits.items() if any(limits.values())]
        return out + [{"method": "bdev_wait_for_examine"}]
