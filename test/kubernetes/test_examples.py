# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says: the commands are run as they stand there, their output is
compared, and nothing is left behind. The cluster needs two nodes.

Three of them run for every change, all with NV_ALL=1 (hack/test --all kubernetes)."""

import glob
import os

import gotools
import left
import pytest
import transcript
import yaml

EXAMPLES = os.path.join(gotools.SRC, "deploy/examples")
FOLDERS = sorted(os.path.basename(os.path.dirname(page)) for page in glob.glob(f"{EXAMPLES}/*/README.md"))
CHOSEN = ("block", "expand", "snapshot")
ALL = os.environ.get("NV_ALL") == "1"


@pytest.fixture(name="counted")
def _counted(cluster):
    counts = left.Left(cluster)
    yield cluster
    counts.nothing()


@pytest.mark.parametrize("folder", FOLDERS if ALL else CHOSEN)
def test_example(counted, folder):
    with open(f"{EXAMPLES}/{folder}/README.md") as page:
        transcript.run(page.read(), f"{EXAMPLES}/{folder}", counted.environment())


def test_static_volume_of_the_api(counted):
    """What the static-pv README says of a volume that the driver did not make: its name is all it needs."""
    with open(f"{gotools.SRC}/test/kubernetes/values.yaml") as f:
        values = yaml.safe_load(f)
    instance, backend = values["instance"], values["backends"][0]
    thing = f"{instance}-v-{'c0ffee' * 5}00"
    path = f"/v1/volumes/{thing}"
    made = counted.storage.call("PUT", path, {"pool": backend["pool"], "instance": instance, "size": 1 << 30})
    assert not made["written"]
    with open(f"{EXAMPLES}/static-pv/2-volume.yaml") as volume, open(f"{EXAMPLES}/filesystem/2-writer.yaml") as pod:
        claimed = volume.read().replace("BACKEND/OBJECT", f"{backend['name']}/{thing}")
        writer = pod.read().replace("claimName: filesystem", "claimName: static")
    counted.apply(claimed)
    counted.apply(f"{EXAMPLES}/static-pv/3-claim.yaml")
    counted.apply(writer)
    counted.wait("pod/filesystem-writer", "jsonpath={.status.phase}=Succeeded", timeout=300)
    assert counted.storage.call("GET", path)["written"]
    counted.delete(writer)
    counted.delete(f"{EXAMPLES}/static-pv/3-claim.yaml")
