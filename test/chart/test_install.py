# SPDX-License-Identifier: Apache-2.0
"""What the person at the prompt is told: the notes after helm install, and the refusal of another instance."""

import base64
import json

import chart
import fakeapi
import pytest


def install(folder, values, *argv, kept=None):
    """helm install against a server that has the objects of @kept."""
    everything = [o for name in chart.SETS for o in chart.render(name)]
    with fakeapi.serve(everything, kept or {}, folder) as kubeconfig:
        return chart.helm("install", "nvmetcp-csi", chart.CHART, "--namespace", chart.NAMESPACE, "--dry-run=server",
                          "--disable-openapi-validation", "--kubeconfig", kubeconfig, "--values",
                          chart.SETS[values], *argv)


def notes(folder, values, *argv):
    status, out, err = install(folder, values, *argv)
    assert status == 0, err
    return out.split("\nNOTES:\n", 1)[1]


def test_notes_say_what_to_do_next_and_what_is_not_safe(tmp_path, values):
    text = notes(tmp_path, values)
    name = chart.render(values).one("Deployment")["metadata"]["name"]
    assert f"kubectl -n {chart.NAMESPACE} rollout status deployment/{name}" in text
    plain = " ".join(text.split())
    assert "Without DH-CHAP" in plain and "that is an allow-list, not authentication" in plain
    assert "Use an isolated network" in plain
    assert "helm uninstall leaves volumes, snapshots and their data alone" in plain
    assert max(len(line) for line in text.splitlines()) <= 110


def test_notes_fit_the_values(tmp_path):
    text = notes(tmp_path, "minimal")
    assert "There is no StorageClass yet" in text and "backend: main" in text
    assert "backends: main has no tokenSecret" in text
    text = notes(tmp_path, "many-backends")
    assert "backends: by-hand is static: nothing cuts a lost node off" in text
    assert "storageClassName: fast" in text and "tokenSecret" not in text and "Snapshots are off" not in text
    assert "Snapshots are off by sidecars.snapshotter.enabled" in notes(tmp_path, "one-replica")
    assert "topologyKeys" not in text
    assert "every node must tell where it is" in " ".join(notes(tmp_path, "zones").split())
    text = notes(tmp_path, "many-backends", "--set", "backends[0].type=spdk")
    assert "The controller has 1 replica, not 2" in text


def config_of(instance):
    text = json.dumps({"instance": instance, "backends": []})
    return {f"/api/v1/namespaces/{chart.NAMESPACE}/secrets/nvmetcp-csi-config": {
        "apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": "nvmetcp-csi-config", "namespace": chart.NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "nvmetcp-csi",
                            "meta.helm.sh/release-namespace": chart.NAMESPACE}},
        "data": {"config.json": base64.b64encode(text.encode()).decode()}}}


@pytest.mark.parametrize("was,refused", [("a", False), ("b", True)])
def test_another_instance_is_refused(tmp_path, was, refused):
    status, out, err = install(tmp_path, "minimal", kept=config_of(was))
    assert (status != 0) is refused, out + err
    if refused:
        assert 'instance: is "b" in this release and cannot become "a"' in err
