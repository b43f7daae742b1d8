# SPDX-License-Identifier: Apache-2.0
"""A volume of a target without a management API: the administrator exports it with the kernel's own files, and a
PersistentVolume written by hand tells where it is."""

import os
import re

import driver
import pytest
import vm as lab
import yaml

PAGE = os.path.join(os.path.dirname(__file__), "../../docs/static-volumes.md")
PORTALS = ("127.0.0.1:4420", "127.0.0.1:4421")
MIB = 1 << 20


def from_the_page():
    """The backend and the PersistentVolume as the page shows them."""
    with open(PAGE) as page:
        values, volume = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page.read(), re.DOTALL))
    return values["backends"], volume["spec"]["csi"]


BACKENDS, CSI = from_the_page()
NQN, UUID = CSI["volumeAttributes"]["nqn"], CSI["volumeAttributes"]["uuid"]

EXPORT = """set -e
modprobe nvmet-tcp
mkfs.xfs -q /dev/vda && mkdir -p /srv/by-hand && mount /dev/vda /srv/by-hand && truncate -s 256M /srv/by-hand/disk
cd /sys/kernel/config/nvmet
mkdir -p subsystems/{nqn}/namespaces/1 && cd subsystems/{nqn}
echo 1 >attr_allow_any_host
echo /srv/by-hand/disk >namespaces/1/device_path
echo {uuid} >namespaces/1/device_uuid
echo 1 >namespaces/1/enable
cd ../../ports
for port in 4420 4421; do
    mkdir $port
    echo tcp >$port/addr_trtype; echo ipv4 >$port/addr_adrfam
    echo 127.0.0.1 >$port/addr_traddr; echo $port >$port/addr_trsvcid
    ln -s $PWD/../subsystems/{nqn} $port/subsystems/
done
"""
UNEXPORT = """set -e
cd /sys/kernel/config/nvmet
for port in 4420 4421; do rm ports/$port/subsystems/{nqn}; rmdir ports/$port; done
echo 0 >subsystems/{nqn}/namespaces/1/enable
rmdir subsystems/{nqn}/namespaces/1 subsystems/{nqn}
"""


class World:
    def __init__(self, machine):
        self.vm = machine
        machine.run(EXPORT.format(nqn=NQN, uuid=UUID))
        self.ctl = driver.controller(machine, more=BACKENDS).start()
        self.node = driver.node(machine).start()

    def attach(self, cap, **attributes):
        context = {**CSI["volumeAttributes"], "portals": ",".join(PORTALS), "minSize": str(256 * MIB),
                   **attributes}
        volume = {"volume_id": CSI["volumeHandle"], "volume_context": context}
        return driver.Attachment(self.ctl, self.node, volume, cap)


@pytest.fixture(name="world", scope="module")
def _world():
    with lab.Lab() as private:
        world = World(private.vm("node", disks={"disk": 2048}))
        yield world
        # The administrator takes it away: nothing of ours is left that would keep the target from it.
        world.vm.run(UNEXPORT.format(nqn=NQN))


@pytest.fixture(autouse=True)
def _nothing_left(world):
    checker = driver.Checker(world.vm)
    yield
    nothing, text = checker.left()
    assert nothing, text


def refused(code, text, call, *args, **kwargs):
    with pytest.raises(driver.CsiError) as failure:
        call(*args, **kwargs)
    assert failure.value.code == code and text in failure.value.message, failure.value


def test_a_device_of_unknown_size_is_not_formatted(world):
    link = world.attach(driver.capability("ext4"), minSize="1").publish_controller()
    refused("FAILED_PRECONDITION", "it is not formatted", link.stage)
    link.unstage()
    link.unpublish_controller()


def test_a_filesystem_over_two_portals(world):
    link = world.attach(driver.capability("ext4")).up()
    world.vm.run(f"dd if=/dev/urandom of={link.target}/data bs=1M count=8 conv=fsync status=none")
    before = world.vm.run(f"sha256sum <{link.target}/data")
    world.vm.wait_for(f"test $(grep -lx {NQN} /sys/class/nvme/*/subsysnqn | wc -l) = 2", what="a path for each portal")
    link.down()
    link.up()
    assert world.vm.run(f"sha256sum <{link.target}/data") == before
    link.down()


def test_growth_follows_the_target(world):
    link = world.attach(driver.capability("ext4")).up()
    grown = {"capacity_range": {"required_bytes": 512 * MIB}, "volume_id": link.volume["volume_id"]}
    answer = world.ctl.call("ControllerExpandVolume", **grown, volume_capability=link.cap)
    assert answer["node_expansion_required"]
    expand = {**grown, "volume_path": link.target, "staging_target_path": link.staging, "timeout": 15}
    with pytest.raises(driver.CsiError) as failure:
        world.node.call("NodeExpandVolume", **expand)
    assert failure.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), failure.value
    world.vm.run(f"truncate -s 512M /srv/by-hand/disk && "
                 f"echo 1 >/sys/kernel/config/nvmet/subsystems/{NQN}/namespaces/1/revalidate_size")
    world.node.call("NodeExpandVolume", **{**expand, "timeout": 60})
    assert int(world.vm.run(f"stat -f -c %b {link.target}")) * int(
        world.vm.run(f"stat -f -c %S {link.target}")) > 400 * MIB
    link.down()


def test_the_wrong_namespace_is_not_taken(world):
    """P2: what answers at the portals is not what the PersistentVolume names."""
    link = world.attach(driver.capability("ext4"), uuid="00000000-0000-4000-8000-000000000001").publish_controller()
    with pytest.raises(driver.CsiError) as failure:
        link.stage()
    assert "none with the volume's" in failure.value.message, failure.value
    link.unstage()
    link.unpublish_controller()


def test_errors_name_the_attribute(world):
    cap = driver.capability("ext4")
    for key in ("nqn", "portals", "uuid"):
        refused("INVALID_ARGUMENT", key, world.attach(cap, **{key: "x"}).publish_controller)
    refused("INVALID_ARGUMENT", "PersistentVolume", world.ctl.call, "CreateVolume", name="new",
            volume_capabilities=[cap], parameters={"backend": "by-hand"})
    refused("FAILED_PRECONDITION", "Retain", world.ctl.call, "DeleteVolume", volume_id=CSI["volumeHandle"])
