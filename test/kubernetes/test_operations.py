# SPDX-License-Identifier: Apache-2.0
"""What happens to a cluster in its life: parts of it start anew, the driver is upgraded, a node dies.
Pods that write to their volumes must not notice, or must go on elsewhere with what they wrote."""

import contextlib
import os
import shutil
import time

import cluster as clusters
import gotools
import metrics
import pytest
import samples
import vm as lab
import writer
import yaml

CHART = os.path.join(gotools.SRC, "charts/nvmetcp-csi")
RELEASE = ("nvmetcp-csi", "-n", clusters.NAMESPACE)
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


# Registration

def plugin_container(cluster, node):
    """The id of the container of the node plugin on @node; None while it is not ready."""
    for pod in metrics.driver_pods(cluster, "node"):
        for status in pod["status"].get("containerStatuses", ()):
            if pod["spec"]["nodeName"] == node.name and status["ready"] and "deletionTimestamp" not in pod["metadata"]:
                return status["containerID"]
    return None


def registrations(node):
    """How often this plugin's process was registered, None if it is not."""
    try:
        text = metrics.of_node(node)
    except lab.Failed:
        return None
    return samples.value(text, "nvmetcp_registrations_total") if samples.value(text, "nvmetcp_registered") else None


def in_csinode(cluster, node):
    drivers = cluster.get("csinode", node.name)["spec"].get("drivers") or []
    return any(each["name"] == clusters.DRIVER and each["nodeID"] for each in drivers)


def delete_plugin(cluster, node):
    where = ("-n", clusters.NAMESPACE, "--field-selector", f"spec.nodeName={node.name}")
    cluster.kubectl("delete", "pods", *where, "-l", "app.kubernetes.io/component=node")


def kill_plugin(node):
    """As when it crashes: its socket for the registration stays where kubelet looks."""
    node.vm.run("kill -KILL $(pidof nvmetcp-node)")


@pytest.mark.parametrize("what", ["kubelet", "plugin", "both"])
def test_registration(cluster, namespace, what):
    """Whichever of the two starts anew, the driver is registered again and serves; who writes does not notice."""
    node = cluster.nodes[0]
    writing = writer.Writer(cluster, namespace, "writer", node).start()
    container, count = plugin_container(cluster, node), registrations(node)
    assert container and count >= 1
    if what == "plugin":
        delete_plugin(cluster, node)
    if what == "both":
        kill_plugin(node)
    if what != "plugin":
        node.restart_kubelet()
    if what == "kubelet":
        cluster.until("kubelet to register the driver again", lambda: (registrations(node) or 0) > count)
        assert plugin_container(cluster, node) == container, "the plugin was to stay"
    else:
        cluster.until("another plugin", lambda: plugin_container(cluster, node) not in (None, container))
        cluster.until("kubelet to register the new plugin", lambda: registrations(node))
    cluster.until("the driver in the CSINode", lambda: in_csinode(cluster, node))
    writer.run_once(cluster, namespace, "newcomer", node)
    writing.undisturbed()


# Metrics

def test_metrics_count_calls(cluster, namespace):
    """For one pod with one claim, sidecars and kubelet count the calls that our plugins count."""
    calls = metrics.Calls(cluster)
    writer.run_once(cluster, namespace, "counted", cluster.nodes[0])
    since = calls.since()
    answered = metrics.counts(since["answered"])
    assert answered == metrics.counts(since["asked"])
    assert {method for method, code in answered if code == "OK"} == set(metrics.STAGES.values())
    for (method, code), (count, seconds) in since["answered"].items():
        assert 0 < seconds < since["asked"][method, code][1], (method, code, count)


# Upgrade

@pytest.fixture(name="next_chart")
def _next_chart(tmp_path):
    """The chart as it will be one version later."""
    folder = os.path.join(tmp_path, "nvmetcp-csi")
    shutil.copytree(CHART, folder)
    with open(f"{folder}/Chart.yaml") as f:
        chart = yaml.safe_load(f)
    major, minor, patch = chart["version"].split(".")
    chart["version"] = f"{major}.{minor}.{int(patch) + 1}"
    with open(f"{folder}/Chart.yaml", "w") as f:
        yaml.safe_dump(chart, f)
    return folder


