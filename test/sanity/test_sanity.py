# SPDX-License-Identifier: Apache-2.0
"""csi-sanity with mount and with block volumes: no failure, every skipped spec named, nothing left."""

import os
import xml.etree.ElementTree

import driver
import pytest
import vm as lab

# Specs that csi-sanity skips by itself against this driver, by a part of their name, and why that
# is right. A spec skipped for any other reason fails the test.
SKIPPED = {
    "GroupController": "group snapshots are not offered, and not advertised",
    "VolumeGroupSnapshot": "group snapshots are not offered, and not advertised",
    "ControllerModifyVolume": "no mutable parameters, and not advertised",
    "ModifyVolume": "no mutable parameters, and not advertised",
    "SnapshotMetadata": "changed blocks are not offered, and not advertised",
    "Health": "the health RPCs are alpha, not offered and not advertised",
    "accessibility requirements": "no topology is offered, and not advertised",
    "volume attribute class": "no mutable parameters, and not advertised",
    "node max attach limit": "each node reports its limit and the scheduler keeps it; a backend sets none",
    "already published but is incompatible": "readonly is the node's to enforce; PUBLISH_READONLY is not advertised",
    "detect volumes added between pages": "pending in csi-sanity itself",
}


def report(path):
    """(passed, failed with text, skipped with reason) of a JUnit file."""
    passed, failed, skipped = [], [], []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = case.get("name")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped.append((name, case.find("skipped").get("message", "")))
        else:
            passed.append(name)
    return passed, failed, skipped


@pytest.mark.parametrize("access", ["mount", "block"])
def test_sanity(access):
    with lab.Lab() as private:
        machine = private.vm("sanity", disks={"pool": 16384})
        target, ctl, plugin = driver.target(machine), driver.controller(machine), driver.node(machine)
        for program in (target, ctl, plugin):
            program.start()
        checker = driver.Checker(machine)
        driver.write(machine, "/etc/sanity.yaml", "backend: linux\n")
        status, output = machine.run(
            f"{os.environ['CSI_SANITY']} --csi.endpoint unix://{plugin.socket} "
            f"--csi.controllerendpoint unix://{ctl.socket} --csi.testvolumesize 1073741824 "
            f"--csi.testvolumeexpandsize 2147483648 --csi.testvolumeaccesstype {access} "
            "--csi.testvolumeparameters /etc/sanity.yaml --csi.stagingdir /var/lib/kubelet/sanity-stage "
            "--csi.mountdir /var/lib/kubelet/sanity-mount --ginkgo.junit-report /out/junit.xml "
            "--ginkgo.no-color --ginkgo.v",
            timeout=700, check=False)
        with open(os.path.join(machine.out, "sanity.log"), "w") as f:
            f.write(output)
        passed, failed, skipped = report(os.path.join(machine.out, "junit.xml"))
        print(f"\ncsi-sanity, {access}: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
        unexplained = []
        for name, _ in skipped:
            why = next((SKIPPED[part] for part in SKIPPED if part in name), None)
            if why is None:
                unexplained.append(name)
            print(f"  skipped: {name}: {why}")
        assert not failed, f"failed, see {machine.out}/sanity.log: " + "\n".join(failed)
        assert status == 0
        assert not unexplained, "skipped and nobody said why: " + "\n".join(unexplained)
        assert passed
        nothing, text = checker.left()
        assert nothing, text
