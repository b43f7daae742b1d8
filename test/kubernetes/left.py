# SPDX-License-Identifier: Apache-2.0
"""What a test left behind: objects of Kubernetes, volumes on the target, and what the separate checker
counts on each machine."""

import driver

PLUGIN = "/var/lib/kubelet/plugins/nvmetcp.csi.dev"
POOL = "/srv/pool"
# What a volume is to Kubernetes, from the pod that uses it to its attachment.
KINDS = ("pods", "statefulsets", "persistentvolumeclaims", "persistentvolumes", "volumeattachments",
         "volumesnapshots", "volumesnapshotcontents")


class Left:
    """Counts before; nothing() waits until there is no more than that."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.before = self._objects()
        self.checkers = []
        self.count_machines()

    def count_machines(self):
        """Anew after a pod of the driver was replaced, whose mounts are others now."""
        self.checkers = [driver.Checker(self.cluster.storage.vm, trees=(POOL,)),
                         *(driver.Checker(node.vm, trees=(PLUGIN,)) for node in self.cluster.nodes)]

    def _objects(self):
        found = {f"{kind} {item['metadata']['name']}" for kind in KINDS for item in self.cluster.get(kind)["items"]}
        for kind in ("volumes", "snapshots"):
            found |= {f"target: {kind} {item['id']}" for item in self.cluster.storage.call("GET", f"/v1/{kind}")[kind]}
        return found

    def _more(self):
        more = sorted(self._objects() - self.before)
        for checker in self.checkers if not more else ():
            fine, output = checker.left()
            more += [] if fine else [f"{checker.vm.name}: {output}"]
        return more

    def nothing(self, timeout=180):
        try:
            self.cluster.until("everything to be gone", lambda: not self._more(), timeout=timeout)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: " + "\n".join(self._more())) from None
