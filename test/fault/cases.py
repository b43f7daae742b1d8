# SPDX-License-Identifier: Apache-2.0
"""What is done at each fault point: for each RPC and each way a volume is used, what must be so
before it, the call, what undoes it, and what must be true in the end."""

import errno
import hashlib
import os

import driver
import machine

MIB = 1 << 20
SIZES = {"ext4": 64 * MIB, "xfs": 320 * MIB, "block": 64 * MIB}
DATA = 512 * 1024


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Volume(driver.Attachment):
    """A volume and its place on the node, with data whose checksum is known."""

    def __init__(self, world, name, fs, source=None):
        self.world, self.fs = world, fs
        self.request = {
            "name": name, "capacity_range": {"required_bytes": SIZES[fs]},
            "volume_capabilities": [driver.capability(fs)], "parameters": {"backend": "linux"}}
        if source:
            self.request["volume_content_source"] = source
        self.size = SIZES[fs]
        self.sums = {}
        self.created = False

    def create(self):
        volume = self.world.controller.call("CreateVolume", **self.request)["volume"]
        if not self.created:
            super().__init__(self.world.controller, self.world.node, volume, driver.capability(self.fs),
                             pod=self.request["name"])
            self.created = True
        return self

    def delete(self):
        self.ctl.call("DeleteVolume", volume_id=self.volume["volume_id"])

    def delete_whatever(self):
        """Also when nobody knows its id: the provisioner learns it by creating once more."""
        machine.retried(self.create)
        machine.retried(self.delete)

    def grow(self):
        self.ctl.call("ControllerExpandVolume", volume_id=self.volume["volume_id"], volume_capability=self.cap,
                      capacity_range={"required_bytes": self.size})

    def grow_on_node(self):
        self.node.call("NodeExpandVolume", volume_id=self.volume["volume_id"], volume_path=self.target,
                       staging_target_path=self.staging, volume_capability=self.cap,
                       capacity_range={"required_bytes": self.size})

    def size_seen(self):
        if self.fs == "block":
            fd = os.open(self.target, os.O_RDONLY)
            try:
                return os.lseek(fd, 0, os.SEEK_END)
            finally:
                os.close(fd)
        stat = os.statvfs(self.target)
        return stat.f_blocks * stat.f_frsize

    def has_its_size(self):
        seen = self.size_seen()
        assert seen > self.size * 0.8 if self.fs != "block" else seen == self.size, \
            f"the pod sees {seen} bytes, {self.size} were asked for"

    # A raw device has a place of its own for each name.
    def _open(self, name, flags):
        if self.fs != "block":
            return os.open(f"{self.target}/{name}", flags, 0o600)
        fd = os.open(self.target, flags)
        os.lseek(fd, {"first": 0, "second": 8 * MIB, "third": 16 * MIB}[name], os.SEEK_SET)
        return fd

    def write(self, name, sync=True):
        data = os.urandom(DATA)
        fd = self._open(name, os.O_WRONLY if self.fs == "block" else os.O_WRONLY | os.O_CREAT)
        try:
            os.write(fd, data)
            # A raw device has nothing that would write back for its user when it is closed.
            if sync or self.fs == "block":
                os.fsync(fd)
        finally:
            os.close(fd)
        self.sums[name] = sha(data)

    def read_back(self):
        for name, right in self.sums.items():
            fd = self._open(name, os.O_RDONLY)
            try:
                data = os.read(fd, DATA)
            finally:
                os.close(fd)
            assert sha(data) == right, f"{self.request['name']}: {name} has other bytes ({len(data)}) than were written"

    def attached(self):
        """Staged and published for the time of a `with`, all of it repeated as long as it takes."""
        return Attached(self)

    # What kubelet does to folders, without a shell.
    def stage(self, timeout=60):
        os.makedirs(self.staging, exist_ok=True)
        self.node.call("NodeStageVolume", timeout=timeout, publish_context=self.context,
                       staging_target_path=self.staging, **self.common())
        return self

    def publish(self):
        os.makedirs(os.path.dirname(self.target), exist_ok=True)
        self.node.call("NodePublishVolume", publish_context=self.context, staging_target_path=self.staging,
                       target_path=self.target, readonly=False, **self.common())
        return self

    def _remove_empty(self, path):
        while path not in (driver.KUBELET, f"{driver.KUBELET}/pods", f"{driver.KUBELET}/plugins"):
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                return
            path = os.path.dirname(path)


