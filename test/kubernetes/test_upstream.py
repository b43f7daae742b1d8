# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own suite for storage drivers, against the cluster.

Of some 300 specs eight run for every change: together they use each capability of the driver once.
NV_ALL=1 (hack/test --all kubernetes) runs what applies besides. Every spec is in one of the lists
below, is one of theirs on a further kind of volume, or has a reason to be left out; a spec that a new
Kubernetes brings fails the test until somebody has said which.
"""

import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import gotools
import left
import pytest

DRIVER = os.path.join(gotools.SRC, "test/kubernetes/e2e-driver.yaml")
PREFIX = "External Storage [Driver: nvmetcp.csi.dev] [Testpattern: "
ALL = os.environ.get("NV_ALL") == "1"
LANES = 2

FS, BLOCK, XFS = "Dynamic PV (default fs)", "Dynamic PV (block volmode)", "Dynamic PV (xfs)"
GROWING = "(allowExpansion)"
EPHEMERAL = "Generic Ephemeral-volume (default fs) (late-binding)"
SNAPSHOT = "Dynamic Snapshot (delete policy)"

# The kind of volume, the spec, and what it is here for.
CHOSEN = (
    (FS, "volumes should store data", "a filesystem keeps what one pod wrote for the next"),
    (BLOCK, "multiVolume should access to two volumes with different volume mode and retain data across pod "
     "recreation on different node", "block device and filesystem in one pod, both move to the other node"),
    (SNAPSHOT, "snapshottable volume snapshot controller should check snapshot fields, check restore correctly "
     "works after modifying source data, check deletion (persistent)", "snapshot, restore, and both ways of deletion"),
    (XFS, "multiVolume should concurrently access the volume and its clone from pods on the same node",
     "xfs; a clone of a volume in use, mounted beside its source"),
    (FS + GROWING, "volume-expand should resize volume when PVC is edited while pod is using it",
     "controller and node grow a mounted volume"),
    (FS, "subPath should support file as subpath", "a bind mount of a file of the volume"),
    (FS, "read-write-once-pod should block a second pod from using an in-use ReadWriteOncePod volume on the same "
     "node", "ReadWriteOncePod"),
    (FS, "fsgroupchangepolicy (Always), pod created with an initial fsgroup, new pod fsgroup applied to volume "
     "contents", "fsGroup"),
)

# What applies besides: once for each behaviour, on the kind of volume where it is hardest.
FURTHER = (
    (FS, "volumes should allow exec of files on the volume"),
    (BLOCK, "volumes should store data"),
    (XFS, "volumes should store data"),
    (FS, "volumeIO should write files of various sizes, verify size, validate content"),
    (FS, "provisioning should provision storage with mount options"),
    (FS, "provisioning should provision storage with snapshot data source"),
    (BLOCK, "provisioning should provision storage with snapshot data source"),
    (FS, "provisioning should provision storage with snapshot data source (ROX mode)"),
    (FS, "provisioning should provision storage with pvc data source"),
    (BLOCK, "provisioning should provision storage with pvc data source"),
    (FS, "provisioning should provision storage with pvc data source (ROX mode)"),
    (FS, "provisioning should provision storage with pvc data source in parallel"),
    (FS, "provisioning should provision correct filesystem size when restoring snapshot to larger size pvc"),
    (FS, "provisioning should mount multiple PV pointing to the same storage on the same node"),
    (XFS, "multiVolume should access to two volumes with the same volume mode and retain data across pod "
     "recreation on different node"),
    (FS.replace("default fs", "ext4"), "multiVolume should concurrently access the single volume from pods on the "
     "same node"),
    (BLOCK, "multiVolume should concurrently access the single volume from pods on different node"),
    (BLOCK, "multiVolume should concurrently access the single read-only volume from pods on the same node"),
    (XFS, "multiVolume should concurrently access the volume and restored snapshot from pods on the same node"),
    (BLOCK + GROWING, "volume-expand should resize volume when PVC is edited while pod is using it"),
    (XFS, "volume-expand should resize volume when PVC is edited while pod is using it"),
    (FS + GROWING, "volume-expand Verify if offline PVC expansion works"),
    (FS + GROWING, "volume-expand should resize volume when PVC is edited and the pod is re-created on the same "
     "node after controller resize is finished"),
    (FS, "volume-expand should not allow expansion of pvcs without AllowVolumeExpansion property"),
    (FS, "read-write-once-pod should preempt lower priority pods using ReadWriteOncePod volumes"),
    (FS, "fsgroupchangepolicy (Always), rwop pod created with an initial fsgroup, new pod fsgroup applied to "
     "volume contents"),
    (FS, "fsgroupchangepolicy (OnRootMismatch), pod created with an initial fsgroup, volume contents ownership "
     "changed via chgrp in first pod, new pod with same fsgroup skips ownership changes to the volume contents"),
    (FS, "subPath should support non-existent path"),
    (FS, "subPath should support existing directory"),
    (FS, "subPath should support readOnly directory specified in the volumeMount"),
    (FS, "subPath should support existing directories when readOnly specified in the volumeSource"),
    (FS, "subPath should fail if subpath directory is outside the volume"),
    (FS, "subPath should support restarting containers using directory as subpath"),
    (FS, "subPath should be able to unmount after the subpath directory is deleted"),
    (BLOCK, "volumeMode should fail to use a volume in a pod with mismatched mode"),
    (BLOCK, "volumeMode should not mount / map unused volumes in a pod"),
    (EPHEMERAL, "ephemeral should create read/write inline ephemeral volume"),
    (EPHEMERAL, "ephemeral should create read-only inline ephemeral volume"),
    (EPHEMERAL, "ephemeral should support expansion of pvcs created for ephemeral pvcs"),
    (EPHEMERAL, "ephemeral should support two pods which have the same volume definition"),
    ("Generic Ephemeral-volume (block volmode) (late-binding)",
     "ephemeral should support multiple inline ephemeral volumes"),
    ("Dynamic Snapshot (retain policy)", "snapshottable volume snapshot controller should check snapshot fields, "
     "check restore correctly works after modifying source data, check deletion (persistent)"),
    ("Pre-provisioned Snapshot (delete policy)", "snapshottable volume snapshot controller should check snapshot "
     "fields, check restore correctly works after modifying source data, check deletion (persistent)"),
    ("Ephemeral Snapshot (delete policy)", "snapshottable volume snapshot controller should check snapshot fields, "
     "check restore correctly works, check deletion (ephemeral)"),
    ("Dynamic PV (filesystem volmode)", "volumeLimits should verify that all csinodes have volume limits"),
)

# Why the others do not run; the first that is found in a spec's full text is its reason.
LEFT_OUT = (
    (r"ntfs", "a filesystem of Windows"),
    (r"ext3", "the driver makes ext4 and xfs"),
    (r"Testpattern: (CSI Ephemeral-volume|Inline-volume|Pre-provisioned PV)",
     "upstream's driver definition makes such volumes of attributes or not at all; the driver has no inline volumes"),
    (r"volumegroupsnapshot", "the driver has no group snapshots"),
    (r"snapshotmetadata", "the driver has no snapshot metadata"),
    (r"VolumeAttributesClass", "the driver has no VolumeAttributesClass"),
    (r"SELinux", "the nodes have no SELinux"),
    (r"topology", "volumes have no topology"),
    (r"storage capacity information", "the provisioner publishes none for a driver without topology"),
    (r"\[Disruptive\]", "it stops kubelet over SSH, which the nodes do not have"),
    (r"-stress|-performance|should support volume limits", "the load is too much for emulated nodes"),
    (r"any volume data source", "it needs images of a populator from a registry"),
    (r"pod recreation on the same node", "the harder case, on different nodes, runs"),
    (r"volume contents ownership changed via chgrp|\(OnRootMismatch\)", "kubelet's work alone, and one such spec runs"),
    (r"subPath", "kubelet's work alone on a mounted volume, and the main cases run"),
)


def plain(text):
    """A spec's text without upstream's labels."""
    text = re.sub(r"\[(Slow|Serial|Disruptive|LinuxOnly|Beta|Feature:[^]]*|FeatureGate:[^]]*)\]", "", text)
    return re.sub(r" +", " ", text).replace(" ,", ",").strip()


def e2e(*argv, **options):
    command = [gotools.program("kubernetes", "e2e"), f"-storage.testdriver={DRIVER}", *argv]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True, **options)


@pytest.fixture(name="specs", scope="module")
def _specs():
    """Every spec that upstream has for the driver: (kind, plain text) to full text."""
    found = {}
    listed = e2e("-list-tests", stdout=subprocess.PIPE, check=True).stdout
    for full in re.findall(rf"^ +\S+:\d+: ({re.escape(PREFIX)}.*)$", listed, re.MULTILINE):
        kind, _, text = full[len(PREFIX):].partition("]")
        assert found.setdefault((kind, plain(text)), full) == full, f"two specs look alike: {full}"
    return found


def why_not(spec, full):
    """Why a spec is in neither list, or None."""
    for pattern, reason in LEFT_OUT:
        if re.search(pattern, full):
            return reason
    if spec[1] in {text for _, text, *_ in CHOSEN + FURTHER}:
        return "runs on another kind of volume"
    return None


def test_each_spec_has_its_place(specs):
    wanted = [entry[:2] for entry in CHOSEN + FURTHER]
    assert len(set(wanted)) == len(wanted)
    assert not set(wanted) - set(specs), "upstream has no such spec"
    reasons = collections.Counter()
    for spec, full in specs.items():
        if spec not in wanted:
            reason = why_not(spec, full)
            assert reason, f"new to this test: {full}"
            reasons[reason] += 1
    print(f"\n{len(specs)} specs: {len(CHOSEN)} run always, {len(FURTHER)} with NV_ALL=1, the others not:")
    for reason, number in reasons.most_common():
        print(f"{number:4} {reason}")


@pytest.fixture(name="counts", scope="module")
def _counts(cluster):
    return left.Left(cluster)


def results(report):
    """Of every spec that was to run: full text to (state, seconds, what was said)."""
    found = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        said = [word for name in ("skipped", "failure", "error") for node in case.iter(name)
                for word in (node.get("message"), node.text) if word]
        # What the focus leaves out is reported as well: skipped, with nothing said.
        if case.get("name").startswith("[It] ") and (case.get("status") != "skipped" or said != ["skipped"]):
            found[case.get("name")[5:]] = case.get("status"), float(case.get("time")), "\n".join(said)
    return found


def run_lane(cluster, chosen, folder):
    """Run these specs, one after the other. Return: the suite's status and results()."""
    os.makedirs(folder)
    with open(f"{folder}/log", "w") as log:
        done = e2e(f"-kubeconfig={cluster.plane.admin}", "-provider=skeleton", f"-report-dir={folder}",
                   f"-kubectl-path={gotools.program('kubernetes', 'kubectl')}",
                   "-ginkgo.no-color", f"-ginkgo.timeout={120 if ALL else 30}m",
                   *(f"-ginkgo.focus= {re.escape(full)}$" for full in chosen), stdout=log, check=False)
    report = f"{folder}/junit_01.xml"
    assert os.path.exists(report), f"the suite ended with {done.returncode} and no report: see {folder}/log"
    return done.returncode, results(report)


