# SPDX-License-Identifier: Apache-2.0
"""The main job on one machine, for each way a volume can be used, down to nothing left."""

import driver
import pytest
import vm as lab

GIB = 1 << 30


class World:
    def __init__(self, machine):
        self.vm = machine
        self.target = driver.target(machine).start()
        self.ctl = driver.controller(machine).start()
        self.node = driver.node(machine).start()

    def create(self, name, fs="ext4", size=GIB, mode=driver.WRITER, source=None, **parameters):
        request = {"name": name, "capacity_range": {"required_bytes": size},
                   "volume_capabilities": [driver.capability(fs, mode)],
                   "parameters": {"backend": "linux", **parameters}}
        if source:
            request["volume_content_source"] = source
        return self.ctl.call("CreateVolume", **request)["volume"]

    def delete(self, *volumes):
        for volume in volumes:
            self.ctl.call("DeleteVolume", volume_id=volume["volume_id"])

    def attach(self, volume, fs="ext4", mode=driver.WRITER, **kwargs):
        return driver.Attachment(self.ctl, self.node, volume, driver.capability(fs, mode), **kwargs)


@pytest.fixture(scope="module")
def machine():
    with lab.Lab() as private:
        yield private.vm("node", disks={"pool": 16384})


@pytest.fixture(scope="module")
def started(machine):
    return World(machine)


@pytest.fixture
def world(started):
    checker = driver.Checker(started.vm)
    yield started
    nothing, text = checker.left()
    assert nothing, text


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_filesystem_keeps_data_over_detach(world, fs):
    volume = world.create(f"keep-{fs}", fs)
    link = world.attach(volume, fs).up()
    world.vm.run(f"dd if=/dev/urandom of={link.target}/data bs=1M count=8 conv=fsync status=none")
    before = world.vm.run(f"sha256sum <{link.target}/data")
    link.down()
    link.up()
    assert world.vm.run(f"sha256sum <{link.target}/data") == before
    stats = world.node.call("NodeGetVolumeStats", volume_id=volume["volume_id"], volume_path=link.target)
    assert {u["unit"] for u in stats["usage"]} == {"BYTES", "INODES"}
    link.down()
    world.delete(volume)


def bind_again_as_kubelet_does(world, target):
    """kubelet shows a published device to its own map of devices, and may do so after the plugin was killed."""
    for _ in range(2):
        world.vm.run(f"touch /run/map && mount --bind {target} /run/map && blockdev --getsize64 /run/map && umount /run/map")
        world.node.kill()
        world.node.start()


def test_raw_block_keeps_data_and_grows(world):
    volume = world.create("block", "block")
    link = world.attach(volume, "block").up()
    assert world.vm.run(f"stat -c %F {link.target}").strip() == "block special file"
    bind_again_as_kubelet_does(world, link.target)
    world.vm.run(f"dd if=/dev/urandom of={link.target} bs=1M count=4 oflag=direct conv=fsync status=none")
    before = world.vm.run(f"dd if={link.target} bs=1M count=4 iflag=direct status=none | sha256sum")
    answer = world.ctl.call("ControllerExpandVolume", volume_id=volume["volume_id"],
                            capacity_range={"required_bytes": 2 * GIB}, volume_capability=link.cap)
    if answer.get("node_expansion_required"):
        world.node.call("NodeExpandVolume", volume_id=volume["volume_id"], volume_path=link.target,
                        staging_target_path=link.staging, capacity_range={"required_bytes": 2 * GIB},
                        volume_capability=link.cap)
    world.vm.wait_for(f"test $(blockdev --getsize64 {link.target}) = {2 * GIB}", what="the new size")
    link.down()
    link.up()
    assert world.vm.run(f"dd if={link.target} bs=1M count=4 iflag=direct status=none | sha256sum") == before
    link.down()
    world.delete(volume)


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_restore_beside_the_origin_and_grow(world, fs):
    origin = world.create(f"origin-{fs}", fs)
    link = world.attach(origin, fs).up()
    world.vm.run(f"echo precious >{link.target}/f && sync -f {link.target}")
    snapshot = world.ctl.call("CreateSnapshot", name=f"snap-{fs}", source_volume_id=origin["volume_id"])["snapshot"]
    world.vm.run(f"echo later >{link.target}/f && sync -f {link.target}")
    restored = world.create(f"restored-{fs}", fs, size=2 * GIB,
                            source={"snapshot": {"snapshot_id": snapshot["snapshot_id"]}})
    clone = world.create(f"clone-{fs}", fs, source={"volume": {"volume_id": origin["volume_id"]}})
    second = world.attach(restored, fs, pod="pod2").up()
    third = world.attach(clone, fs, pod="pod3").up()
    assert world.vm.run(f"cat {link.target}/f {second.target}/f {third.target}/f").split() == [
        "later", "precious", "later"]
    # Larger than its source: the filesystem must have grown with it.
    assert int(world.vm.run(f"stat -f -c '%b*%S' {second.target} | bc 2>/dev/null || "
                            f"python3 -c \"import os; s=os.statvfs('{second.target}'); print(s.f_blocks*s.f_frsize)\"")
               ) > 1.7 * GIB
    for each in (third, second, link):
        each.down()
    world.delete(clone, restored)
    world.ctl.call("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"])
    world.delete(origin)


