# SPDX-License-Identifier: Apache-2.0
"""The controller's part of csi-sanity on the SPDK backend, over both of its ways to a target.

The target is the double, so there is no data path: the specs of the node service are left out, and the
node plugin runs for its name only. They run against the Linux backend, on a real kernel.
"""

import subprocess

import plugins
import pytest
import suite
from running import Double

LEFT_OUT = {
    "Node Service": "a double of SPDK has no data path to attach; these run against the Linux backend in a VM",
}
# The identity service is asked at --csi.endpoint, where the node plugin is: so once more, at the controller.
IDENTITY = "Identity Service"


def run(folder, words, name):
    """Return: exit status and log."""
    log = folder / (name + ".txt")
    with open(log, "w", encoding="utf-8") as to:
        return subprocess.run(words, stdout=to, stderr=subprocess.STDOUT, check=False, timeout=300).returncode, log


@pytest.fixture
def started(tmp_path):
    running = []

    def start(make, *words, **more):
        running.append(make(tmp_path, *words, **more))
        return running[-1]
    yield start
    for each in reversed(running):
        each.stop()


@pytest.mark.parametrize("way, access", [("http", "mount"), ("unix", "block")])
def test_sanity(way, access, tmp_path, started):
    double = started(Double, *plugins.PROXY, store="lvs0:64G")
    controller, node = started(plugins.controller, double, way), started(plugins.node)
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text("backend: fast\n", encoding="ascii")
    report = tmp_path / "junit.xml"
    words = suite.command(node.socket, controller.socket, access, parameters, tmp_path, report)
    status, log = run(tmp_path, [*words, "--ginkgo.skip", "|".join(LEFT_OUT)], "specs")
    suite.judge("SPDK over %s, %s" % (way, access), status, report, log, LEFT_OUT)
    assert double.left() == []

    words = suite.command(controller.socket, controller.socket, access, parameters, tmp_path, report)
    status, log = run(tmp_path, [*words, "--ginkgo.focus", IDENTITY], "identity")
    assert status == 0, log.read_text(encoding="utf-8")
    passed, failed, _ = suite.read(report)
    assert not failed and len(passed) == 3 and all(IDENTITY in name for name in passed), passed
