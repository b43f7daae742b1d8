# SPDX-License-Identifier: Apache-2.0
"""What hack/demo shows: the driver as people use it, from helm install to nothing left."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../kubernetes", "../kubernetes/lib", "../vm/lib"):
    sys.path.insert(0, os.path.join(HERE, folder))
import cluster as clusters  # noqa: E402
import left  # noqa: E402
import vm as lab  # noqa: E402
from story import Story, bold  # noqa: E402

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"
# A claim and its source, and a pod that keeps it; the pod is where the demo wants it.
CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec:
  storageClassName: nvmetcp
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 1Gi}}}}
  {source}
"""
POD = """apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeSelector: {{kubernetes.io/hostname: {node}}}
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: shell, image: "{image}", command: [sleep, infinity], volumeMounts: [{{name: data, mountPath: /data}}]}}
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: {claim}}}}}]
"""
SNAPSHOT = """apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: demo}
spec: {volumeSnapshotClassName: nvmetcp, source: {persistentVolumeClaimName: demo}}
"""
FROM_SNAPSHOT = "dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: demo}"
STATEFULSET = os.path.join(clusters.SRC, "deploy/examples/statefulset")


class Demo:
    def __init__(self, cluster, story):
        self.cluster = cluster
        self.story = story

    def claim(self, name, source=""):
        self.cluster.apply(CLAIM.format(name=name, source=source))

    def pod(self, name, claim, node):
        """A running pod, or the reason why there is none."""
        self.cluster.apply(POD.format(name=name, claim=claim, node=node, image=IMAGE))
        self.cluster.wait(f"pod/{name}", "Ready")

    def remove_pod(self, name):
        self.cluster.kubectl("delete", "pod", name)

    def checksum(self, pod):
        return self.cluster.exec(pod, "sha256sum /data/file").split()[0]

    def compare(self, pod, before, what):
        after = self.checksum(pod)
        self.story.tell(f"sha256   {after}")
        if after != before:
            raise SystemExit(f"{what}: the data differs")
        self.story.tell("the same: nothing was lost")

    def first_volume(self, node):
        self.story.step("A PersistentVolumeClaim, and a pod that writes to it")
        self.claim("demo")
        self.pod("writer", "demo", node)
        self.cluster.exec("writer", "dd if=/dev/urandom of=/data/file bs=1M count=64 conv=fsync 2>/dev/null")
        before = self.checksum("writer")
        self.story.tell(self.cluster.kubectl("get", "pvc", "demo"))
        self.story.tell(self.cluster.exec("writer", "df -h /data | tail -n 1"))
        self.story.tell(f"sha256   {before}")
        return before

    def snapshot(self, node, before):
        self.story.step("A VolumeSnapshot while the pod runs, and a claim made from it")
        self.cluster.apply(SNAPSHOT)
        self.cluster.wait("volumesnapshot/demo", "jsonpath={.status.readyToUse}=true")
        self.claim("restored", FROM_SNAPSHOT)
        self.pod("reader", "restored", node)
        self.compare("reader", before, "the restored volume")

    def expand(self, before):
        self.story.step("More space, while the pod runs")
        self.cluster.kubectl("patch", "pvc", "demo", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}')
        self.cluster.wait("pvc/demo", "jsonpath={.status.capacity.storage}=2Gi")
        self.story.tell(self.cluster.exec("writer", "df -h /data | tail -n 1"))
        self.compare("writer", before, "the expanded volume")

    def move(self, node, before):
        self.story.step(f"The pod moves to {node}, and its data with it")
        self.remove_pod("writer")
        self.pod("moved", "demo", node)
        self.compare("moved", before, "the volume on the other node")

    def stateful_set(self):
        self.story.step("A StatefulSet, scaled 1 -> 3 -> 1: a volume for each of its pods")
        self.cluster.apply(STATEFULSET)
        for replicas in (1, 3, 1):
            self.cluster.kubectl("scale", "statefulset", "counter", f"--replicas={replicas}")
            self.cluster.kubectl("rollout", "status", "statefulset/counter", "--timeout=300s")
            self.cluster.until(f"{replicas} pods", lambda n=replicas: len([
                p for p in self.cluster.get("pods")["items"] if p["metadata"].get("labels", {}).get("app") == "counter"]) == n)
            self.story.tell(f"{replicas} replica(s); claims: " + self.cluster.kubectl(
                "get", "pvc", "-l", "app=counter", "-o", "jsonpath={.items[*].metadata.name}"))
        self.cluster.delete(STATEFULSET)

    def clean_up(self, checker):
        self.story.step("Delete everything, and count what is left")
        self.cluster.kubectl("delete", "pod", "reader", "moved")
        self.cluster.kubectl("delete", "volumesnapshot", "demo")
        self.cluster.kubectl("delete", "pvc", "--all")
        checker.nothing()
        self.story.tell("no volume, no snapshot, no export, no connection, no mount, no file")


def walk(story, store):
    story.step("Boot a storage server and two nodes, start Kubernetes")
    with clusters.Cluster(nodes=2, stores=(store,)) as cluster:
        story.tell(cluster.kubectl("get", "nodes"))
        story.step("helm install")
        notes = cluster.install_driver()
        story.tell(notes.partition("NOTES:")[2])
        story.tell(cluster.kubectl("get", "pods", "-n", clusters.NAMESPACE, "-o", "wide"))
        story.tell(cluster.kubectl("get", "storageclasses"))
        checker = left.Left(cluster)
        demo = Demo(cluster, story)
        try:
            here, there = (node.name for node in cluster.nodes)
            before = demo.first_volume(here)
            demo.snapshot(there, before)
            demo.expand(before)
            demo.move(there, before)
            demo.stateful_set()
            demo.clean_up(checker)
        except BaseException:
            print(f"\nLogs: {cluster.collect_logs()}", file=sys.stderr)
            raise
        story.done()


def main():
    print(bold("nvmetcp-csi: volumes over NVMe/TCP in Kubernetes, on real kernels in VMs\n"))
    story = Story()
    try:
        walk(story, "lvmthin" if "--lvm" in sys.argv else "file")
    except (AssertionError, lab.Failed) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    print(bold(f"Done in {story.total():.0f} s: the data came back whole each time and nothing is left."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
