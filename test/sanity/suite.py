# SPDX-License-Identifier: Apache-2.0
"""csi-sanity, the outside suite: how it is called, and what its report must say."""

import os
import xml.etree.ElementTree

# Specs that csi-sanity skips by itself against this driver, by a part of their name, and why that
# is right. A spec skipped for any other reason fails the test.
SKIPPED = {
    "GroupController": "group snapshots are not offered, and not advertised",
    "VolumeGroupSnapshot": "group snapshots are not offered, and not advertised",
    "ControllerModifyVolume": "no mutable parameters, and not advertised",
    "ModifyVolume": "no mutable parameters, and not advertised",
    "SnapshotMetadata": "changed blocks are not offered, and not advertised",
    "accessibility requirements": "no topology is offered, and not advertised",
    "volume attribute class": "no mutable parameters, and not advertised",
    "node max attach limit": "each node reports its limit and the scheduler keeps it; a backend sets none",
    "already published but is incompatible": "readonly is the node's to enforce; PUBLISH_READONLY is not advertised",
    "detect volumes added between pages": "pending in csi-sanity itself",
}


def command(node, controller, access, parameters, folder, report):
    """The words that run it: sockets, "mount" or "block", a file of parameters, a folder for its mounts, the report."""
    return [os.environ["CSI_SANITY"], "--csi.endpoint", f"unix://{node}", "--csi.controllerendpoint",
            f"unix://{controller}", "--csi.testvolumesize", "1073741824", "--csi.testvolumeexpandsize", "2147483648",
            "--csi.testvolumeaccesstype", access, "--csi.testvolumeparameters", str(parameters),
            "--csi.stagingdir", f"{folder}/sanity-stage", "--csi.mountdir", f"{folder}/sanity-mount",
            "--ginkgo.junit-report", str(report), "--ginkgo.no-color", "--ginkgo.v"]


def read(path):
    """(passed, failed, skipped): names of a JUnit file."""
    passed, failed, skipped = [], [], []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        to = (failed if case.find("failure") is not None or case.find("error") is not None else
              skipped if case.find("skipped") is not None else passed)
        to.append(case.get("name"))
    return passed, failed, skipped


def judge(what, status, report, log, left_out=None):
    """Nothing failed, and of each skipped spec it is known why. left_out: as SKIPPED, for this run only.
    Return: the names of those that passed."""
    reasons = {**(left_out or {}), **SKIPPED}
    passed, failed, skipped = read(report)
    print(f"\ncsi-sanity, {what}: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    unexplained = []
    for name in skipped:
        why = next((reasons[part] for part in reasons if part in name), None)
        if why is None:
            unexplained.append(name)
        print(f"  skipped: {name}: {why}")
    assert not failed, f"failed, see {log}: " + "\n".join(failed)
    assert status == 0, f"it ended with {status}, see {log}"
    assert not unexplained, "skipped and nobody said why: " + "\n".join(unexplained)
    assert passed
    return passed
