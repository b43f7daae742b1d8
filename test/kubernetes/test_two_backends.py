# SPDX-License-Identifier: Apache-2.0
"""Two backends in one cluster, one in files and one in a thin pool of LVM. The cluster needs both
(hack/cluster up --stores file,lvmthin)."""

import time

import writer

CLASSES = ("nvmetcp", "nvmetcp2")


def pod_with_both(name, command, node):
    """A pod with a claim of each class: at /data and at /data2."""
    it = writer.pod(name, command, CLASSES[0], node)
    it["spec"]["volumes"].append({"name": "data2", "persistentVolumeClaim": {"claimName": CLASSES[1]}})
    it["spec"]["containers"][0]["volumeMounts"].append({"name": "data2", "mountPath": "/data2"})
    return it


def snapshot(name, of):
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"name": name},
            "spec": {"volumeSnapshotClassName": "nvmetcp", "source": {"persistentVolumeClaimName": of}}}


def restored(name, of, storage_class, size):
    it = writer.claim(name, storage_class, size)
    it["spec"]["dataSource"] = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": of}
    return it


def succeeds(cluster, namespace, it):
    name = it["metadata"]["name"]
    writer.apply(cluster, namespace, it)
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Succeeded", namespace, timeout=300)
    text = cluster.kubectl("logs", name, "-n", namespace)
    cluster.kubectl("delete", "pod", name, "-n", namespace)
    return text


def test_one_pod_of_both(cluster, namespace):
    """A pod with a volume of each; then snapshots of both, restored larger on the other node."""
    here, there = cluster.nodes[0], cluster.nodes[-1]
    writer.apply(cluster, namespace, *(writer.claim(each, each) for each in CLASSES))
    written = succeeds(cluster, namespace, pod_with_both(
        "writer", "head -c 8388608 /dev/urandom | tee /data/file >/data2/file; sync; cat /data*/file | sha256sum", here))
    for server in cluster.storages:
        volumes = server.call("GET", "/v1/volumes")["volumes"]
        assert len(volumes) == 1 and volumes[0]["written"], volumes
    for each in CLASSES:
        writer.apply(cluster, namespace, snapshot(each, each))
        cluster.wait(f"volumesnapshot/{each}", "jsonpath={.status.readyToUse}=true", namespace)
        cluster.kubectl("delete", "pvc", each, "-n", namespace)
    writer.apply(cluster, namespace, *(restored(each, each, each, "2Gi") for each in CLASSES))
    read = succeeds(cluster, namespace, pod_with_both(
        "reader", "cat /data*/file | sha256sum; df -m /data /data2 | awk 'NR > 1 {print $2}'", there))
    assert read.split("\n")[0] == written.strip(), (read, written)
    assert all(int(size) > 1800 for size in read.split("\n")[1:3]), read


def test_one_away(cluster, namespace):
    """P7: one backend loses its power under pods that write to each. The other's pod and other's calls
    are as ever, and the first one's pod goes on by itself when the machine is back."""
    node = cluster.nodes[0]
    pods = [writer.Writer(cluster, namespace, f"on-{each}", node).start(each) for each in CLASSES]
    away = cluster.storages[1]
    away.vm.kill()
    began = time.monotonic()
    pods[0].progress()
    writer.run_once(cluster, namespace, "newcomer", cluster.nodes[-1])
    # A claim that has to wait for the machine; it needs nobody to do anything.
    writer.apply(cluster, namespace, writer.claim("waits", CLASSES[1]), writer.pod(
        "waits", "echo fine >/data/file; sync", "waits", node))
    cluster.until("an event that names the backend", lambda: "linux2" in cluster.kubectl(
        "describe", "pvc", "waits", "-n", namespace))
    away.vm.start()
    pods[1].progress()
    took = time.monotonic() - began
    away.wait()
    cluster.wait("pod/waits", "jsonpath={.status.phase}=Succeeded", namespace, timeout=600)
    pods[1].progress()
    print(f"\n{took:.0f} s from the power cut to the next written blocks; longest pauses: "
          + ", ".join(f"{each.longest_pause():.1f} s on {name}" for name, each in zip(CLASSES, pods)))
