# SPDX-License-Identifier: Apache-2.0
"""What a pod keeps on a raw volume is its own: the node never activates it (P9), and where somebody
does so by hand, the volume is not disconnected under it and the error says who uses it."""

import driver
import pytest
import vm as lab

RULES = "/run/udev/rules.d"


@pytest.fixture(name="machine", scope="module")
def _machine():
    with lab.Lab() as private:
        machine = private.vm("node", disks={"pool": 4096})
        machine.run("/usr/lib/systemd/systemd-udevd --daemon && udevadm trigger --settle")
        yield machine


@pytest.fixture(name="ctl", scope="module")
def _ctl(machine):
    driver.target(machine).start()
    return driver.controller(machine).start()


@pytest.fixture(name="volume", scope="module")
def _volume(machine, ctl):
    """A raw volume with a volume group, as a virtual machine's disk has one."""
    cap = driver.capability("block", driver.WRITER)
    volume = ctl.call("CreateVolume", name="guest", capacity_range={"required_bytes": 64 << 20},
                      volume_capabilities=[cap], parameters={"backend": "linux"})["volume"]
    node = driver.node(machine).start()
    link = driver.Attachment(ctl, node, volume, cap).up()
    machine.run(f"lvm vgcreate guest {disk(machine)} && lvm lvcreate --yes -l 100%FREE -n inner guest && "
                "lvm vgchange -an guest")
    link.down()
    node.stop()
    return volume


def disk(machine):
    """The one NVMe disk there is."""
    return machine.run("ls /dev/nvme*n1").strip()


def attached(machine, ctl, volume, options=""):
    """The volume on the node, after all that udev does about it."""
    node = driver.node(machine, options=options).start()
    link = driver.Attachment(ctl, node, volume, driver.capability("block", driver.WRITER)).up()
    machine.run("udevadm settle")
    return node, link


def active(machine):
    return machine.run("ls /dev/mapper").split() != ["control"]


def test_holders_are_named(machine, ctl, volume):
    """Without the rule the node activates the group, so it is there what the rule is to prevent."""
    node, link = attached(machine, ctl, volume)
    assert active(machine)
    link.unpublish()
    with pytest.raises(driver.CsiError) as caught:
        link.unstage()
    assert caught.value.code == "ABORTED", caught.value
    assert "n1 (used by dm-0 guest-inner)" in caught.value.message, caught.value
    machine.run("lvm vgchange -an guest")
    link.unstage()
    link.unpublish_controller()
    node.stop()


def test_nothing_is_activated(machine, ctl, volume):
    node, link = attached(machine, ctl, volume, f"--udev-rules-dir {RULES}")
    assert not active(machine)
    known = machine.run(f"udevadm info {disk(machine)}")
    assert "UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG=1" in known and "ID_FS_TYPE" not in known, known
    # It is whole, for whom it belongs to.
    machine.run("lvm vgchange -ay guest && lvm lvs guest/inner && lvm vgchange -an guest")
    link.down()
    node.stop()


def test_other_disks_are_as_ever(machine):
    """The rule is about disks of this node's own connections only."""
    known = machine.run("udevadm trigger --settle --action=change /dev/vda; udevadm info /dev/vda")
    assert "ID_FS_TYPE=xfs" in known, known
