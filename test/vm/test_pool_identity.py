# SPDX-License-Identifier: Apache-2.0
"""A pool that is not there, is another one, is an older copy, or whose files are torn or missing.

Nothing of it is ever believed gone and nothing is made twice: each call is refused so that it is
repeated, and says why, as /healthz does. What was right before is right again afterwards.
"""

import driver
import pytest
import vm as lab

MIB = 1 << 20
POOL = "/srv/pool"
DISK, OTHER = "/dev/vda", "/dev/vdb"
NOT_FINAL = ("UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED")


class World:
    def __init__(self, machine):
        self.vm = machine
        # Nothing that is exported reboots here.
        self.target = driver.target(machine, options={"gate": "none", "poolWaitSeconds": 1}).start()
        self.ctl = driver.controller(machine).start()
        self.node = driver.node(machine).start()
        self.kept = self.create("kept")
        self.link = driver.Attachment(self.ctl, self.node, self.kept, driver.capability("ext4")).up()
        machine.run(f"dd if=/dev/urandom of={self.link.target}/data bs=1M count=4 conv=fsync status=none")
        self.sum = machine.run(f"sha256sum <{self.link.target}/data")
        self.snapshot = self.ctl.call("CreateSnapshot", name="kept",
                                      source_volume_id=self.kept["volume_id"])["snapshot"]
        self.link.down()
        self.id = self.kept["volume_id"].partition("/")[2]

    def create(self, name):
        return self.ctl.call("CreateVolume", name=name, capacity_range={"required_bytes": 256 * MIB},
                             volume_capabilities=[driver.capability("ext4")], parameters={"backend": "linux"})["volume"]

    def refused(self, part, *calls):
        for call in calls:
            with pytest.raises(driver.CsiError) as caught:
                call()
            assert caught.value.code in NOT_FINAL and part in caught.value.message, caught.value

    def volume_refused(self, part):
        """Whatever is asked of the volume, also to make it."""
        volume = self.kept["volume_id"]
        self.refused(
            part,
            lambda: self.create("kept"),
            lambda: self.ctl.call("DeleteVolume", volume_id=volume),
            self.link.publish_controller,
            lambda: self.ctl.call("ControllerExpandVolume", volume_id=volume,
                                  capacity_range={"required_bytes": 512 * MIB}),
            lambda: self.ctl.call("CreateSnapshot", name="another", source_volume_id=volume))

    def pool_refused(self, part):
        self.volume_refused(part)
        self.refused(
            part,
            lambda: self.create("new"),
            lambda: self.ctl.call("DeleteVolume", volume_id=self.kept["volume_id"][:-8] + "00000000"),
            lambda: self.ctl.call("DeleteSnapshot", snapshot_id=self.snapshot["snapshot_id"]),
            lambda: self.ctl.call("GetCapacity"))
        assert part in self.health()

    def health(self):
        return self.vm.run(f"curl -sS --unix-socket {self.target.socket} http://agent/healthz")

    def wait_healthy(self):
        self.vm.wait_for(f"curl -sSf --unix-socket {self.target.socket} http://agent/healthz", timeout=120,
                         what="the agent to be well")

    def restart(self, between):
        self.target.stop()
        self.vm.run(between)
        self.target.start()

    def mounted_instead(self, disk):
        """As the next boot would find it."""
        self.restart(f"umount {POOL}; mount {disk} {POOL}")

    def all_is_right(self):
        self.wait_healthy()
        assert self.create("kept")["volume_id"] == self.kept["volume_id"]
        self.link.up()
        assert self.vm.run(f"sha256sum <{self.link.target}/data") == self.sum
        self.link.down()
        snapshots = self.ctl.call("ListSnapshots", snapshot_id=self.snapshot["snapshot_id"])["entries"]
        assert len(snapshots) == 1


