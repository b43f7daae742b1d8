# SPDX-License-Identifier: Apache-2.0
"""The target's machine loses its power under twenty volumes that two nodes write to, again and again.

An initiator that is told "unknown subsystem" gives its controller up for good, and the filesystem on it
with it. So after each boot the target lets nobody in before all is exported. The same with that gate
switched off shows that it is the gate which holds.
"""

import json
import os
import time

import driver
import pytest
import vm as lab

VOLUMES = 20
# hack/test --all
ROUNDS = 10 if os.environ.get("NV_ALL") == "1" else 2
# Each block is written with a checksum in it and read back some blocks later.
FIO = ("fio --name={name} --filename={path} --rw=randwrite --bs=4k --size=8M --direct=1 --ioengine=psync --rate_iops=8 "
       "--verify=crc32c --verify_backlog=16 --verify_fatal=1 --time_based --runtime=7200 --trigger-file=/run/stop "
       "--output-format=json --output=/out/{name}.json")


class World:
    """A target and two nodes; the controller runs on the first of these."""

    def __init__(self, private, **options):
        self.target_vm = private.vm("target", disks={"pool": 4096, "system": 256}, memory=1536)
        self.nodes = [private.vm(f"node{i}", memory=1536) for i in (1, 2)]
        tls = driver.Tls(self.target_vm, self.target_vm.ip, driver.mount_system_disk(self.target_vm))
        self.target = driver.target(
            self.target_vm, listen=f"{self.target_vm.ip}:8443",
            portals=(f"{self.target_vm.ip}:4420", f"{self.target_vm.ip2}:4420"), options={**tls.server, **options})
        self.target.start()
        tls.install(self.nodes[0])
        self.target_vm.run("sync -f /srv/system")
        self.ctl = driver.controller(self.nodes[0], url=f"https://{self.target_vm.ip}:8443", options=tls.client).start()
        self.plugins = [driver.node(machine, machine.name).start() for machine in self.nodes]
        self.links = []

    def attach_all(self):
        def one(i):
            cap = driver.capability("block")
            volume = self.ctl.call("CreateVolume", name=f"v{i}", capacity_range={"required_bytes": 64 << 20},
                                   volume_capabilities=[cap], parameters={"backend": "linux"})["volume"]
            return driver.Attachment(self.ctl, self.plugins[i % 2], volume, cap, pod=f"pod{i}").up()
        self.links = [one(i) for i in range(VOLUMES)]

    def power_cycle(self):
        self.target_vm.power_cycle()
        driver.mount_system_disk(self.target_vm)
        self.target_vm.run("modprobe -a nvmet-tcp; mkdir -p /srv/pool && mount /dev/vda /srv/pool")
        self.target.start()

    def start_io(self):
        for i, link in enumerate(self.links):
            fio = FIO.format(name=f"io{i}", path=link.target)
            link.node.vm.run(f"setsid {fio} </dev/null >/out/io{i}.log 2>&1 &")

    def stop_io(self):
        """Return: {name of a writer: what fio says of it}, once all have ended."""
        said = {}
        for machine in self.nodes:
            machine.run("touch /run/stop")
            machine.wait_for("! pidof fio", timeout=120, what="fio to end")
            for name in machine.run("cd /out && ls io*.json").split():
                said[name] = json.loads(machine.run(f"cat /out/{name}"))["jobs"][0]
        return said

    def controllers(self):
        """Every controller of the nodes, as (node, name): a name is never used again while others live."""
        return {(machine.name, name) for machine in self.nodes
                for name in machine.run("ls /sys/class/nvme").split()}

    def all_live(self):
        for machine, count in zip(self.nodes, ((VOLUMES + 1) // 2, VOLUMES // 2)):
            machine.wait_for(f"test $(cat /sys/class/nvme/*/state | grep -cx live) = {2 * count}", timeout=180,
                             what=f"{2 * count} live controllers on {machine.name}")

    def written(self):
        """Sectors written so far, by device."""
        return {(machine.name, line.split()[0]): int(line.split()[1]) for machine in self.nodes
                for line in machine.run("cd /sys/block && for d in nvme*n*; do echo $d $(awk '{print $7}' $d/stat); done")
                .splitlines() if "c" not in line.split()[0]}

    def given_up(self):
        """Controllers that an initiator removed by itself, in the kernel's words."""
        return [f"{machine.name}: {line}" for machine in self.nodes
                for line in machine.run("dmesg | grep -E 'Removing ctrl|Failed reconnect attempt.*-?16770|I/O error' || true")
                .splitlines() if "Removing ctrl" in line or "I/O error" in line]


@pytest.fixture
def private():
    with lab.Lab() as machines:
        yield machines


def test_io_goes_on_by_itself(private):
    world = World(private)
    world.attach_all()
    world.all_live()
    before = world.controllers()
    world.start_io()
    for number in range(ROUNDS):
        began = time.monotonic()
        world.power_cycle()
        world.all_live()
        assert world.controllers() == before and not world.given_up(), world.given_up()
        seen = world.written()
        for machine in world.nodes:
            for (name, device), sectors in seen.items():
                if name == machine.name:
                    machine.wait_for(f"test $(awk '{{print $7}}' /sys/block/{device}/stat) -gt {sectors}",
                                     timeout=120, what=f"writes to {device} on {name}")
        print(f"\nround {number + 1} of {ROUNDS}: {time.monotonic() - began:.0f} s from power off until all write again")
    said = world.stop_io()
    assert len(said) == VOLUMES
    assert all(job["error"] == 0 for job in said.values()), said
    longest = max(job[way]["clat_ns"]["max"] for job in said.values() for way in ("read", "write")) / 1e9
    blocks = sum(job["read"]["total_ios"] for job in said.values())
    assert blocks > VOLUMES, "nothing was verified"
    print(f"\n{VOLUMES} volumes, {ROUNDS} rounds: {blocks} blocks verified; longest time of one request {longest:.1f} s")
    for link in world.links:
        link.down()
        world.ctl.call("DeleteVolume", volume_id=link.volume["volume_id"])


def test_without_the_gate_volumes_are_lost(private):
    """What the test above would look like without the gate: it can fail."""
    world = World(private, gate="none")
    world.attach_all()
    world.all_live()
    before = world.controllers()
    for _ in range(10):
        world.power_cycle()
        for machine in world.nodes:
            machine.wait_for("! cat /sys/class/nvme/*/state | grep -vx live", timeout=180,
                             what="each controller to be live or gone")
        if world.controllers() != before:
            return
    raise AssertionError("ten reboots without the gate, and no initiator gave up: the gate is not what protects")
