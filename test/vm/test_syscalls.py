# SPDX-License-Identifier: Apache-2.0
"""What the node plugin runs and whom it talks to during an attach, as strace sees it."""

import re

import driver
import pytest
import vm as lab

GIB = 1 << 30
ALLOWED = {"mkfs.ext4", "mke2fs", "e2fsck", "fsck.ext4", "resize2fs", "dumpe2fs"}


@pytest.fixture(scope="module")
def world():
    with lab.Lab() as private:
        machine = private.vm("strace", disks={"pool": 4096})
        driver.target(machine).start()
        ctl = driver.controller(machine).start()
        plugin = driver.node(machine)
        plugin.start()
        yield machine, ctl, plugin


def trace(world, fs):
    """One whole stage and unstage under strace. Return: (programs run, connects made)."""
    machine, ctl, plugin = world
    volume = ctl.call("CreateVolume", name=f"strace-{fs}", capacity_range={"required_bytes": GIB},
                      volume_capabilities=[driver.capability(fs)], parameters={"backend": "linux"})["volume"]
    link = driver.Attachment(ctl, plugin, volume, driver.capability(fs)).publish_controller()
    log = f"/out/strace-{fs}.log"
    processes = machine.run("pgrep -d' ' nvmetcp").split()
    tracer = machine.run(
        f"strace -f -qq -e trace=execve,execveat,connect -e signal=none -o {log} "
        f"{' '.join('-p ' + p for p in processes)} </dev/null >/dev/null 2>&1 & echo $!").strip()
    machine.wait_for(f"grep -q 'TracerPid:.*[1-9]' /proc/{plugin.pid}/status", what="strace to attach")
    link.stage()
    link.unstage()
    machine.run(f"kill -INT {tracer}")
    machine.wait_for(f"! kill -0 {tracer}", what="strace to end")
    link.unpublish_controller()
    ctl.call("DeleteVolume", volume_id=volume["volume_id"])
    text = machine.run(f"cat {log}")
    return re.findall(r'execve(?:at)?\("([^"]+)"', text), re.findall(r"connect\(.*", text)


def check_connects(connects):
    for line in connects:
        assert "AF_INET" in line and "sin_port=htons(4420)" in line or "AF_NETLINK" in line, line
    assert connects, "no portal was probed: did strace see anything?"


def test_raw_block_runs_nothing(world):
    programs, connects = trace(world, "block")
    assert programs == []
    check_connects(connects)


def test_ext4_runs_only_its_tools(world):
    programs, connects = trace(world, "ext4")
    assert programs, "a new volume must have been formatted"
    assert {p.rsplit("/", 1)[-1] for p in programs} <= ALLOWED
    check_connects(connects)