class Attached:
    def __init__(self, volume):
        self.volume = volume

    def __enter__(self):
        machine.retried(self.volume.stage)
        machine.retried(self.volume.publish)

    def __exit__(self, kind, *_):
        if kind is None:
            machine.retried(self.volume.unpublish)
            machine.retried(self.volume.unstage)


class Case:
    """One RPC in one use. A round is: arrange(), call() with a fault, then call() again until it is
    OK or back() (what the caller does who needs it no more), then finish()."""

    rpc = ""
    program = "node"
    backs = True  # is there a back()?
    undoes = None  # what is as before the call once back() is OK, a regular expression
    promise = None  # what must not differ from before arrange() once the call is OK, a regular expression
    refused_at = None  # a step that has undos before it: it fails for good, to pass their points

    def __init__(self, world, fs):
        self.world, self.fs = world, fs
        self.name = f"{self.rpc} {self.use or fs}"

    use = ""

    def begin(self):
        """Once, before all rounds."""

    def end(self):
        """Once, after them."""

    def arrange(self):
        pass

    def prepare(self):
        """What kubelet does before the call, and takes back itself when that is OK again."""

    def call(self):
        raise NotImplementedError

    def back(self):
        raise NotImplementedError

    def finish(self, done):
        """done: the call was repeated until OK; else back() was."""

    def volume_of_round(self, number, source=None):
        return Volume(self.world, f"{self.rpc.lower()}-{self.fs}-{number}", self.fs, source)


class Shared(Case):
    """A volume with data, granted to the node, on which each round is one more stage."""

    def begin(self):
        self.volume = Volume(self.world, f"{type(self).__name__.lower()}-{self.fs}", self.fs)
        self.volume.create().publish_controller()
        with self.volume.attached():
            self.volume.write("first")

    def end(self):
        self.volume.unpublish_controller()
        self.volume.delete()

    def look(self):
        """As the next pod would find it."""
        with self.volume.attached():
            self.volume.read_back()


class Stage(Shared):
    rpc = "NodeStageVolume"
    undoes = "."
    refused_at = "record-done"

    def prepare(self):
        os.makedirs(self.volume.staging, exist_ok=True)

    def call(self):
        self.volume.stage()

    def back(self):
        self.volume.unstage()

    def finish(self, done):
        if done:
            machine.retried(self.volume.publish)
            self.volume.read_back()
            machine.retried(self.volume.unpublish)
            machine.retried(self.volume.unstage)
        else:
            self.look()


class StageNew(Case):
    """The first stage of a volume, which formats it."""
    rpc = "NodeStageVolume"
    undoes = "."
    refused_at = "record-done"
    rounds = 0

    def __init__(self, world, fs):
        self.use = f"new {fs}"
        super().__init__(world, fs)

    def arrange(self):
        StageNew.rounds += 1
        self.volume = self.volume_of_round(StageNew.rounds)
        self.volume.create().publish_controller()

    def prepare(self):
        os.makedirs(self.volume.staging, exist_ok=True)

    def call(self):
        self.volume.stage()

    def back(self):
        self.volume.unstage()

    def finish(self, done):
        machine.retried(self.volume.stage)
        machine.retried(self.volume.publish)
        self.volume.write("first", sync=False)
        machine.retried(self.volume.unpublish)
        machine.retried(self.volume.unstage)
        with self.volume.attached():
            self.volume.read_back()
        machine.retried(self.volume.unpublish_controller)
        machine.retried(self.volume.delete)


