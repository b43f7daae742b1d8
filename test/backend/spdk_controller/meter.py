# SPDX-License-Identifier: Apache-2.0
"""What a call of the controller costs at its target: requests, and bytes of their answers."""

import collections
import dataclasses

import driver

NODE = "nqn.2026-01.dev.csi.nvmetcp:node.%s.node1" % driver.INSTANCE
SIZE = 4 << 20


@dataclasses.dataclass
class Cost:
    requests: dict  # method -> how often
    bytes: int

    @property
    def count(self):
        return sum(self.requests.values())


class Meter:
    """A pool that is filled and emptied through the controller, and what each call costs meanwhile."""

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

    def fill(self, count, snapshots):
        """So many volumes, all of them published, and so many snapshots."""
        volumes = self.controller.calls("CreateVolume", [self.new_volume() for _ in range(count - len(self.volumes))])
        new = [answer["volume"]["volume_id"] for answer in volumes]
        if new:
            self.controller.calls("ControllerPublishVolume", [self.publication(volume) for volume in new])
        self.volumes += new
        to_cut = self.volumes[len(self.snapshots):snapshots]
        if to_cut:
            cut = self.controller.calls("CreateSnapshot", [self.new_snapshot(volume) for volume in to_cut])
            self.snapshots += [answer["snapshot"]["snapshot_id"] for answer in cut]

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

    def empty(self):
        self.controller.calls("ControllerUnpublishVolume",
                              [{"volume_id": each, "node_id": NODE} for each in self.volumes])
        self.controller.calls("DeleteSnapshot", [{"snapshot_id": each} for each in self.snapshots])
        self.controller.calls("DeleteVolume", [{"volume_id": each} for each in self.volumes])
        self.volumes, self.snapshots = [], []