def run(cluster, chosen, folder):
    """Run these specs, a few at a time, since they wait more than they work. Return: of each lane what run_lane() says."""
    shutil.rmtree(folder, ignore_errors=True)
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        return list(pool.map(lambda i: run_lane(cluster, chosen[i::LANES], f"{folder}/{i}"), range(LANES)))


@pytest.mark.usefixtures("counts")
def test_specs(cluster, specs):
    chosen = [specs[entry[:2]] for entry in CHOSEN + (FURTHER if ALL else ())]
    folder = os.path.join(cluster.lab.out, "e2e")
    lanes = run(cluster, chosen, folder)
    found = {full: result for _, results_of_lane in lanes for full, result in results_of_lane.items()}
    states = collections.Counter(state for state, *_ in found.values())
    print(f"\n{len(chosen)} specs: " + ", ".join(f"{number} {state}" for state, number in states.items()))
    for full, (state, seconds, _) in sorted(found.items(), key=lambda item: item[1][1]):
        print(f"{seconds:7.1f} s {state:7} {full[len(PREFIX):]}")
    wrong = []
    for full in chosen:
        state, _, said = found.get(full, ("did not run", 0, ""))
        if state != "passed":
            wrong.append(f"{state}: {full}\n{said}")
    assert not wrong, "\n".join([f"see {folder}", *wrong])
    assert set(found) == set(chosen), "more ran than was asked for"
    ends = [status for status, _ in lanes]
    assert not any(ends), f"all specs passed, but the suite ended with {ends}: see {folder}"


def test_nothing_is_left(cluster, counts):
    # The suite does not wait for those of its last specs.
    cluster.until("the suite's namespaces to be gone",
                  lambda: not cluster.kubectl("get", "namespaces", "-l", "e2e-run", "-o", "name"))
    classes = cluster.kubectl("get", "storageclasses,volumesnapshotclasses", "-o", "name").split()
    assert not [name for name in classes if "e2e" in name]
    counts.nothing()
