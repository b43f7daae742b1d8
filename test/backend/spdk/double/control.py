# SPDX-License-Identifier: Apache-2.0
"""The control channel: lines of JSON on a Unix socket of its own, one answer to each.

{"do": NAME, ...} is answered with {"ok": RESULT} or {"failed": "why"}. Sizes are in clusters.

fault METHOD ACT ...     a rule of faults.py, its words beside "do"; the answer is its id
faults                   all rules, with how often each was seen and struck
release                  whoever is held or delayed goes on; later ones too
clear                    the same, and no rule is left
restart [examine=false]  as the process would: exports are gone, lvols are there. Without examine the
                         stores stay unknown until "examine"
examine                  the base bdevs come up
down, up                 the two halves of a restart: no socket in between
wipe                     empty disks, no exports, no rules
write LVOL CLUSTERS      a host writes: a number (the first ones) or [from, to). The answer is for how
                         many there was no space
discard LVOL CLUSTERS    a host discards
foreign STORE CLUSTERS   so many clusters are taken by something that is in no list
offline STORE            its base bdev is pulled; online STORE: it is back
connect NQN HOST         a host connects to each listener
port TRADDR TRSVCID TAKEN  whether that address is taken by another program
calls                    how often each method was called since the start or the last wipe
answered                 how many bytes all answers had since then
state                    generation (number of starts since the last wipe), release, whether the stores
                         were examined, connections at the socket
"""

import asyncio
import contextlib
import json
import os

from .bdev import Bdev


def bits(clusters):
    first, end = (0, clusters) if isinstance(clusters, int) else clusters
    if not 0 <= first <= end:
        raise ValueError("clusters %r: a number or [from, to)" % (clusters,))
    return ((1 << (end - first)) - 1) << first


class Control:
    def __init__(self, target, server, faults):
        self.target, self.server, self.faults = target, server, faults

    async def listen(self, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return await asyncio.start_unix_server(self.client, path)

    async def client(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write((json.dumps(self.answer(line)) + "\n").encode())
                await writer.drain()
        writer.close()

    def answer(self, line):
        try:
            words = json.loads(line)
            name = words.pop("do")
            act = getattr(self, "do_" + name, None)
            if not act:
                raise ValueError("no command %r: see the control channel in --help" % name)
            return {"ok": act(**words)}
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            return {"failed": "%s: %s" % (type(e).__name__, e)}

    def lvol(self, name):
        lvol = self.target.bdev.find_lvol(name)
        if not lvol:
            raise ValueError("no lvol %r" % name)
        return lvol

    def store(self, name):
        for store in self.target.disks.stores.values():
            if store.name == name:
                return store
        raise ValueError("no store %r" % name)

    def do_fault(self, **words):
        return self.faults.add(**words).id

    def do_faults(self):
        return [rule.shown() for rule in self.faults.rules]

    def do_release(self):
        self.faults.release()

    def do_clear(self):
        self.faults.clear()

    def do_restart(self, examine=True):
        self.server.restart(examine)

    def do_examine(self):
        if not self.target.examined.is_set():
            self.target.examine()

    def do_down(self):
        self.server.down()

    def do_up(self, examine=True):
        self.server.up(examine)

    def do_wipe(self):
        self.faults.clear()
        self.target.wipe()
        if not self.server.sock:
            self.server.listen()

    def do_write(self, lvol, clusters):
        return self.target.disks.write(self.lvol(lvol), bits(clusters))

    def do_discard(self, lvol, clusters):
        self.target.disks.discard(self.lvol(lvol), bits(clusters))

    def do_foreign(self, store, clusters):
        found = self.store(store)
        found.foreign = clusters
        self.target.disks.save(stores=[found])

    def do_offline(self, store):
        found = self.store(store)
        if not found.loaded:
            raise ValueError("store %r is not there" % store)
        self.pulled = self.target.bdev.bdevs[found.base]
        self.target.drop_base(self.pulled)

    def do_online(self, store):
        if self.store(store).loaded:
            raise ValueError("store %r is there" % store)
        base = self.pulled
        self.target.bdev.add(Bdev(base.name, base.product, base.block, base.blocks, base.uuid, base.backing,
                                  path=base.path))

    def do_connect(self, nqn, host):
        self.target.state.connect(nqn, host)

    def do_port(self, traddr, trsvcid, taken):
        (self.target.taken_ports.add if taken else self.target.taken_ports.discard)((traddr, trsvcid))

    def do_calls(self):
        return self.target.calls

    def do_answered(self):
        return self.target.answered

    def do_state(self):
        return {"generation": self.target.generation, "release": "%d.%02d" % self.target.release,
                "examined": self.target.examined.is_set(), "connections": len(self.server.connections)}
