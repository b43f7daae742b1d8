# SPDX-License-Identifier: Apache-2.0
"""What a test left behind: objects of Kubernetes, volumes on the target, and what the separate checker
counts on each machine."""

import re

import driver

PLUGIN = "/var/lib/kubelet/plugins/nvmetcp.csi.dev"
POOL = "/srv/pool"
# What a volume is to Kubernetes, from the pod that uses it to its attachment.
KINDS = ("pods", "statefulsets", "persistentvolumeclaims", "persistentvolumes", "volumeattachments",
         "volumesnapshots", "volumesnapshotcontents")

# Mounts that kubelet makes for a pod, such as those of its Secrets.
POD_MOUNT = re.compile(r"^(left|gone): mount /var/lib/kubelet/pods/([0-9a-f-]{36})/")


def came_or_went(line, living):
    """Is @line of the checker a mount of a pod that was replaced by another one, as a pod of the driver may be?"""
    found = POD_MOUNT.match(line)
    return found and (found[1] == "left") == (found[2] in living)


class Left:
    """Counts before; nothing() waits until there is no more than that."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.before = self._objects()
        self.checkers = []
        self.count_machines()

    def count_machines(self):
        """Anew after a pod of the driver was replaced, whose mounts are others now."""
        self.checkers = [*(driver.Checker(server.vm, trees=(POOL,)) for server in self.cluster.storages),
                         *(driver.Checker(node.vm, trees=(PLUGIN,)) for node in self.cluster.nodes)]

    def _objects(self):
        found = {f"{kind} {item['metadata']['name']}" for kind in KINDS for item in self.cluster.get(kind)["items"]}
        for server in self.cluster.storages:
            for kind in ("volumes", "snapshots"):
                found |= {f"{server.vm.name}: {kind} {item['id']}" for item in server.call("GET", f"/v1/{kind}")[kind]}
        return found

    def _more(self):
        more = sorted(self._objects() - self.before)
        if more:
            return more
        living = self.cluster.kubectl("get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.uid}").split()
        for checker in self.checkers:
            fine, output = checker.left()
            more += [f"{checker.vm.name}: {line}" for line in output.splitlines()
                     if not fine and not came_or_went(line, living)]
        return more

    def nothing(self, timeout=180):
        try:
            self.cluster.until("everything to be gone", lambda: not self._more(), timeout=timeout)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: " + "\n".join(self._more())) from None
