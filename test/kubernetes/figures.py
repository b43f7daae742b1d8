# SPDX-License-Identifier: Apache-2.0
"""What the driver costs in a cluster: where the time of a new pod goes, memory of each container, sizes of the
images. For people to read, so it is not collected with the tests: `hack/bench kubernetes`.

The nodes are emulated, some five times slower than real ones: compare the lines of one table with each other.
"""

import collections
import re
import subprocess
import time

import metrics
import writer

PODS = 10
SIZE = "512Mi"  # so that all of them fit into the pool
STEP = re.compile(r'^nvmetcp_node_stage_seconds_(count|sum)\{step="([a-z-]+)"\} (\S+)$', re.MULTILINE)


def steps(node):
    """{step of NodeStageVolume: [count, seconds]}"""
    found = collections.defaultdict(lambda: [0, 0.0])
    for what, step, number in STEP.findall(metrics.of_node(node)):
        found[step][what == "sum"] = float(number)
    return found


def start_one(cluster, namespace, name, node):
    """Return: the seconds from applying claim and pod until the pod runs."""
    began = time.monotonic()
    writer.apply(cluster, namespace, writer.claim(name, size=SIZE), writer.pod(name, "sleep infinity", name, node))
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Running", namespace)
    return time.monotonic() - began


def test_time_of_a_pod(cluster, namespace):
    """One after the other; of the last one, by stage."""
    node = cluster.nodes[0]
    walls = [start_one(cluster, namespace, f"pod-{i + 1}", node) for i in range(PODS - 1)]
    calls, before = metrics.Calls(cluster), steps(node)
    walls.append(start_one(cluster, namespace, f"pod-{PODS}", node))
    since, after = calls.since(), steps(node)
    answered, asked = since["answered"], since["asked"]
    assert metrics.counts(answered) == metrics.counts(asked)

    print(f"\nClaim to Running of pod {PODS} on a node with {PODS - 1}: {walls[-1]:.1f} s "
          f"(all {PODS}: {' '.join(f'{wall:.1f}' for wall in walls)})\n")
    print(f"{'stage':12} {'call':28} {'calls':>5} {'plugin s':>9} {'caller s':>9}")
    spent = 0
    for stage, method in metrics.STAGES.items():
        count, seconds = answered[method, "OK"]
        spent += asked[method, "OK"][1]
        print(f"{stage:12} {method:28} {count:5} {seconds:9.3f} {asked[method, 'OK'][1]:9.3f}")
        for step in after if stage == "stage" else ():
            if after[step][0] != before[step][0]:
                print(f"{'':12}   {step:26} {'':5} {after[step][1] - before[step][1]:9.3f}")
    print(f"{'the rest':12} {'Kubernetes and the container':28} {'':5} {'':9} {walls[-1] - spent:9.3f}")


def memory(machine, container_id):
    """[(RSS, PSS)] of the processes of a container, in KiB. @machine: where they run; None: this one."""
    name = container_id.partition("://")[2]
    script = (f"for file in $(grep -l {name} /proc/[0-9]*/cgroup 2>/dev/null); do folder=${{file%/cgroup}}; "
              "echo $(awk '$1 == \"VmRSS:\" {print $2}' $folder/status) "
              "$(awk '$1 == \"Pss:\" {print $2}' $folder/smaps_rollup); done")
    text = machine.run(script) if machine else subprocess.run(["bash", "-c", script], check=True, capture_output=True,
                                                              text=True).stdout
    return [tuple(map(int, line.split())) for line in text.splitlines()]


def image_sizes(cluster):
    """{reference: bytes to pull} as the nodes tell it."""
    return {name: image["sizeBytes"] for node in cluster.get("nodes")["items"]
            for image in node["status"]["images"] for name in image["names"]}


def test_memory_and_images(cluster):
    """After what the pods above asked of it."""
    sizes = image_sizes(cluster)
    machines = {node.name: node.vm for node in cluster.nodes}
    print(f"\n{'pod on node':20} {'container':20} {'processes':>9} {'RSS MiB':>8} {'PSS MiB':>8} {'image MB':>9}")
    for component in ("controller", "node"):
        for pod in metrics.driver_pods(cluster, component):
            node = pod["spec"]["nodeName"]
            for status in pod["status"]["containerStatuses"]:
                processes = memory(machines.get(node), status["containerID"])
                assert processes, f"{status['name']}: no process of it is found"
                rss, pss = (sum(column) / 1024 for column in zip(*processes))
                print(f"{component + ' on ' + node:20} {status['name']:20} {len(processes):9} {rss:8.1f} {pss:8.1f} "
                      f"{sizes[status['image']] / 1e6:9.1f}")