def driver_pod_uids(cluster):
    return {pod["metadata"]["uid"] for component in ("controller", "node")
            for pod in metrics.driver_pods(cluster, component)}


def upgrade(cluster, chart, *extra, check=True):
    """Both templates get an annotation, as they get another image in a real upgrade, so all pods are replaced."""
    rolling = "controller.podAnnotations.release=next,node.podAnnotations.release=next"
    return cluster.helm("upgrade", RELEASE[0], chart, *RELEASE[1:], "-f", cluster.values, "--set", rolling, *extra, check=check)


@contextlib.contextmanager
def upgraded(cluster, chart):
    """The release with the next chart; at the end it is as it was, by `helm rollback`."""
    before = driver_pod_uids(cluster)
    upgrade(cluster, chart)
    try:
        cluster.wait_for_driver()
        between = driver_pod_uids(cluster)
        assert not before & between, "all pods of the driver were to be replaced"
        yield
    finally:
        cluster.helm("rollback", *RELEASE)
        cluster.wait_for_driver()
    assert not driver_pod_uids(cluster) & (before | between)


def test_upgrade(cluster, namespace, next_chart):
    """To the next version and back, under pods that write; what one version attached the other takes down."""
    csidriver = cluster.get("csidriver", clusters.DRIVER)
    stay = [writer.Writer(cluster, namespace, f"stays-{node.name}", node).start() for node in cluster.nodes]
    writer.Writer(cluster, namespace, "goes", cluster.nodes[0]).start()
    refused = upgrade(cluster, next_chart, "--set", "instance=other", check=False)
    assert 'instance: is "test" in this release and cannot become "other"' in refused
    began = time.monotonic()
    with upgraded(cluster, next_chart):
        took = time.monotonic() - began
        for each in stay:
            each.undisturbed()
        cluster.kubectl("delete", "pod/goes", "pvc/goes", "-n", namespace)
        writer.run_once(cluster, namespace, "newcomer", cluster.nodes[-1])
    for each in stay:
        each.undisturbed()
    now = cluster.get("csidriver", clusters.DRIVER)
    assert now["metadata"]["uid"] == csidriver["metadata"]["uid"] and now["spec"] == csidriver["spec"]
    print(f"\nupgrade took {took:.0f} s; longest time between two writes of 256 KiB with fsync: "
          + ", ".join(f"{each.longest_pause():.1f} s on {each.node.name}" for each in stay))


# The death of a node

