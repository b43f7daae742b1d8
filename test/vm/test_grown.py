# SPDX-License-Identifier: Apache-2.0
"""A volume that became larger while its node could not look, and copies larger than their origin."""

import driver
import load
import pytest
import remote
import vm as lab

MIB = remote.MIB
FILESYSTEMS = ("ext4", "xfs")
# What a filesystem keeps for itself of its device, at most.
OVERHEAD = 0.88


@pytest.fixture(scope="module")
def started():
    with lab.Lab() as private:
        yield remote.Site(private, controller="target")


@pytest.fixture
def site(started):
    with started.nothing_left():
        yield started


def fs_size(machine, path):
    blocks, size = machine.run(f"stat -f -c '%b %S' {path}").split()
    return int(blocks) * int(size)


def write_tree(machine, path, name):
    """Files of many sizes, on stable storage. Return: their sums."""
    machine.run(f"mkdir {path}/{name} && cd {path}/{name} && for i in 1 20 300 4000 50000 600000; do "
                "head -c $i /dev/urandom >f$i; done && dd if=/dev/urandom of=large bs=1M count=8 status=none && "
                f"sync -f {path}")
    return sums(machine, path, name)


def sums(machine, path, name):
    return machine.run(f"cd {path}/{name} && sha256sum *")


def expand(site, link, size):
    """The controller's half of it; kubelet does not get to the node's."""
    answer = site.ctl.call("ControllerExpandVolume", volume_id=link.volume["volume_id"],
                           capacity_range={"required_bytes": size}, volume_capability=link.cap)
    assert int(answer["capacity_bytes"]) == size


def test_expanded_then_the_node_rebooted(site):
    """Nothing is detached: kubelet, back, stages again what its pods want."""
    machine = site.nodes[0]
    links = [site.attach(site.create(f"cut-{fs}", fs, 400 * MIB), fs=fs, pod=fs).up() for fs in FILESYSTEMS]
    written = [write_tree(machine, link.target, "first") for link in links]
    for link in links:
        expand(site, link, 800 * MIB)
    site.power_cycle_node()
    for link, before in zip(links, written):
        link.stage().publish()
        assert sums(machine, link.target, "first") == before
        assert fs_size(machine, link.target) > 800 * MIB * OVERHEAD
    again = [write_tree(machine, link.target, "second") for link in links]

    # And one that grows while the node is off.
    machine.kill()
    for link in links:
        expand(site, link, 1200 * MIB)
    site.power_cycle_node()
    for link, before, second in zip(links, written, again):
        link.stage().publish()
        assert sums(machine, link.target, "first") == before
        assert sums(machine, link.target, "second") == second
        assert fs_size(machine, link.target) > 1200 * MIB * OVERHEAD
        link.down()
        site.delete(link.volume)


@pytest.mark.parametrize("fs", FILESYSTEMS)
def test_restored_at_three_times_the_size_beside_its_origin(site, fs):
    """The same filesystem UUID twice on one node, one of them written all the time."""
    machine = site.nodes[0]
    origin = site.create(f"origin-{fs}", fs, 400 * MIB)
    link = site.attach(origin, fs=fs, pod="origin").up()
    kept = write_tree(machine, link.target, "tree")
    io = load.Load(machine, f"origin-{fs}", {"origin": f"{link.target}/data"}, rate=100).start()
    io.goes_on()
    snapshot = site.snapshot(f"three-{fs}", origin)
    machine.run(f"echo later >{link.target}/tree/f300 && sync -f {link.target}")
    restored = site.create(f"restored-{fs}", fs, 1200 * MIB, source=snapshot)
    other = site.attach(restored, fs=fs, pod="restored").up()
    assert sums(machine, other.target, "tree") == kept
    assert fs_size(machine, other.target) > 1200 * MIB * OVERHEAD
    assert fs_size(machine, link.target) < 400 * MIB, "the origin is not what grew"
    assert machine.run(f"cat {link.target}/tree/f300").strip() == "later"
    uuids = [machine.run(f"blkid -p -s UUID -o value $(findmnt -no SOURCE {each.target})") for each in (link, other)]
    assert uuids[0] == uuids[1], "this test is about two of the same UUID"
    # More than its origin holds, so that it is the new room that is used.
    machine.run(f"dd if=/dev/urandom of={other.target}/more bs=1M count=500 conv=fsync status=none")
    more = machine.run(f"sha256sum <{other.target}/more")
    assert load.blocks_verified(io.stop()) > 50
    for each in (other, link):
        each.unpublish()
        each.unstage()
    other.stage().publish()
    assert machine.run(f"sha256sum <{other.target}/more") == more
    assert sums(machine, other.target, "tree") == kept
    other.down()
    link.unpublish_controller()
    site.delete(restored)
    site.delete_snapshot(snapshot)
    site.delete(origin)
