# SPDX-License-Identifier: Apache-2.0
"""What a call costs while few and while many objects are there, and what memory the programs then take.

One pool is filled to 10, 100 and 500 volumes, each with a snapshot and published to the node. At each of these
numbers the last ten calls of a kind are timed by the plugin that answers them, so what the client costs is not in
it. For people to read: `hack/bench many`. The machine is emulated: compare the columns of one line with each other.
"""

import json

import driver
import samples
import vm as lab

COUNTS = (10, 100, 500)
LAST = 10
SIZE = 32 << 20
HTTP = {"nvmetcp-controller": "127.0.0.1:9080", "nvmetcp-node": "127.0.0.1:9809"}


def chunks(items, size=50):
    return [items[i:i + size] for i in range(0, len(items), size)]


def documents(text):
    """The JSON documents of a text, which follow each other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


class Plugin:
    """A plugin of which many calls are asked over one connection, and that says how long they took."""

    def __init__(self, program):
        self.program, self.http = program, HTTP[program.name]
        program.arguments += f" --http-address {self.http}"
        program.start()

    def call(self, rpc, requests):
        """Return: the answers."""
        found = []
        for part in chunks(requests):
            driver.write(self.program.vm, "/run/requests", "\n".join(json.dumps(each) for each in part))
            found += documents(self.program.vm.run(
                f"{driver.BIN}/csic --socket {self.program.socket} {rpc} - </run/requests", timeout=600))
        assert len(found) == len(requests)
        return found

    def _spent(self, rpc):
        text = self.program.vm.run(f"curl -sSf http://{self.http}/metrics")
        return samples.operations(text, "csi_plugin_operations_seconds").get((rpc, "OK"), (0, 0.0))

    def timed(self, rpc, requests):
        """Return: the answers, and the mean milliseconds of one call."""
        count, seconds = self._spent(rpc)
        answers = self.call(rpc, requests)
        count_after, seconds_after = self._spent(rpc)
        assert count_after - count == len(requests)
        return answers, (seconds_after - seconds) / len(requests) * 1000


class Table:
    def __init__(self):
        self.lines = {}

    def add(self, name, count, number):
        self.lines.setdefault(name, {})[count] = number

    def print(self):
        print(f"\n{'ms of one call, while there are':34}" + "".join(f"{count:>9}" for count in COUNTS) + "  volumes")
        for name, numbers in self.lines.items():
            print(f"{name:34}" + "".join(f"{numbers[count]:9.1f}" for count in COUNTS if count in numbers))


class Pool:
    def __init__(self, machine):
        self.vm = machine
        self.target = driver.target(machine).start()
        self.ctl, self.node = Plugin(driver.controller(machine)), Plugin(driver.node(machine))
        self.node_id = self.node.call("NodeGetInfo", [{}])[0]["node_id"]
        self.volumes, self.snapshots = [], []
        self.table = Table()

    def _capable(self, ids, **more):
        return [{"volume_id": each, "volume_capability": driver.capability("block"), **more} for each in ids]

    def _make(self, how_many, call):
        """@call is self.ctl.call, or what times it."""
        first = len(self.volumes)
        volumes = call("CreateVolume", [
            {"name": f"volume-{first + i}", "capacity_range": {"required_bytes": SIZE},
             "volume_capabilities": [driver.capability("block")], "parameters": {"backend": "linux"}}
            for i in range(how_many)])
        new = [answer["volume"]["volume_id"] for answer in volumes]
        snapshots = call("CreateSnapshot", [
            {"name": f"snapshot-{first + i}", "source_volume_id": volume} for i, volume in enumerate(new)])
        contexts = call("ControllerPublishVolume", self._capable(new, node_id=self.node_id))
        self.volumes += new
        self.snapshots += [answer["snapshot"]["snapshot_id"] for answer in snapshots]
        return [answer["publish_context"] for answer in contexts]

    def _remove(self, how_many, call):
        """The newest ones."""
        if how_many == 0:
            return
        call("ControllerUnpublishVolume", [{"volume_id": each, "node_id": self.node_id}
                                           for each in self.volumes[-how_many:]])
        call("DeleteSnapshot", [{"snapshot_id": each} for each in self.snapshots[-how_many:]])
        call("DeleteVolume", [{"volume_id": each} for each in self.volumes[-how_many:]])
        del self.volumes[-how_many:], self.snapshots[-how_many:]

    def _timed(self, count, plugin):
        def call(rpc, requests):
            answers, ms = plugin.timed(rpc, requests)
            self.table.add(rpc, count, ms)
            return answers
        return call

    def _stage(self, count, contexts):
        """The newest volumes, on the node and away again."""
        new = self.volumes[-len(contexts):]
        paths = [f"{driver.KUBELET}/plugins/kubernetes.io/csi/many-{i}" for i in range(len(new))]
        self.vm.run("mkdir -p " + " ".join(paths))
        call = self._timed(count, self.node)
        call("NodeStageVolume", [{**request, "publish_context": context, "staging_target_path": path}
                                 for request, context, path in zip(self._capable(new), contexts, paths)])
        self.memory(f"{count} volumes, {len(new)} of them staged")
        call("NodeUnstageVolume", [{"volume_id": volume, "staging_target_path": path}
                                   for volume, path in zip(new, paths)])

    def _lists(self, count):
        call = self._timed(count, self.ctl)
        page = [{"max_entries": LAST}] * LAST
        for rpc, what in (("ListVolumes", self.volumes), ("ListSnapshots", self.snapshots)):
            assert all(len(answer["entries"]) == LAST for answer in call(rpc, page))
            answers, ms = self.ctl.timed(rpc, [{}])
            assert len(answers[0]["entries"]) == len(what) == count
            self.table.add(f"{rpc}, all, per entry", count, ms / count)
        call("GetCapacity", [{"parameters": {"backend": "linux"}}] * LAST)

    def memory(self, when):
        programs = (self.target, self.ctl.program, self.node.program)
        sizes = [self.vm.run(f"awk '$1 == \"VmRSS:\" {{print $2}}' /proc/{each.pid}/status") for each in programs]
        print("RSS MiB, " + f"{when}: " + ", ".join(
            f"{each.name} {int(size) / 1024:.1f}" for each, size in zip(programs, sizes)), flush=True)

    def fill(self, count):
        self._make(count - LAST - len(self.volumes), self.ctl.call)
        contexts = self._make(LAST, self._timed(count, self.ctl))
        self._lists(count)
        self._stage(count, contexts)

    def empty(self, count):
        self._remove(len(self.volumes) - count, self.ctl.call)
        self._remove(LAST, self._timed(count, self.ctl))


def test_cost_does_not_grow():
    with lab.Lab() as private:
        pool = Pool(private.vm("storage", disks={"pool": 49152}))
        pool.memory("nothing there")
        for count in COUNTS:
            pool.fill(count)
        for count in reversed(COUNTS):
            pool.empty(count)
        pool.memory("all deleted")
        pool.table.print()
