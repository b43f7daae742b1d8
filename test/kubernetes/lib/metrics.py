# SPDX-License-Identifier: Apache-2.0
"""What a component of the cluster says of the calls that it made or answered."""

import urllib.request

import cluster as clusters
import samples

STAGES = {"provision": "CreateVolume", "attach": "ControllerPublishVolume", "stage": "NodeStageVolume",
          "publish": "NodePublishVolume"}
SIDECARS = {"provisioner": 9081, "attacher": 9082}


def of_node(node):
    """The node plugin's; it serves them to its node only."""
    return node.vm.run("curl -sSf http://127.0.0.1:9809/metrics")


def driver_pods(cluster, component):
    return [pod for pod in cluster.get("pods", namespace=clusters.NAMESPACE)["items"]
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component]


def of_controllers(cluster, port=9080):
    """Of all replicas, one after the other: each sidecar's work is done in one of them."""
    text = ""
    for pod in driver_pods(cluster, "controller"):
        with urllib.request.urlopen(f"http://{pod['status']['podIP']}:{port}/metrics", timeout=30) as answer:
            text += answer.read().decode()
    return text


def of_kubelet(cluster, node):
    return cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/metrics")


class Calls:
    """The calls between two moments, as who answers and as who asks counts them. Restarts between them break it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.begin = self._take()

    def _take(self):
        answered = [of_controllers(self.cluster), *map(of_node, self.cluster.nodes)]
        asked = [of_controllers(self.cluster, port) for port in SIDECARS.values()]
        kubelets = [of_kubelet(self.cluster, node) for node in self.cluster.nodes]
        return {"answered": samples.operations("\n".join(answered), "csi_plugin_operations_seconds"),
                "asked": {**samples.operations("\n".join(asked), "csi_sidecar_operations_seconds"),
                          **samples.operations("\n".join(kubelets), "csi_operations_seconds")}}

    def since(self):
        """{"answered": {(method, code): (count, seconds)}, "asked": the same}, of the stages of a new pod."""
        now = self._take()
        return {side: {key: (count - self.begin[side].get(key, (0, 0))[0],
                             seconds - self.begin[side].get(key, (0, 0))[1])
                       for key, (count, seconds) in now[side].items()
                       if key[0] in STAGES.values() and count != self.begin[side].get(key, (0, 0))[0]}
                for side in now}


def counts(operations_of_one_side):
    return {key: count for key, (count, _) in operations_of_one_side.items()}
