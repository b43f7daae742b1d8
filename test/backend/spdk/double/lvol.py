# SPDX-License-Identifier: Apache-2.0
"""Lvol stores and lvols: the part of the target that lives on its disks.

Which clusters of an lvol are its own is one integer, bit i for cluster i; a thin lvol reads all
other clusters from its parent, or as zeroes. So snapshot, clone, decouple, inflate and the merge on
deletion of a snapshot have the cluster counts that the blobstore's rules give them.

Everything here survives a restart; see journal.py. What a restart forgets is said at the field.
"""

import dataclasses
import errno
import uuid

from .rpc import INTERNAL_ERROR, errno_error, late_error

NAME_MAX = 63
DEFAULT_CLUSTER = 4 << 20


@dataclasses.dataclass
class Lvol:
    uuid: str
    store: str
    name: str
    clusters: int
    own: int  # bit i: cluster i is allocated here
    thin: bool
    read_only: bool = False
    parent: str = ""

    # Forgotten by a restart.
    listed: bool = dataclasses.field(default=False, compare=False)  # had a clone since the store was loaded
    busy: bool = dataclasses.field(default=False, compare=False)
    shown: int = dataclasses.field(default=0, compare=False)  # clusters that the bdev says it has

    KEPT = ("uuid", "store", "name", "clusters", "own", "thin", "read_only", "parent")

    def __post_init__(self):
        self.shown = self.clusters

    def kept(self):
        return {**{key: getattr(self, key) for key in self.KEPT}, "own": "%x" % self.own}

    @classmethod
    def load(cls, kept):
        return cls(**{**kept, "own": int(kept["own"], 16)})

    @property
    def allocated(self):
        return self.own.bit_count()


@dataclasses.dataclass
class Store:
    uuid: str
    name: str
    base: str  # the bdev that it is on
    backing: str  # what that bdev is on: it comes back with it
    cluster: int
    block: int
    total: int
    foreign: int = 0  # clusters taken by nobody that is listed: set by the control channel

    # Forgotten by a restart.
    loaded: bool = dataclasses.field(default=False, compare=False)
    lvols: dict = dataclasses.field(default_factory=dict, compare=False)  # by uuid
    names: dict = dataclasses.field(default_factory=dict, compare=False)
    pending: set = dataclasses.field(default_factory=set, compare=False)
    used: int = dataclasses.field(default=0, compare=False)

    KEPT = ("uuid", "name", "base", "backing", "cluster", "block", "total", "foreign")

    def kept(self):
        return {key: getattr(self, key) for key in self.KEPT}

    @property
    def free(self):
        return self.total - self.used - self.foreign


def low_bits(count):
    return (1 << count) - 1


def check_name(store, name, error):
    """error is errno_error or late_error, by how the method answers."""
    if not 1 <= len(name.encode()) <= NAME_MAX:
        raise error(errno.EINVAL)
    if name in store.names or name in store.pending:
        raise error(errno.EEXIST)


