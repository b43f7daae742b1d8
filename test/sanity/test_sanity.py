# SPDX-License-Identifier: Apache-2.0
"""csi-sanity with mount and with block volumes, and with those of a thin pool of LVM: no failure, every
skipped spec named, nothing left."""

import os
import shlex

import driver
import pytest
import suite
import vm as lab


@pytest.mark.parametrize("access, target_of", [
    pytest.param("mount", driver.target, id="mount"), pytest.param("block", driver.target, id="block"),
    pytest.param("mount", driver.thin_target, id="lvmthin")])
def test_sanity(access, target_of):
    with lab.Lab() as private:
        machine = private.vm("sanity", disks={"pool": 16384})
        target, ctl, plugin = target_of(machine), driver.controller(machine), driver.node(machine)
        for program in (target, ctl, plugin):
            program.start()
        checker = driver.Checker(machine)
        driver.write(machine, "/etc/sanity.yaml", "backend: linux\n")
        words = suite.command(plugin.socket, ctl.socket, access, "/etc/sanity.yaml", driver.KUBELET, "/out/junit.xml")
        status, output = machine.run(shlex.join(words), timeout=700, check=False)
        log = os.path.join(machine.out, "sanity.log")
        with open(log, "w") as f:
            f.write(output)
        suite.judge(access, status, os.path.join(machine.out, "junit.xml"), log)
        nothing, text = checker.left()
        assert nothing, text
