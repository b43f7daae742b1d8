# SPDX-License-Identifier: Apache-2.0
"""The target's agent is killed, then its whole machine, under one mounted volume with I/O.

Target and node are machines of their own; the controller speaks to the agent over TLS with a
token. I/O must go on by itself and every byte must be right afterwards.
"""

import driver
import pytest
import vm as lab

MIB = 1 << 20


@pytest.fixture(scope="module")
def world():
    with lab.Lab() as private:
        target_vm = private.vm("target", disks={"pool": 4096, "system": 256}, memory=1536)
        node_vm = private.vm("node", memory=1536)
        tls = driver.Tls(target_vm, target_vm.ip, driver.mount_system_disk(target_vm))
        target = driver.target(
            target_vm, listen=f"{target_vm.ip}:8443",
            portals=(f"{target_vm.ip}:4420", f"{target_vm.ip2}:4420"), options=tls.server)
        target.start()
        tls.install(node_vm)
        target_vm.run("sync -f /srv/system")
        ctl = driver.controller(node_vm, url=f"https://{target_vm.ip}:8443", options=tls.client).start()
        plugin = driver.node(node_vm).start()
        yield target_vm, node_vm, target, ctl, plugin


def paths_live(machine, nqn, count):
    """Wait until the initiator has `count` live paths to the subsystem."""
    machine.wait_for(
        "n=0; for c in /sys/class/nvme/nvme*; do "
        f"[ \"$(cat $c/subsysnqn)\" = {nqn} ] && [ \"$(cat $c/state)\" = live ] && n=$((n+1)); done; [ $n = {count} ]",
        timeout=120, what=f"{count} live paths to {nqn}")


def test_io_survives_agent_and_machine(world):
    target_vm, node_vm, target, ctl, plugin = world
    before = driver.Checker(node_vm, trees=(driver.KUBELET,))
    volume = ctl.call("CreateVolume", name="survivor", capacity_range={"required_bytes": 1 << 30},
                      volume_capabilities=[driver.capability("ext4")], parameters={"backend": "linux"})["volume"]
    link = driver.Attachment(ctl, plugin, volume, driver.capability("ext4")).up()
    nqn = link.context["nqn"]
    paths_live(node_vm, nqn, 2)
    device = node_vm.run(f"findmnt -no SOURCE {link.staging}").strip()

    # Writes with a checksum in every block; verified at its end, and again after all is over.
    fio = (f"fio --name=io --filename={link.target}/data --rw=randwrite --bs=4k --size=16M --direct=1 "
           "--verify=crc32c --verify_fatal=1 --loops=2 --rate_iops=120 --ioengine=psync")
    node_vm.run(f"({fio} --do_verify=1; echo $? >/tmp/fio.status) >/out/fio.log 2>&1 &")
    written = f"test $(stat -c %b {link.target}/data 2>/dev/null || echo 0) -gt 2000"
    node_vm.wait_for(written, what="the first writes")

    target.kill()
    assert node_vm.run("cat /sys/block/nvme*/stat", check=True)
    target.start()

    target_vm.power_cycle()
    driver.mount_system_disk(target_vm)
    target_vm.run("modprobe -a nvmet-tcp; mkdir -p /srv/pool && mount /dev/vda /srv/pool")
    target.start()
    paths_live(node_vm, nqn, 2)

    node_vm.wait_for("test -e /tmp/fio.status", timeout=400, what="fio to end")
    assert node_vm.run("cat /tmp/fio.status").strip() == "0", node_vm.run("cat /out/fio.log")
    assert node_vm.run(f"findmnt -no SOURCE {link.staging}").strip() == device
    node_vm.run(f"echo 3 >/proc/sys/vm/drop_caches; {fio} --verify_only", timeout=200)
    assert node_vm.run("dmesg | grep -ciE 'I/O error|remount.*read-only' || true").strip() == "0"

    link.down()
    ctl.call("DeleteVolume", volume_id=volume["volume_id"])
    nothing, text = before.left()
    assert nothing, text
