# SPDX-License-Identifier: Apache-2.0
"""What a user reads in `kubectl describe` after five common mistakes: what is wrong, where, and what to do.
Once it is corrected, the same claim or pod goes on by itself."""

import base64
import contextlib
import json
import re
import uuid

import cluster as clusters
import left
import pytest

DRIVER = clusters.DRIVER
NAMESPACE = clusters.NAMESPACE
IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"


def class_of(name, parameters):
    """A StorageClass that makes the volume at once, so that the claim itself has the event."""
    return json.dumps({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": DRIVER, "parameters": parameters, "volumeBindingMode": "Immediate"}) + "\n"


def claim_of(name, storage_class, size="1Gi"):
    return json.dumps({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"storageClassName": storage_class, "accessModes": ["ReadWriteOnce"],
                 "resources": {"requests": {"storage": size}}}}) + "\n"


def pod_of(name, claim, node):
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "nodeSelector": {"kubernetes.io/hostname": node},
                 "containers": [{"name": "shell", "image": IMAGE, "command": ["sh", "-c", "echo fine >/data/file; sync"],
                                 "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                 "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}}) + "\n"


def described(cluster, what, pattern, timeout=180):
    """Wait until `kubectl describe` of @what matches; Return: the event's line."""
    def look():
        text = cluster.kubectl("describe", what)
        found = [line for line in text.splitlines() if re.search(pattern, line)]
        return found[-1] if found else None

    try:
        return cluster.until(f"/{pattern}/ in the description", look, timeout=timeout)
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{cluster.kubectl('describe', what)}") from None


@pytest.fixture(name="counts")
def _counts(cluster):
    counts = left.Left(cluster)
    yield counts
    counts.nothing()


@pytest.fixture(name="name")
def _name(cluster, counts):
    """A name of its own for what a test makes; all of that name is deleted, and nothing left."""
    assert counts
    name = f"mistake-{uuid.uuid4().hex[:6]}"
    yield name
    for what in (f"pod/{name}", f"pvc/{name}", f"storageclass/{name}"):
        cluster.kubectl("delete", what, "--ignore-not-found")


def refused_claim(cluster, name, parameters, pattern, size="1Gi"):
    cluster.apply(class_of(name, parameters))
    cluster.apply(claim_of(name, name, size))
    line = described(cluster, f"pvc/{name}", pattern)
    assert "ProvisioningFailed" in line
    assert cluster.get("pvc", name)["status"]["phase"] == "Pending"
    return line


def test_unknown_backend(cluster, name):
    line = refused_claim(cluster, name, {"backend": "lunix"}, r"parameters\.backend: ")
    assert re.search(r'code = InvalidArgument desc = parameters\.backend: "lunix" is not in the controller.s '
                     r"configuration; .*StorageClass", line), line


def test_bad_parameter(cluster, name):
    line = refused_claim(cluster, name, {"backend": "linux", "nrIoQueue": "4"}, r"nrIoQueue")
    assert re.search(r"code = InvalidArgument desc = parameters\.nrIoQueue: no such parameter", line), line


def test_bad_value(cluster, name):
    line = refused_claim(cluster, name, {"backend": "linux", "queueSize": "7"}, r"queueSize")
    assert re.search(r"code = InvalidArgument desc = .*queueSize '7': must be a whole number from 16 to 1024", line), line


def test_pool_full(cluster, name):
    """Says how much is wanted and how much there is; a smaller claim of the same class is served."""
    line = refused_claim(cluster, name, {"backend": "linux"}, r"are available", size="1Ti")
    assert re.search(r"code = ResourceExhausted desc = .*backend linux: pool pool: 1099511627776 bytes are wanted for "
                     r".* and \d+ are available", line), line
    cluster.kubectl("delete", "pvc", name)
    cluster.apply(claim_of(name, name))
    cluster.wait(f"pvc/{name}", "jsonpath={.status.phase}=Bound")


@contextlib.contextmanager
def without_module(node):
    """The node as one whose kernel package lacks nvme-tcp: not loaded, and not there to be loaded."""
    vm = node.vm
    file = vm.run("modinfo -n nvme-tcp").strip()
    folder, kept = f"/lib/modules/{vm.run('uname -r').strip()}", "/run/modules-index"
    vm.run("modprobe -r nvme-tcp nvme-fabrics && test ! -e /dev/nvme-fabrics")
    vm.run(f"mkdir {kept} && cp -a {folder}/modules.* {kept} && mv {file} {file}.away && depmod")
    try:
        yield
    finally:
        vm.run(f"mv {file}.away {file} && cp -a {kept}/* {folder} && rm -r {kept}")


def restart(cluster, component, *where):
    """New pods of the driver, which start as things are now; they run, whether they are ready or not."""
    where = ("-n", NAMESPACE, "-l", f"app.kubernetes.io/component={component}", *where)
    count = len(cluster.kubectl("get", "pods", *where, "-o", "name").split())
    started = f'{{.items[*].status.containerStatuses[?(@.name=="nvmetcp-{component}")].started}}'
    cluster.kubectl("delete", "pods", *where)
    cluster.until(f"the new {component} to run", lambda: cluster.kubectl(
        "get", "pods", *where, "-o", f"jsonpath={started}").split() == ["true"] * count, timeout=300)


def test_node_without_the_module(cluster, name, counts):
    """Told at the pod; when the module is there, the pod starts without a restart of anything."""
    node = cluster.nodes[-1]
    with without_module(node):
        restart(cluster, "node", "--field-selector", f"spec.nodeName={node.name}")
        counts.count_machines()
        cluster.apply(class_of(name, {"backend": "linux"}))
        cluster.apply(claim_of(name, name))
        cluster.apply(pod_of(name, name, node.name))
        line = described(cluster, f"pod/{name}", r"FailedMount.*nvme-tcp")
        assert re.search(rf"code = FailedPrecondition desc = .*nvme-tcp cannot be loaded on node {node.name} .*it is not in "
                         r"the node's /lib/modules/\S+; install", line), line
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Succeeded", timeout=300)
    cluster.wait_for_driver()


def set_token(cluster, text):
    coded = base64.b64encode(text.encode()).decode()
    cluster.kubectl("patch", "secret", "linux-token", "-n", NAMESPACE, "-p", json.dumps({"data": {"token": coded}}))


def test_wrong_token(cluster, name, counts):
    """Told at the claim; when the Secret is corrected, the claim is served without a restart of anything."""
    token = cluster.storage.token
    try:
        set_token(cluster, "wrong-" + token)
        restart(cluster, "controller")
        counts.count_machines()
        line = refused_claim(cluster, name, {"backend": "linux"}, r"\(401\)")
        assert re.search(r"code = Unauthenticated desc = .*backend linux: it does not know our token \(401\)", line), line
        assert token not in cluster.kubectl("describe", f"pvc/{name}")
    finally:
        set_token(cluster, token)
    cluster.wait(f"pvc/{name}", "jsonpath={.status.phase}=Bound", timeout=420)
    cluster.wait_for_driver()