@pytest.fixture(scope="module")
def world():
    with lab.Lab() as private:
        yield World(private.vm("target", disks={"pool": 2048, "other": 2048, "system": 256}))


def test_not_mounted(world):
    world.restart(f"umount {POOL}")
    world.vm.wait_for(f"! mountpoint -q {POOL}")
    world.pool_refused("no pool is there")
    assert "mounted" in world.health()
    assert world.vm.run(f"ls -A {POOL}") == "", "nothing may be written where the pool is not"
    # It comes late, and no restart is needed.
    world.vm.run(f"mount {DISK} {POOL}")
    world.all_is_right()


def test_another_file_system(world):
    world.vm.run(f"mkfs.xfs -q -f {OTHER}")
    world.mounted_instead(OTHER)
    world.pool_refused("no pool is there")
    world.restart(f"{driver.BIN}/nvmetcp-target --init-pool {POOL} pool")
    world.pool_refused("is recorded")
    assert world.vm.run(f"ls -A {POOL}/volumes") == ""
    world.mounted_instead(DISK)
    world.all_is_right()


def test_restored_from_a_backup(world):
    copy = f"umount /mnt; mkfs.xfs -q -f {OTHER} && mount {OTHER} /mnt && cp -a --sparse=always {POOL}/. /mnt/ && umount /mnt"
    world.vm.run(copy)
    since = world.create("since")
    world.mounted_instead(OTHER)
    world.pool_refused("older copy")
    world.refused("older copy", lambda: world.create("since"),
                  lambda: world.ctl.call("DeleteVolume", volume_id=since["volume_id"]))
    world.mounted_instead(DISK)
    world.all_is_right()
    assert world.create("since")["volume_id"] == since["volume_id"]
    world.ctl.call("DeleteVolume", volume_id=since["volume_id"])
    # Moved as docs/target.md says: copied while the agent is stopped.
    world.restart(f"{copy} && umount {POOL} && mount {OTHER} {POOL}")
    world.all_is_right()
    # And what was left behind is the older copy now.
    world.mounted_instead(DISK)
    world.pool_refused("older copy")
    world.mounted_instead(OTHER)
    world.all_is_right()


@pytest.mark.parametrize("kind, damage, part", [
    ("json", "truncate -s 40 {}", "state of volume"),
    ("json", "truncate -s 0 {}", "state of volume"),
    ("json", "rm {}", "its state file is not"),
    ("img", "rm {}", ""),
])
def test_damaged_files(world, kind, damage, part):
    path = f"{POOL}/volumes/{world.id}.{kind}"
    world.restart(f"mv {path} {POOL}/saved && cp -a --reflink=auto {POOL}/saved {path} && " + damage.format(path))
    left = world.vm.run(f"ls -l --time-style=+ {POOL}/volumes")
    world.volume_refused(world.id)
    world.volume_refused(part)
    assert world.id in world.health() and part in world.health()
    assert world.vm.run(f"ls -l --time-style=+ {POOL}/volumes") == left, "what is left of it was touched"
    other = world.create("other")
    world.ctl.call("DeleteVolume", volume_id=other["volume_id"])
    world.restart(f"mv {POOL}/saved {path}")
    world.all_is_right()


def test_older_state_file(world):
    """A state put back from a backup says less than is there: nothing is cut off, nobody gets in."""
    path = f"{POOL}/volumes/{world.id}"
    world.vm.run(f"cp -a {path}.json {POOL}/older")
    world.ctl.call("ControllerExpandVolume", volume_id=world.kept["volume_id"],
                   capacity_range={"required_bytes": 512 * MIB})
    world.restart(f"mv {path}.json {POOL}/newer && mv {POOL}/older {path}.json")
    world.volume_refused("never cut")
    assert world.id in world.health() and "never cut" in world.health()
    assert int(world.vm.run(f"stat -c %s {path}.img")) == 512 * MIB
    world.restart(f"mv {POOL}/newer {path}.json")
    world.all_is_right()
