# SPDX-License-Identifier: Apache-2.0
"""The bdev_lvol_* methods: who may do what to an lvol, and with which error it is refused.

The same mistake is answered in two ways. What SPDK finds at once has the code -errno; what it finds
when the work is under way has -32602 (-32603 for delete), and only the text tells them apart.
"""

import contextlib
import errno

from .lvol import DEFAULT_CLUSTER, NAME_MAX, check_name
from .rpc import (BDEV, INTERNAL_ERROR, INVALID_PARAMS, Field, boolean, errno_error, late_error, may, need, rpc, text,
                  u32, u64, word)

CLEAR = word("default", "none", "unmap", "write_zeroes")
# Up to 22.09 bytes only, from 24.05 on MiB only, between them either.
SIZE = {"size": Field(u64, required=lambda release: release < (23, 9), until=(24, 5)),
        "size_in_mib": Field(u64, required=lambda release: release >= (24, 5), since=(23, 9))}
MIB = 1 << 20


def in_bytes(args):
    """The size in the words of this release; both words at once are refused where both are known."""
    if (args.size is None) == (args.size_in_mib is None):
        raise errno_error(errno.EINVAL)
    return args.size if args.size_in_mib is None else args.size_in_mib * MIB


class LvolService:
    def __init__(self, target):
        self.target = target
        self.copies = {}  # operation_id -> [done, total]
        self.copy_count = 0

    def store(self, by_uuid, by_name):
        """Exactly one of them must be given."""
        if (by_uuid is None) == (by_name is None):
            raise errno_error(errno.EINVAL)
        for store in self.target.disks.stores.values():
            if store.loaded and (store.uuid == by_uuid.lower() if by_name is None else store.name == by_name):
                return store
        raise errno_error(errno.ENODEV)

    def lvol(self, name):
        lvol = self.target.bdev.find_lvol(name)
        if not lvol:
            raise errno_error(errno.ENODEV)
        return lvol

    @contextlib.contextmanager
    def alone(self, lvol, code=INVALID_PARAMS):
        """One operation at a time on an lvol: a second one is refused, not queued."""
        if lvol.busy:
            raise late_error(errno.EBUSY, code)
        lvol.busy = True
        try:
            yield
        finally:
            lvol.busy = False

    @contextlib.contextmanager
    def naming(self, store, name, error):
        """The name is taken from here on, though the lvol is not there yet."""
        check_name(store, name, error)
        store.pending.add(name)
        try:
            yield
        finally:
            store.pending.discard(name)

    @rpc("bdev_lvol_create_lvstore", BDEV, bdev_name=need(text), lvs_name=need(text), cluster_sz=may(u32),
         clear_method=may(word("unmap", "write_zeroes", "none")), num_md_pages_per_cluster_ratio=may(u32),
         md_page_size=may(u32, since=(25, 5)))
    async def create_lvstore(self, call, args):
        disks, bdev = self.target.disks, self.target.bdev.bdevs.get(args.bdev_name)
        if not bdev:
            raise errno_error(errno.ENODEV)
        if not 1 <= len(args.lvs_name.encode()) <= NAME_MAX:
            raise errno_error(errno.EINVAL)
        if any(store.name == args.lvs_name for store in disks.stores.values() if store.loaded):
            raise errno_error(errno.EEXIST)
        if bdev.claim:
            raise errno_error(errno.EPERM)
        cluster = args.cluster_sz or DEFAULT_CLUSTER
        if cluster % 4096 or bdev.block * bdev.blocks < 4 * cluster:
            raise late_error(errno.EINVAL)
        bdev.claim = "exclusive_write"
        await call.work()
        size, block = bdev.block * bdev.blocks, self.target.io_unit(bdev)
        return disks.create_store(args.lvs_name, bdev.name, bdev.backing, size, cluster, block).uuid

    @rpc("bdev_lvol_get_lvstores", BDEV, optional=True, uuid=may(text), lvs_name=may(text))
    async def get_lvstores(self, call, args):
        empty = self.target.diverges("lvstores-empty-params") and args.uuid is None and args.lvs_name is None
        if call.given and not empty:
            stores = [self.store(args.uuid, args.lvs_name)]
        else:
            stores = [store for store in self.target.disks.stores.values() if store.loaded]
        return [self.store_shape(store) for store in stores]

    def store_shape(self, store):
        out = {"uuid": store.uuid, "name": store.name, "base_bdev": store.base, "total_data_clusters": store.total,
               "free_clusters": max(store.free, 0), "block_size": store.block, "cluster_size": store.cluster}
        if self.target.release >= (25, 5):
            out["max_growable_size"] = store.total * store.cluster * 8
        return out

    @rpc("bdev_lvol_grow_lvstore", BDEV, since=(22, 9), uuid=may(text), lvs_name=may(text))
    async def grow_lvstore(self, call, args):
        store = self.store(args.uuid, args.lvs_name)
        await call.work()
        bdev = self.target.bdev.bdevs[store.base]
        store.total = max(store.total, bdev.block * bdev.blocks // store.cluster - 1)
        self.target.disks.save(stores=[store])
        return True

    @rpc("bdev_lvol_get_lvols", BDEV, since=(23, 5), optional=True, lvs_uuid=may(text), lvs_name=may(text))
    async def get_lvols(self, call, args):
        stores = [self.store(args.lvs_uuid, args.lvs_name)] if call.given else self.target.disks.stores.values()
        return [self.lvol_shape(store, lvol) for store in stores for lvol in store.lvols.values()]

    @staticmethod
    def lvol_shape(store, lvol):
        return {"alias": "%s/%s" % (store.name, lvol.name), "uuid": lvol.uuid, "name": lvol.name,
                "is_thin_provisioned": lvol.thin, "is_snapshot": lvol.listed, "is_clone": bool(lvol.parent),
                "is_esnap_clone": False, "is_degraded": False, "num_allocated_clusters": lvol.allocated,
                "lvs": {"name": store.name, "uuid": store.uuid}}

    @rpc("bdev_lvol_create", BDEV, lvol_name=need(text), **SIZE, uuid=may(text), lvs_name=may(text),
         thin_provision=may(boolean), clear_method=may(CLEAR))
    async def create(self, call, args):
        store = self.store(args.uuid, args.lvs_name)
        size = in_bytes(args)
        with self.naming(store, args.lvol_name, errno_error):
            await call.work()
            lvol = self.target.disks.create(store, args.lvol_name, size, bool(args.thin_provision))
        self.target.bdev.notify()
        return lvol.uuid

    @rpc("bdev_lvol_delete", BDEV, name=need(text))
    async def delete(self, call, args):
        """Nothing asks whether a host uses it: the namespace is taken away."""
        lvol = self.lvol(args.name)
        if self.target.diverges("delete-guarded") and self.target.nvmf.user_of(lvol.uuid):
            raise late_error(errno.EBUSY, INTERNAL_ERROR)
        if len(self.target.disks.clones(lvol)) > 1:
            raise late_error(errno.EPERM, INTERNAL_ERROR)
        with self.alone(lvol, INTERNAL_ERROR):
            await call.work()
            self.target.disks.delete(lvol)
            self.target.nvmf.hot_remove(lvol.uuid)
            self.target.bdev.limits.pop(lvol.uuid, None)
        return True

    @rpc("bdev_lvol_resize", BDEV, name=need(text), **SIZE)
    async def resize(self, call, args):
        lvol = self.lvol(args.name)
        size = in_bytes(args)
        with self.alone(lvol):
            await call.work()
            if lvol.clusters != -(-size // self.target.disks.stores[lvol.store].cluster):
                if lvol.read_only:
                    raise late_error(errno.EPERM)
                self.target.disks.resize(lvol, size, bool(self.target.nvmf.user_of(lvol.uuid)))
        return True

    @rpc("bdev_lvol_snapshot", BDEV, lvol_name=need(text), snapshot_name=need(text))
    async def snapshot(self, call, args):
        lvol = self.lvol(args.lvol_name)
        wrong = errno_error if self.target.diverges("early-duplicate") else late_error
        with self.naming(self.target.disks.stores[lvol.store], args.snapshot_name, wrong), self.alone(lvol):
            if lvol.read_only:
                raise late_error(errno.EINVAL)
            await call.work()
            return self.target.disks.snapshot(lvol, args.snapshot_name).uuid

    @rpc("bdev_lvol_clone", BDEV, snapshot_name=need(text), clone_name=need(text))
    async def clone(self, call, args):
        snapshot = self.lvol(args.snapshot_name)
        with self.naming(self.target.disks.stores[snapshot.store], args.clone_name, late_error), self.alone(snapshot):
            if not snapshot.read_only:
                raise late_error(errno.EINVAL)
            await call.work()
            return self.target.disks.clone(snapshot, args.clone_name).uuid

    @rpc("bdev_lvol_inflate", BDEV, name=need(text))
    async def inflate(self, call, args):
        lvol = self.lvol(args.name)
        with self.alone(lvol):
            await call.work()
            self.target.disks.inflate(lvol)
        return True

    @rpc("bdev_lvol_decouple_parent", BDEV, name=need(text))
    async def decouple_parent(self, call, args):
        lvol = self.lvol(args.name)
        with self.alone(lvol):
            if not lvol.parent:
                raise late_error(errno.EINVAL)
            await call.work()
            self.target.disks.decouple(lvol)
        return True

    @rpc("bdev_lvol_rename", BDEV, old_name=need(text), new_name=need(text))
    async def rename(self, call, args):
        lvol = self.lvol(args.old_name)
        await call.work()
        self.target.disks.rename(lvol, args.new_name)
        return True

    @rpc("bdev_lvol_set_read_only", BDEV, name=need(text))
    async def set_read_only(self, call, args):
        lvol = self.lvol(args.name)
        await call.work()
        self.target.disks.set_read_only(lvol)
        return True

    @rpc("bdev_lvol_set_parent", BDEV, since=(24, 5), lvol_name=need(text), parent_name=need(text))
    async def set_parent(self, call, args):
        lvol, parent = self.lvol(args.lvol_name), self.lvol(args.parent_name)
        with self.alone(lvol):
            await call.work()
            self.target.disks.set_parent(lvol, parent)
        return True

    @rpc("bdev_lvol_start_shallow_copy", BDEV, since=(24, 5), src_lvol_name=need(text), dst_bdev_name=need(text))
    async def start_shallow_copy(self, _call, args):
        lvol, bdev = self.lvol(args.src_lvol_name), self.target.bdev.bdevs.get(args.dst_bdev_name)
        if not lvol.read_only:
            raise late_error(errno.EPERM)
        if not bdev:
            raise late_error(errno.ENODEV)
        if bdev.block * bdev.blocks < lvol.clusters * self.target.disks.stores[lvol.store].cluster:
            raise late_error(errno.EINVAL)
        self.copy_count += 1
        self.copies[self.copy_count] = [0, lvol.allocated]
        return {"operation_id": self.copy_count}

    @rpc("bdev_lvol_check_shallow_copy", BDEV, since=(24, 5), operation_id=need(u32))
    async def check_shallow_copy(self, _call, args):
        """Each question finds one cluster more copied; the record goes with the answer "complete"."""
        copy = self.copies.get(args.operation_id)
        if not copy:
            raise errno_error(errno.ENODEV)
        done = copy[0] == copy[1]
        out = {"copied_clusters": copy[0], "total_clusters": copy[1], "state": "complete" if done else "in progress"}
        copy[0] += not done
        if done:
            del self.copies[args.operation_id]
        return out
