# SPDX-License-Identifier: Apache-2.0
"""Blocks of deleted files return to the file on the target that holds the volume, at the moment that the node keeps
for each volume. What makes a volume due here is the node's clock, which is set."""

import driver
import pytest
import samples
import vm as lab

MIB = 1 << 20
DAY = 86400
FILESYSTEMS = ("ext4", "xfs")
HTTP = "127.0.0.1:9811"
SIZE = 1024 * MIB
BULK = 128 * MIB
KEPT = 8 * MIB
# To format a volume on a busy emulated machine, twice what kubelet would wait.
SLOW_S = 240


class World:
    def __init__(self, machine):
        self.vm = machine
        # Nothing reboots here, so nobody needs the gate.
        self.target = driver.target(machine, options={"gate": "none"}).start()
        self.ctl = driver.controller(machine).start()
        self.node = driver.node(machine, options=f"--http-address {HTTP}").start()

    def make(self, fs, reclaim):
        """A volume in use, with something to keep and something to delete in it."""
        volume = self.ctl.call(
            "CreateVolume", name=f"{reclaim}-{fs}", capacity_range={"required_bytes": SIZE},
            volume_capabilities=[driver.capability(fs)], parameters={"backend": "linux", "reclaim": reclaim})["volume"]
        link = driver.Attachment(self.ctl, self.node, volume, driver.capability(fs), pod=f"{reclaim}-{fs}")
        link.publish_controller()
        link.stage(SLOW_S)
        link.publish()
        self.vm.run(f"cd {link.target} && dd if=/dev/zero of=bulk bs=1M count={BULK // MIB} conv=fsync status=none && "
                    f"dd if=/dev/urandom of=kept bs=1M count={KEPT // MIB} conv=fsync status=none")
        return link

    def allocated(self, link):
        """Bytes that the pool holds for the volume."""
        image = f"/srv/pool/volumes/{link.volume['volume_id'].partition('/')[2]}.img"
        return int(self.vm.run(f"sync -f {image}; stat -c %b {image}")) * 512

    def delete_bulk(self, link):
        """And wait until the filesystem counts its blocks as free."""
        free = int(self.vm.run(f"stat -f -c %f {link.target}"))
        size = int(self.vm.run(f"stat -f -c %S {link.target}"))
        self.vm.run(f"rm {link.target}/bulk && sync -f {link.target}")
        self.vm.wait_for(f"[ $(stat -f -c %f {link.target}) -ge {free + BULK // size} ]", what="the file to be gone")
        self.vm.run(f"sync -f {link.target}")

    def sum(self, link):
        self.vm.run("echo 3 >/proc/sys/vm/drop_caches")
        return self.vm.run(f"sha256sum <{link.target}/kept")

    def metric(self, name):
        return samples.value(self.vm.run(f"curl -sSf http://{HTTP}/metrics"), f"nvmetcp_reclaim_{name}")

    def set_clock(self, seconds):
        """Never back, and not by more than it takes."""
        now = int(self.vm.run("date +%s"))
        assert now < seconds <= now + DAY + 1, "a volume of the class daily has a moment within a day"
        self.vm.run(f"date -s @{seconds}")

    def restart(self, environment=""):
        """A plugin looks for what is due as soon as it starts."""
        self.node.stop()
        self.node.start(environment)

    def remove(self, link):
        link.down()
        self.ctl.call("DeleteVolume", volume_id=link.volume["volume_id"])


@pytest.fixture(scope="module")
def started():
    with lab.Lab() as private:
        yield World(private.vm("node", disks={"pool": 4096}))


@pytest.fixture
def world(started):
    checker = driver.Checker(started.vm)
    yield started
    nothing, text = checker.left()
    assert nothing, text


def test_deleted_blocks_return_to_the_pool(world):
    links = [world.make(fs, "daily") for fs in FILESYSTEMS]
    kept = [world.sum(link) for link in links]
    for link in links:
        assert world.allocated(link) > BULK
        world.delete_bulk(link)
        assert world.allocated(link) > BULK, "nothing is given back before its moment"
    world.restart()
    assert world.metric("runs_total") == 0, "a restart makes nothing due"

    done = 0
    while done < len(links):
        world.set_clock(int(world.metric("next_run_timestamp_seconds")) + 1)
        if done == 0:
            # As after an outage; the other one is found by a plugin that goes on.
            world.restart()
        world.vm.wait_for(f"[ $(curl -sSf http://{HTTP}/metrics | sed -n 's/^nvmetcp_reclaim_runs_total //p') "
                          f"-gt {done} ]", timeout=240, what="a trim")
        done = int(world.metric("runs_total"))
    assert world.metric("failures_total") == 0
    assert BULK * 0.9 < world.metric("bytes_total") / len(links) < SIZE - KEPT
    assert world.metric("last_run_timestamp_seconds") >= int(world.vm.run("date +%s")) - 600
    assert world.node.log().count('"free space given back"') == len(links)
    for link, was in zip(links, kept):
        assert world.allocated(link) < BULK / 2
        assert world.sum(link) == was
        # And on the way through e2fsck and a mount.
        link.unpublish()
        link.unstage()
        link.stage(SLOW_S)
        link.publish()
        assert world.sum(link) == was
        world.remove(link)


def test_an_unstage_ends_a_trim_that_hangs(world):
    link = world.make("xfs", "daily")
    was = world.sum(link)
    world.restart()
    world.set_clock(int(world.metric("next_run_timestamp_seconds")) + 1)
    world.restart("NVMETCP_FAULTS=helper.trim=hang")
    world.vm.wait_for("pgrep -x nvmetcp-call", what="a trim to hang")
    # Beside it, all else goes on.
    assert world.node.call("NodeGetVolumeStats", volume_id=link.volume["volume_id"], volume_path=link.target)["usage"]
    link.unpublish()
    link.unstage()
    assert world.vm.run("pgrep -x nvmetcp-call", check=False)[0] != 0
    assert '"giving free space back was stopped"' in world.node.log()
    world.restart()
    link.stage(SLOW_S)
    link.publish()
    assert world.sum(link) == was
    world.remove(link)


@pytest.mark.parametrize("fs", FILESYSTEMS)
def test_discard_gives_back_at_once(world, fs):
    link = world.make(fs, "discard")
    was = world.sum(link)
    assert "discard" in world.vm.run(f"findmnt -no OPTIONS {link.staging}").strip().split(",")
    assert world.allocated(link) > BULK
    world.delete_bulk(link)
    image = f"/srv/pool/volumes/{link.volume['volume_id'].partition('/')[2]}.img"
    world.vm.wait_for(f"sync -f {link.target}; [ $(stat -c %b {image}) -lt {BULK // 512 // 2} ]",
                      what="the blocks to return")
    assert world.sum(link) == was
    world.remove(link)
