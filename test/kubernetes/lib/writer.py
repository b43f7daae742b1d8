# SPDX-License-Identifier: Apache-2.0
"""A pod that writes to its volume without end and looks at what it wrote, to see whether something disturbs it."""

import json
import re
import textwrap

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"
# A round is a new file that is on the volume, was read back from there, and stands in the list
# `sums` with its checksum; all of it before the round is told. The last rounds are kept. What a pod
# finds when it starts is compared first.
SCRIPT = textwrap.dedent("""
    cd /data
    n=0
    if [ -e sums ]; then
        grep -E '^[0-9a-f]{64}  round-[0-9]+$' sums | tail -n 4 >/tmp/known
        sha256sum -c /tmp/known
        n=$(sed -n '$s/.*-//p' /tmp/known)
        echo "found $n"
    fi
    while :; do
        n=$((n + 1))
        head -c 262144 /dev/urandom >/tmp/block
        sum=$(sha256sum </tmp/block)
        dd if=/tmp/block of=round-$n bs=64k conv=fsync status=none
        read=$(dd if=round-$n bs=64k iflag=direct status=none | sha256sum)
        [ "$read" = "$sum" ] || { echo "round-$n: wrote $sum, read $read"; exit 1; }
        echo "${sum%-}round-$n" | dd of=sums oflag=append conv=notrunc,fsync status=none
        rm -f round-$((n - 8))
        echo "round $n $(cut -d' ' -f1 /proc/uptime)"
        sleep 0.1
    done
""")
ROUND = re.compile(r"^round (\d+) ([0-9.]+)$", re.MULTILINE)
ERRORS = r"I/O error|EXT4-fs (error|warning)|XFS .*(error|corruption|[Ss]hutdown)|nvme nvme[0-9]+: .*(timeout|reset|reconnect|failed)"
SOCKETS = "ss -Htn state established 'dport = :4420' | awk '{print $3, $4}' | sort"


def claim(name, storage_class="nvmetcp", size="1Gi"):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"storageClassName": storage_class, "accessModes": ["ReadWriteOnce"],
                     "resources": {"requests": {"storage": size}}}}


def pod_spec(command, claim_name, node=None):
    """A pod of one container with the claim at /data. @command is for sh -e."""
    spec = {"terminationGracePeriodSeconds": 1,
            "containers": [{"name": "shell", "image": IMAGE, "command": ["sh", "-ec", command],
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]}
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node.name}
    return spec


def pod(name, command, claim_name, node=None, restart="Never"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": restart, **pod_spec(command, claim_name, node)}}


def apply(cluster, namespace, *objects):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)


def run_once(cluster, namespace, name, node):
    """A new claim and a pod with it on @node, which writes to it and ends well."""
    apply(cluster, namespace, claim(name), pod(name, "echo fine >/data/file; sync", name, node))
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Succeeded", namespace, timeout=300)


class Writer:
    """The pod @name on @node, which runs SCRIPT. undisturbed() tells whether something happened to it since watch()."""

    def __init__(self, cluster, namespace, name, node):
        self.cluster, self.namespace, self.name, self.node = cluster, namespace, name, node
        self.before = None

    def start(self, storage_class="nvmetcp"):
        """Make it, with a claim of its name."""
        apply(self.cluster, self.namespace, claim(self.name, storage_class), pod(self.name, SCRIPT, self.name, self.node))
        self.cluster.wait(f"pod/{self.name}", "Ready", self.namespace)
        return self.watch()

    def watch(self):
        self.progress()
        self.before = self._identity(), self._sockets(), self._errors()
        return self

    def rounds(self, logs=("--tail=1",)):
        """[(number, seconds)] as the pod tells them; seconds are the node's uptime."""
        text = self.cluster.kubectl("logs", self.name, "-n", self.namespace, *logs)
        return [(int(number), float(when)) for number, when in ROUND.findall(text)]

    def last(self):
        told = self.rounds()
        return told[-1][0] if told else 0

    def progress(self, more=5):
        """Wait until it wrote some more; at once an error if it cannot any longer."""
        begin = self.last()

        def enough():
            phase = self.cluster.get("pod", self.name, self.namespace)["status"]["phase"]
            assert phase == "Running", f"{self.name}: {phase}: " + self.cluster.kubectl(
                "logs", self.name, "-n", self.namespace, "--tail=5")
            return self.last() >= begin + more

        self.cluster.until(f"{self.name} to write {more} times", enough)

    def longest_pause(self):
        """The longest time between two rounds since the start, in seconds."""
        times = [when for _, when in self.rounds(("--tail=-1",))]
        return max(b - a for a, b in zip(times, times[1:]))

    def undisturbed(self):
        """It still writes: the same container on the same connections, and no word of an error by it or the kernel."""
        self.progress()
        self.cluster.exec(self.name, "cd /data && tail -n 4 sums | sha256sum -c", self.namespace)
        identity, sockets, errors = self.before
        assert self._identity() == identity
        assert sockets <= self._sockets(), "a connection was made anew"
        assert self._errors() == errors, self.node.vm.run("dmesg | tail -n 40")

    def _identity(self):
        it = self.cluster.get("pod", self.name, self.namespace)
        status = it["status"]["containerStatuses"][0]
        return it["metadata"]["uid"], status["containerID"], status["restartCount"]

    def _sockets(self):
        """By local port, which is another one after a reconnect."""
        return set(self.node.vm.run(SOCKETS).splitlines())

    def _errors(self):
        return self.node.vm.run(f"dmesg | grep -cE '{ERRORS}' || true")
