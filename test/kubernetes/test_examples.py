# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says: the commands are run as they stand there, their output is
compared, and nothing is left behind."""

import glob
import json
import os
import ssl
import urllib.request

import gotools
import pytest
import transcript

EXAMPLES = os.path.join(gotools.SRC, "deploy/examples")
FOLDERS = sorted(os.path.basename(os.path.dirname(page)) for page in glob.glob(f"{EXAMPLES}/*/README.md"))
# What a volume is to Kubernetes, from its claim to its attachment.
KINDS = ("pods", "statefulsets", "persistentvolumeclaims", "persistentvolumes", "volumeattachments",
         "volumesnapshots", "volumesnapshotcontents")


def environment(cluster):
    """A shell whose kubectl speaks to the cluster."""
    kubectl = gotools.program("kubernetes", "kubectl")
    return {**os.environ, "KUBECONFIG": cluster.plane.admin,
            "PATH": os.path.dirname(kubectl) + os.pathsep + os.environ["PATH"]}


def left(cluster):
    """What there is of the kinds above in the default namespace, and of volumes on the target."""
    there = [item for kind in KINDS for item in cluster.kubectl("get", kind, "-o", "name").split()]
    return [line for line in there if "/" in line] + sorted(
        f"target: {kind} {item['id']}" for kind in ("volumes", "snapshots") for item in ask(cluster, kind)[kind])


def ask(cluster, path, method="GET", body=None):
    """One call of nvmetcp-target's API."""
    trust = ssl.create_default_context(cadata=cluster.storage.ca)
    request = urllib.request.Request(
        f"{cluster.storage.url}/v1/{path}", method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {cluster.storage.token.strip()}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
        return json.loads(answer.read() or "{}")


@pytest.fixture(name="clean")
def _clean(cluster):
    """Nothing before, so that all that is found afterwards is the test's; a failed test leaves it to look at."""
    assert not left(cluster)
    yield cluster
    cluster.until("volumes and what uses them to be gone", lambda: not left(cluster), timeout=180)
    cluster.checker.nothing_left()


@pytest.mark.parametrize("folder", FOLDERS)
def test_example(clean, folder):
    with open(f"{EXAMPLES}/{folder}/README.md") as page:
        transcript.run(page.read(), f"{EXAMPLES}/{folder}", environment(clean))


def test_static_volume_of_the_api(clean):
    """What the static-pv README says of a volume that the driver did not make: Kubernetes only needs its name."""
    size = 1 << 30
    thing = f"{clean.instance}-v-{'c0ffee' * 5}00"
    made = ask(clean, f"volumes/{thing}", "PUT", {"pool": clean.storage.pool, "instance": clean.instance, "size": size})
    assert made["size"] == size and not made["written"]
    with open(f"{EXAMPLES}/static-pv/2-volume.yaml") as page:
        clean.apply(page.read().replace("BACKEND/OBJECT", f"{clean.backend}/{thing}"))
    writer = f"{EXAMPLES}/filesystem/2-writer.yaml"
    clean.apply(f"{EXAMPLES}/static-pv/3-claim.yaml")
    with open(writer) as page:
        pod = page.read().replace("claimName: filesystem", "claimName: static")
    clean.apply(pod)
    clean.wait("pod/filesystem-writer", "jsonpath={.status.phase}=Succeeded", timeout=300)
    assert ask(clean, f"volumes/{thing}")["written"]
    clean.delete(pod)
    clean.delete(f"{EXAMPLES}/static-pv/3-claim.yaml")
    clean.wait("pv/static", "delete")