class Publish(Shared):
    rpc = "NodePublishVolume"
    # The device's node stays in the plugin's folder until the volume is unstaged.
    undoes = r"left: (?!file \S+/state/)"
    refused_at = "bind"

    def arrange(self):
        self.volume.stage()

    def prepare(self):
        os.makedirs(os.path.dirname(self.volume.target), exist_ok=True)

    def call(self):
        self.volume.publish()

    def back(self):
        self.volume.unpublish()

    def finish(self, done):
        if done:
            self.volume.read_back()
            machine.retried(self.volume.unpublish)
        machine.retried(self.volume.unstage)
        self.look()


class Unpublish(Shared):
    rpc = "NodeUnpublishVolume"
    backs = False

    def arrange(self):
        self.volume.stage()
        self.volume.publish()
        self.volume.write("second", sync=False)

    def call(self):
        self.volume.unpublish()

    def finish(self, done):
        machine.retried(self.volume.unstage)
        self.look()


class Unstage(Shared):
    rpc = "NodeUnstageVolume"
    promise = "."

    def arrange(self):
        self.volume.stage()
        self.volume.publish()
        self.volume.write("second", sync=False)
        self.volume.unpublish()

    def call(self):
        self.volume.unstage()

    def back(self):
        # Another pod came to the node.
        self.volume.stage()

    def finish(self, done):
        self.look()


class Expand(Shared):
    rpc = "NodeExpandVolume"
    backs = False

    def arrange(self):
        self.volume.stage()
        self.volume.publish()
        self.volume.size += 16 * MIB
        self.volume.grow()

    def call(self):
        self.volume.grow_on_node()

    def finish(self, done):
        self.volume.has_its_size()
        self.volume.read_back()
        machine.retried(self.volume.unpublish)
        machine.retried(self.volume.unstage)
        self.look()


class ControllerCase(Case):
    program = "controller"
    rounds = 0

    def fresh(self, source=None):
        ControllerCase.rounds += 1
        return self.volume_of_round(ControllerCase.rounds, source)

    def life(self, volume, write="first"):
        """From the grant to the deletion of a volume that is there."""
        machine.retried(volume.publish_controller)
        with volume.attached():
            volume.read_back()
            volume.write(write)
        with volume.attached():
            volume.read_back()
        machine.retried(volume.unpublish_controller)
        machine.retried(volume.delete)


class Create(ControllerCase):
    """The provisioner that needs a claim's volume no more repeats until it knows, then deletes."""
    rpc = "CreateVolume"
    backs = False

    def arrange(self):
        self.volume = self.fresh()

    def call(self):
        self.volume.create()

    def finish(self, done):
        self.life(self.volume)


class WithSource(ControllerCase):
    """There is a volume with data, and a snapshot of it."""
    rpc = "CreateVolume"
    backs = False
    from_snapshot = False

    def begin(self):
        self.origin = Volume(self.world, f"origin-{type(self).__name__.lower()}-{self.fs}", self.fs)
        self.origin.create().publish_controller()
        with self.origin.attached():
            self.origin.write("first")
        self.snapshot = None
        if self.from_snapshot:
            self.snapshot = self.cut("of-origin")

    def end(self):
        if self.snapshot:
            self.drop(self.snapshot)
        self.origin.unpublish_controller()
        self.origin.delete()

    def cut(self, name):
        return self.world.controller.call(
            "CreateSnapshot", name=f"{name}-{self.fs}", source_volume_id=self.origin.volume["volume_id"])["snapshot"]

    def drop(self, snapshot):
        self.world.controller.call("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"])

    def copy_of(self, source):
        volume = self.fresh(source)
        volume.sums = dict(self.origin.sums)
        return volume

    def of_snapshot(self, snapshot):
        return self.copy_of({"snapshot": {"snapshot_id": snapshot["snapshot_id"]}})


