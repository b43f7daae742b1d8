# SPDX-License-Identifier: Apache-2.0
"""What a call of the controller costs at its target: requests, and bytes of their answers."""

import collections
import dataclasses
import hashlib

import driver

NODE = "nqn.2026-01.dev.csi.nvmetcp:node.%s.node1" % driver.INSTANCE
SIZE = 4 << 20


def object_of(kind, name):
    return "%s-%s-%s" % (driver.INSTANCE, kind, hashlib.sha256(name.encode()).hexdigest()[:32])


def base32(number, digits):
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(letters[number >> 5 * i & 31] for i in reversed(range(digits)))


def stored_name(kind, name, source="", seconds=0):
    """What an lvol is called, as docs/backend-contract.md says it."""
    of_name = int(hashlib.sha256(name.encode()).hexdigest()[:32], 16)
    of_source = int(hashlib.sha256(source.encode()).hexdigest()[:16], 16) >> 9 if source else 0
    return "%s-%s%s-%s%s" % (driver.INSTANCE, kind, base32(of_name, 26), base32(of_source, 11), base32(seconds, 7))


@dataclasses.dataclass
class Cost:
    requests: dict  # method -> how often
    bytes: int

    @property
    def count(self):
        return sum(self.requests.values())


class Meter:
    """A pool with so many volumes and snapshots, and what each call of the controller costs there."""

    def __init__(self, double, controller):
        self.double, self.target, self.controller = double, double.control(), controller
        self.volumes, self.snapshots, self.made = [], [], 0

    def measure(self, rpc, request):
        """Return: the answer and its cost."""
        calls, size = self.target.do("calls"), self.target.do("answered")
        answer = self.controller.call(rpc, **request)
        calls = collections.Counter(self.target.do("calls")) - collections.Counter(calls)
        return answer, Cost(dict(calls), self.target.do("answered") - size)

    def new_volume(self, **more):
        """The request for a volume that is not there yet."""
        self.made += 1
        return {"name": "volume-%d" % self.made, "capacity_range": {"required_bytes": SIZE},
                "volume_capabilities": [driver.capability("block")], "parameters": {"backend": "fast"}, **more}

    @staticmethod
    def new_snapshot(volume):
        return {"name": "of-" + volume, "source_volume_id": volume}

    @staticmethod
    def publication(volume):
        return {"volume_id": volume, "node_id": NODE, "volume_capability": driver.capability("block")}

    def fill(self, count, snapshots, published=True):
        """So many volumes and so many snapshots: made at the target itself, since making them
        one by one through the controller costs as much as all that there is, each time."""
        client = self.double.client()
        for number in range(len(self.volumes), count):
            name = "there-%d" % number
            ident = client.call("bdev_lvol_create", {
                "lvs_name": "lvs0", "lvol_name": stored_name("v", name), "size_in_mib": SIZE >> 20,
                "thin_provision": True})
            if published:
                self._export(client, ident)
            self.volumes.append(name)
        for name in self.volumes[len(self.snapshots):snapshots]:
            client.call("bdev_lvol_snapshot", {
                "lvol_name": "lvs0/" + stored_name("v", name),
                "snapshot_name": stored_name("s", name, object_of("v", name), 1763712000)})
            self.snapshots.append(name)
        self._see(published)

    @staticmethod
    def _export(client, ident):
        nqn = "nqn.2026-01.dev.csi.nvmetcp:%s:%s" % (driver.INSTANCE, ident)
        client.call("nvmf_create_subsystem", {"nqn": nqn, "ana_reporting": True, "max_namespaces": 1})
        client.call("nvmf_subsystem_add_ns", {"nqn": nqn, "namespace": {"bdev_name": ident, "nsid": 1, "anagrpid": 1}})
        client.call("nvmf_subsystem_add_host", {"nqn": nqn, "host": NODE})
        client.call("nvmf_subsystem_add_listener", {"nqn": nqn, "listen_address": {
            "trtype": "TCP", "adrfam": "IPv4", "traddr": "127.0.0.1", "trsvcid": "4420"}})

    def _see(self, published):
        """The controller takes all of it for what it is."""
        for rpc, of_kind, names in (("ListVolumes", "volume", self.volumes), ("ListSnapshots", "snapshot", self.snapshots)):
            entries = self._all(rpc)
            ids = {each[of_kind][of_kind + "_id"] for each in entries}
            assert ids == {"fast/" + object_of(of_kind[0], name) for name in names}
            if of_kind == "volume" and published:
                assert all(each["status"]["published_node_ids"] == [NODE] for each in entries)

    def _all(self, rpc):
        """The entries of all pages."""
        entries, answer = [], {"next_token": ""}
        while "next_token" in answer:
            answer = self.controller.call(rpc, starting_token=answer["next_token"])
            entries += answer.get("entries", [])
        return entries

    def life(self):
        """One volume and one snapshot from their beginning to their end, beside those that are there.
        Return: {what: cost}"""
        costs = {}

        def call(rpc, what=None, **request):
            answer, costs[what or rpc] = self.measure(rpc, request)
            return answer

        volume = call("CreateVolume", **self.new_volume())["volume"]["volume_id"]
        call("ControllerPublishVolume", **self.publication(volume))
        call("ControllerPublishVolume", "ControllerPublishVolume, again", **self.publication(volume))
        call("ControllerGetVolume", volume_id=volume)
        call("ControllerExpandVolume", volume_id=volume, capacity_range={"required_bytes": 2 * SIZE})
        snapshot = call("CreateSnapshot", **self.new_snapshot(volume))["snapshot"]["snapshot_id"]
        call("ListSnapshots", "ListSnapshots, one by its id", snapshot_id=snapshot)
        source = {"snapshot": {"snapshot_id": snapshot}}
        restored = call("CreateVolume", "CreateVolume, of a snapshot", **self.new_volume(
            volume_content_source=source, capacity_range={"required_bytes": 2 * SIZE}))["volume"]["volume_id"]
        call("ListVolumes", "ListVolumes, a page of 10", max_entries=10)
        call("ListSnapshots", "ListSnapshots, a page of 10", max_entries=10)
        call("GetCapacity", parameters={"backend": "fast"})
        call("DeleteVolume", "DeleteVolume, of a restored one", volume_id=restored)
        call("DeleteSnapshot", snapshot_id=snapshot)
        call("ControllerUnpublishVolume", volume_id=volume, node_id=NODE)
        call("DeleteVolume", volume_id=volume)
        return costs