def stateful(name, node):
    """A StatefulSet of one that begins on @node and may go elsewhere."""
    spec = writer.pod_spec(writer.SCRIPT, "data")
    del spec["volumes"]
    spec["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
        "weight": 100, "preference": {"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}]}}]}}
    template = writer.claim("data")
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
            "spec": {"serviceName": name, "replicas": 1, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
                     "volumeClaimTemplates": [{"metadata": template["metadata"], "spec": template["spec"]}]}}


def volume_of(cluster, namespace, claim_name):
    """The volume as the target tells it."""
    name = cluster.get("pvc", claim_name, namespace)["spec"]["volumeName"]
    handle = cluster.get("pv", name)["spec"]["csi"]["volumeHandle"]
    return lambda: cluster.storage.call("GET", f"/v1/volumes/{handle.partition('/')[2]}")


def identity(node, nqn):
    """With what host NQN and host id @node is connected to the subsystem, in the kernel's words."""
    found = set(node.vm.run(
        "cd /sys/class/nvme; for c in *; do "
        f"[ $(cat $c/subsysnqn) != {nqn} ] || echo $(cat $c/hostnqn) $(cat $c/hostid); done").splitlines())
    assert len(found) == 1, found
    return tuple(found.pop().split())


def connect(node, nqn, portal, host):
    """Ask the kernel for a controller. Return: (did it work, the kernel's words)"""
    address, _, port = portal.rpartition(":")
    options = f"transport=tcp,traddr={address},trsvcid={port},nqn={nqn},hostnqn={host[0]},hostid={host[1]}"
    status, _ = node.vm.run(f"modprobe nvme-tcp && dmesg -C && printf %s {options} >/dev/nvme-fabrics", check=False)
    return status == 0, node.vm.run("dmesg")


def disconnect(node, nqn):
    node.vm.run(f"cd /sys/class/nvme; for c in *; do [ $(cat $c/subsysnqn) != {nqn} ] || echo 1 >$c/delete_controller; done")


def fenced(cluster, node, nqn, host):
    """Nothing on the target lets @host in or still serves @node."""
    allowed = cluster.storage.vm.run(f"ls /sys/kernel/config/nvmet/subsystems/{nqn}/allowed_hosts").split()
    addresses = " or ".join(f"dst {ip}" for ip in (node.vm.ip, node.vm.ip2))
    served = cluster.storage.vm.run(f"ss -Htn state established '( sport = :4420 ) and ( {addresses} )'")
    return allowed and host not in allowed and not served


def refused_when_back(cluster, dead, survivor, nqn, host):
    """The kernel of the node that is back is not let in under its own name; under the other's it would be, so nothing
    but the name is in its way."""
    for portal in cluster.storage.portals:
        worked, words = connect(dead, nqn, portal, host)
        assert not worked and f"is not allowed, hostnqn: {host[0]}" in words, words
    worked, words = connect(dead, nqn, cluster.storage.portals[0], identity(survivor, nqn))
    disconnect(dead, nqn)
    assert worked, words


@contextlib.contextmanager
def out_of_service(cluster, node):
    """What an administrator does who knows that the machine is off."""
    cluster.kubectl("taint", "node", node.name, f"{OUT_OF_SERVICE}=nodeshutdown:NoExecute")
    try:
        yield
    finally:
        cluster.kubectl("taint", "node", node.name, f"{OUT_OF_SERVICE}-")


def moved(cluster, namespace, name, node):
    found = cluster.kubectl("get", "pod", name, "-n", namespace, "--ignore-not-found", "-o",
                            "jsonpath={.spec.nodeName} {.status.phase}")
    return found.split() == [node.name, "Running"]


def test_node_death(cluster, namespace):
    """P4: its pod goes on at another node with all that was on the volume; the dead one cannot write when it is back."""
    survivor, dead = cluster.nodes[0], cluster.nodes[-1]
    writer.apply(cluster, namespace, stateful("lost", dead))
    cluster.wait("pod/lost-0", "create", namespace)
    cluster.wait("pod/lost-0", "Ready", namespace)
    assert cluster.get("pod", "lost-0", namespace)["spec"]["nodeName"] == dead.name
    first = writer.Writer(cluster, namespace, "lost-0", dead).watch()
    volume = volume_of(cluster, namespace, "data-lost-0")
    nqn = volume()["nqn"]
    host = identity(dead, nqn)
    assert volume()["hosts"] == [host[0]] and not fenced(cluster, dead, nqn, host[0])

    written = first.last()
    dead.vm.kill()
    began = time.monotonic()
    try:
        with out_of_service(cluster, dead):
            cluster.until("the pod on the other node", lambda: moved(cluster, namespace, "lost-0", survivor), timeout=600)
            took = time.monotonic() - began
            second = writer.Writer(cluster, namespace, "lost-0", survivor).watch()
            found = cluster.kubectl("logs", "lost-0", "-n", namespace).splitlines()
            assert int(next(line for line in found if line.startswith("found ")).split()[1]) >= written
            assert volume()["hosts"] == [identity(survivor, nqn)[0]]
            assert fenced(cluster, dead, nqn, host[0])
            dead.vm.start()
            refused_when_back(cluster, dead, survivor, nqn, host)
            dead.join()
            cluster.wait(f"node/{dead.name}", "Ready")
    except BaseException:
        dead.power_cycle()
        raise
    cluster.wait_for_driver()
    writer.run_once(cluster, namespace, "newcomer", dead)
    second.undisturbed()
    print(f"\nfrom power off to Running on the other node: {took:.0f} s; {second.last()} rounds, {written} of them before")