class Restore(WithSource):
    use = "from a snapshot"
    from_snapshot = True

    def arrange(self):
        self.volume = self.of_snapshot(self.snapshot)

    def call(self):
        self.volume.create()

    def finish(self, done):
        self.life(self.volume, "second")


class Clone(Restore):
    use = "from a volume"
    from_snapshot = False

    def arrange(self):
        self.volume = self.copy_of({"volume": {"volume_id": self.origin.volume["volume_id"]}})


class Cut(WithSource):
    """A snapshot of a volume that is in use."""
    rpc = "CreateSnapshot"
    use = "of a volume"

    def arrange(self):
        ControllerCase.rounds += 1
        self.number = ControllerCase.rounds

    def call(self):
        self.made = self.cut(f"cut-{self.number}")

    def finish(self, done):
        copy = self.of_snapshot(self.made)
        machine.retried(copy.create)
        self.life(copy, "second")
        machine.retried(lambda: self.drop(self.made))


class DropSnapshot(WithSource):
    rpc = "DeleteSnapshot"
    use = "of a volume"
    promise = "."

    def arrange(self):
        ControllerCase.rounds += 1
        self.made = self.cut(f"dropped-{ControllerCase.rounds}")

    def call(self):
        self.drop(self.made)


class Grant(ControllerCase):
    rpc = "ControllerPublishVolume"
    undoes = "."

    def arrange(self):
        self.volume = self.fresh().create()

    def call(self):
        self.volume.publish_controller()

    def back(self):
        self.volume.unpublish_controller()

    def finish(self, done):
        self.life(self.volume)


class Revoke(ControllerCase):
    rpc = "ControllerUnpublishVolume"
    promise = "export"

    def arrange(self):
        self.volume = self.fresh().create().publish_controller()
        with self.volume.attached():
            self.volume.write("first")

    def call(self):
        self.volume.unpublish_controller()

    def back(self):
        # It is wanted on that node once more.
        self.volume.publish_controller()

    def finish(self, done):
        self.life(self.volume, "second")


class Grow(ControllerCase):
    rpc = "ControllerExpandVolume"
    backs = False

    def arrange(self):
        self.volume = self.fresh().create()
        self.volume.size += 16 * MIB

    def call(self):
        self.volume.grow()

    def finish(self, done):
        machine.retried(self.volume.publish_controller)
        with self.volume.attached():
            self.volume.has_its_size()
        machine.retried(self.volume.unpublish_controller)
        machine.retried(self.volume.delete)


class GrowInUse(Shared):
    rpc = "ControllerExpandVolume"
    program = "controller"
    use = "of a volume in use"
    backs = False

    def arrange(self):
        self.volume.stage()
        self.volume.publish()
        self.volume.size += 16 * MIB

    def call(self):
        self.volume.grow()

    def finish(self, done):
        machine.retried(self.volume.grow_on_node)
        self.volume.has_its_size()
        self.volume.read_back()
        machine.retried(self.volume.unpublish)
        machine.retried(self.volume.unstage)


class Delete(ControllerCase):
    rpc = "DeleteVolume"
    backs = False
    promise = "."

    def arrange(self):
        self.volume = self.fresh().create().publish_controller()
        with self.volume.attached():
            self.volume.write("first")
        self.volume.unpublish_controller()

    def call(self):
        self.volume.delete()


NODE = [(kind, fs) for kind in (Stage, Publish, Unpublish, Unstage, Expand) for fs in ("ext4", "xfs", "block")] + [
    (StageNew, "ext4"), (StageNew, "xfs")]
CONTROLLER = [(Create, "ext4"), (Restore, "ext4"), (Clone, "ext4"), (Grant, "ext4"), (Revoke, "ext4"), (Grow, "ext4"),
              (GrowInUse, "ext4"), (Cut, "ext4"), (DropSnapshot, "ext4"), (Delete, "ext4")]
ALL = NODE + CONTROLLER