class Disks:
    """All stores and lvols, and the one place that changes them."""

    def __init__(self, journal):
        self.journal = journal
        self.stores, self.lvols = {}, {}  # lvols: all there are; a store lists those that it loaded
        self.children = {}  # uuid of the parent -> set of uuids
        for kept in journal.stores.values():
            self.stores[kept["uuid"]] = Store(**kept)
        for kept in journal.lvols.values():
            lvol = Lvol.load(kept)
            self.lvols[lvol.uuid] = lvol
            self.stores[lvol.store].used += lvol.allocated
            if lvol.parent:
                self.children.setdefault(lvol.parent, set()).add(lvol.uuid)

    def load(self, store, base):
        """The base bdev is there and was examined."""
        store.loaded, store.base = True, base
        for lvol in self.lvols.values():
            # A name that rename let through but that the loader refuses: that lvol is not listed.
            if lvol.store == store.uuid and len(lvol.name.encode()) <= NAME_MAX:
                lvol.listed = bool(self.children.get(lvol.uuid))
                lvol.shown = lvol.clusters
                store.lvols[lvol.uuid] = lvol
                store.names[lvol.name] = lvol

    @staticmethod
    def unload(store):
        store.loaded = False
        store.lvols.clear()
        store.names.clear()

    def create_store(self, name, base, backing, size, cluster, block):
        store = Store(str(uuid.uuid4()), name, base, backing, cluster, block, max(size // cluster - 1, 0))
        self.stores[store.uuid] = store
        store.loaded = True
        self.save(stores=[store])
        return store

    def save(self, *lvols, stores=(), gone=()):
        self.journal.write(stores=[s.kept() for s in stores], lvols=[v.kept() for v in lvols], gone=gone)

    def clones(self, lvol):
        return [self.lvols[each] for each in sorted(self.children.get(lvol.uuid, ()))]

    def own(self, lvol, bits):
        store = self.stores[lvol.store]
        store.used += bits.bit_count() - lvol.allocated
        lvol.own = bits

    def link(self, lvol, parent):
        """parent: an Lvol or None."""
        if lvol.parent:
            self.children[lvol.parent].discard(lvol.uuid)
        lvol.parent = parent.uuid if parent else ""
        if parent:
            parent.listed = True
            self.children.setdefault(parent.uuid, set()).add(lvol.uuid)

    def _insert(self, store, name, clusters, own, **more):
        lvol = Lvol(str(uuid.uuid4()), store.uuid, name, clusters, 0, **more)
        self.lvols[lvol.uuid] = store.lvols[lvol.uuid] = store.names[name] = lvol
        self.own(lvol, own)
        return lvol

    def create(self, store, name, size, thin):
        clusters = -(-size // store.cluster)
        if not thin and clusters > store.free:
            raise late_error(errno.ENOSPC)
        lvol = self._insert(store, name, clusters, 0 if thin else low_bits(clusters), thin=thin)
        self.save(lvol)
        return lvol

    def snapshot(self, lvol, name):
        """The snapshot gets the clusters; the source keeps its uuid and is from now on a thin clone."""
        store = self.stores[lvol.store]
        own, parent = lvol.own, self.lvols.get(lvol.parent)
        self.own(lvol, 0)
        snapshot = self._insert(store, name, lvol.clusters, own, thin=True, read_only=True)
        self.link(snapshot, parent)
        self.link(lvol, snapshot)
        lvol.thin = True
        self.save(snapshot, lvol)
        return snapshot

    def clone(self, snapshot, name):
        store = self.stores[snapshot.store]
        lvol = self._insert(store, name, snapshot.clusters, 0, thin=True)
        self.link(lvol, snapshot)
        self.save(lvol)
        return lvol

    def delete(self, lvol):
        clones = self.clones(lvol)
        if len(clones) > 1:
            raise late_error(errno.EPERM, INTERNAL_ERROR)
        store, parent, changed = self.stores[lvol.store], self.lvols.get(lvol.parent), []
        own = lvol.own
        self.own(lvol, 0)
        if clones:
            clone = clones[0]
            self.own(clone, clone.own | own & low_bits(clone.clusters))
            self.link(clone, parent)
            changed.append(clone)
        self.link(lvol, None)
        self.children.pop(lvol.uuid, None)
        del self.lvols[lvol.uuid], store.lvols[lvol.uuid], store.names[lvol.name]
        self.save(*changed, gone=[lvol.uuid])

    def resize(self, lvol, size, in_use):
        """SPDK truncates first; only then does a bdev in use refuse to become smaller."""
        store = self.stores[lvol.store]
        clusters = -(-size // store.cluster)
        if clusters > lvol.clusters and not lvol.thin:
            if clusters - lvol.clusters > store.free:
                raise late_error(errno.ENOSPC)
            self.own(lvol, low_bits(clusters))
        else:
            self.own(lvol, lvol.own & low_bits(clusters))
        lvol.clusters = clusters
        self.save(lvol)
        if in_use and clusters < lvol.shown:
            raise late_error(errno.EBUSY)
        lvol.shown = clusters

    def _copy(self, lvol, bits):
        if (bits & ~lvol.own).bit_count() > self.stores[lvol.store].free:
            raise late_error(errno.ENOSPC)
        self.own(lvol, lvol.own | bits)

    def inflate(self, lvol):
        """All clusters of its own, no parent, thick."""
        self._copy(lvol, low_bits(lvol.clusters))
        self.link(lvol, None)
        lvol.thin = False
        self.save(lvol)

    def decouple(self, lvol):
        """The parent's clusters are copied; the parent's own parent, if any, takes its place."""
        parent = self.lvols.get(lvol.parent)
        if not parent:
            raise late_error(errno.EINVAL)
        self._copy(lvol, parent.own & low_bits(lvol.clusters))
        self.link(lvol, self.lvols.get(parent.parent))
        self.save(lvol)

    def set_parent(self, lvol, parent):
        if parent.store != lvol.store or parent.clusters != lvol.clusters or not lvol.thin or not parent.read_only:
            raise late_error(errno.EINVAL)
        self.link(lvol, parent)
        self.save(lvol)

    def rename(self, lvol, name):
        """Not checked for its length: found in the source, and a trap; see load()."""
        store = self.stores[lvol.store]
        if name == lvol.name:
            return
        if name in store.names:
            raise late_error(errno.EEXIST)
        del store.names[lvol.name]
        lvol.name = name
        store.names[name] = lvol
        self.save(lvol)

    def set_read_only(self, lvol):
        lvol.read_only = True
        self.save(lvol)

    def write(self, lvol, bits):
        """What a host's writes do: clusters become the lvol's own until the pool is full. The number
        of clusters for which there was no space."""
        wanted = bits & low_bits(lvol.clusters) & ~lvol.own
        room, got = self.stores[lvol.store].free, 0
        while wanted and room:
            lowest = wanted & -wanted
            got, wanted, room = got | lowest, wanted ^ lowest, room - 1
        self.own(lvol, lvol.own | got)
        self.save(lvol)
        return wanted.bit_count()

    def discard(self, lvol, bits):
        """What a host's discards do to a thin lvol without a parent; with one, SPDK writes zeroes."""
        if lvol.thin and not lvol.parent:
            self.own(lvol, lvol.own & ~bits)
            self.save(lvol)
