# SPDX-License-Identifier: Apache-2.0
"""`nvmetcp-controller audit` in the controller's pod, by the commands of docs/audit.md: on a cluster that is well it
finds nothing, and what is made behind the cluster's back it finds, all of it and by name."""

import json
import os
import subprocess
import uuid

import cluster as clusters
import gotools
import pytest
import writer

HOST = "nqn.2026-01.dev.csi.nvmetcp:node.test.nobody"


def audit(cluster, *argv):
    """Return: exit status, what it found, what it said besides."""
    with open(os.path.join(gotools.SRC, "docs/audit.md"), encoding="utf-8") as page:
        command = page.read().split("```sh\n")[1].split("```")[0].strip()
    assert command.startswith("kubectl get ") and clusters.NAMESPACE in command
    done = subprocess.run(["bash", "-c", " ".join([command, *argv])], env=cluster.environment(), check=False,
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="behind")
def _behind(cluster):
    """A volume that the target has and the cluster does not know of."""
    name = f"test-v-{uuid.uuid4().hex}"
    cluster.storage.call("PUT", f"/v1/volumes/{name}", {"pool": "pool", "instance": "test", "size": 1 << 30})
    yield name
    cluster.storage.call("DELETE", f"/v1/volumes/{name}")


def test_audit(cluster, namespace, behind, tmp_path):
    writing = writer.Writer(cluster, namespace, "writer", cluster.nodes[0]).start()
    status, text, said = audit(cluster)
    assert status == 3 and f"leaked-volume   linux/{behind}" in text and " 1 findings" in text, text + said
    cluster.storage.call("PUT", f"/v1/volumes/{behind}/hosts/{HOST}", {})
    status, report, said = audit(cluster, "--json")
    found = [(each["kind"], each["node"]) for each in json.loads(report)["findings"]]
    assert status == 3 and found == [("leaked-grant", HOST), ("leaked-volume", "")], report + said
    kept = tmp_path / "report"
    kept.write_text(report)
    status, text, said = audit(cluster, "--repair", f'"$(cat {kept})"')
    assert status == 3 and f"fenced: linux/{behind}, node {HOST}" in said, text + said
    assert cluster.storage.call("GET", f"/v1/volumes/{behind}")["hosts"] == []
    status, text, said = audit(cluster)
    assert status == 3 and "leaked-grant" not in text, text + said
    writing.undisturbed()