def test_online_growth_of_a_filesystem(world):
    volume = world.create("grow", "xfs")
    link = world.attach(volume, "xfs").up()
    world.ctl.call("ControllerExpandVolume", volume_id=volume["volume_id"],
                   capacity_range={"required_bytes": 3 * GIB})
    for _ in range(2):
        answer = world.node.call("NodeExpandVolume", volume_id=volume["volume_id"], volume_path=link.target,
                                 staging_target_path=link.staging, capacity_range={"required_bytes": 3 * GIB})
        assert int(answer["capacity_bytes"]) >= 3 * GIB
    link.down()
    world.delete(volume)


def test_everything_twice_is_the_same(world):
    first = world.create("twice")
    assert world.create("twice")["volume_id"] == first["volume_id"]
    link = world.attach(first).up().up()
    for _ in range(2):
        link.unpublish()
    for _ in range(2):
        link.unstage()
    for _ in range(2):
        link.unpublish_controller()
    world.delete(first, first)


def test_plugin_killed_while_staged_is_no_matter(world):
    volume = world.create("killed")
    link = world.attach(volume).up()
    world.vm.run(f"echo x >{link.target}/f")
    world.node.kill()
    world.node.start()
    assert world.vm.run(f"cat {link.target}/f").strip() == "x"
    link.stage().publish()
    link.down()
    world.delete(volume)


def test_read_only_many(world):
    """A clean filesystem read by two pods; writing is impossible."""
    origin = world.create("rox-origin")
    link = world.attach(origin).up()
    world.vm.run(f"echo shared >{link.target}/f")
    link.down()
    snapshot = world.ctl.call("CreateSnapshot", name="rox", source_volume_id=origin["volume_id"])["snapshot"]
    mode = "MULTI_NODE_READER_ONLY"
    volume = world.create("rox-volume", mode=mode, source={"snapshot": {"snapshot_id": snapshot["snapshot_id"]}})
    one = world.attach(volume, mode=mode, pod="pod1", readonly=True).up()
    two = world.attach(volume, mode=mode, pod="pod2", readonly=True)
    two.context, two.node_id = one.context, one.node_id
    two.publish()
    assert world.vm.run(f"cat {one.target}/f {two.target}/f").split() == ["shared", "shared"]
    assert world.vm.run(f"touch {one.target}/new", check=False)[0] != 0
    two.unpublish()
    one.down()
    world.delete(volume)
    world.ctl.call("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"])
    world.delete(origin)


def fails(code, word, call, *args, **kwargs):
    with pytest.raises(driver.CsiError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    assert word in caught.value.message, caught.value
    return caught.value.message


def test_foreign_data_is_never_formatted(world):
    """P1: what a device may hold decides, not what the caller hopes."""
    volume = world.create("foreign", "block")
    link = world.attach(volume, "block").up()
    # Live data in the middle, no signature anywhere.
    world.vm.run(f"dd if=/dev/urandom of={link.target} bs=1M seek=300 count=1 oflag=direct status=none")
    link.down()
    mount = world.attach(volume, "ext4").publish_controller()
    message = fails("FAILED_PRECONDITION", "", mount.stage)
    assert "format" in message
    assert world.vm.run("ls /sys/class/nvme").strip() == "", "a final error must leave no connection"
    mount.unstage()
    mount.unpublish_controller()
    # Another filesystem than asked for.
    link.up()
    world.vm.run(f"mkfs.xfs -q -f {link.target}")
    link.down()
    mount.publish_controller()
    message = fails("FAILED_PRECONDITION", "xfs", mount.stage)
    assert "ext4" in message
    mount.unstage()
    mount.unpublish_controller()
    world.delete(volume)


def test_wrong_identity_and_size_are_refused(world):
    """P2: another namespace, or a smaller one, is never mounted."""
    volume = world.create("identity")
    link = world.attach(volume).publish_controller()
    right = dict(link.context)
    link.context = {**right, "nguid": "0" * 31 + "1", "uuid": "00000000-0000-0000-0000-000000000001"}
    with pytest.raises(driver.CsiError) as caught:
        link.stage()
    assert caught.value.code in ("FAILED_PRECONDITION", "UNAVAILABLE", "DEADLINE_EXCEEDED")
    link.unstage()
    link.context = {**right, "minSize": str(5 * GIB)}
    message = fails("FAILED_PRECONDITION", "", link.stage)
    assert str(5 * GIB) in message
    link.unstage()
    link.unpublish_controller()
    world.delete(volume)


@pytest.mark.parametrize("parameter, value", [
    ("nrIoQueues", "0"), ("ctrlLossTmo", "soon"), ("profile", "fast"), ("hdrDigest", "yes"),
    ("noSuchThing", "1"), ("pool", "x" * 300), ("backend", "nowhere"), ("mkfsOptions", "-F /dev/sda"),
])
def test_bad_parameters_are_named(world, parameter, value):
    message = fails("INVALID_ARGUMENT", parameter, world.create, f"bad-{parameter}", **{parameter: value})
    assert len(message) < 700


def test_options_reach_the_kernel(world):
    volume = world.create("options", "block", nrIoQueues="1", queueSize="32", keepAliveTmo="7",
                          reconnectDelay="3", ctrlLossTmo="90", ioPolicy="round-robin", hdrDigest="true")
    link = world.attach(volume, "block").up()
    read = world.vm.run("cd /sys/class/nvme/nvme*/ && cat kato reconnect_delay ctrl_loss_tmo sqsize queue_count "
                        "&& cat /sys/class/nvme-subsystem/*/iopolicy").split()
    assert read == ["7", "3", "90", "31", "2", "round-robin"]
    link.down()
    world.delete(volume)
