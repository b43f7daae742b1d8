# SPDX-License-Identifier: Apache-2.0
"""What helm makes of six sets of values, object by object."""

import json
import os
import re

import chart
import pytest
import yaml

CLUSTER_KINDS = {"CSIDriver", "ClusterRole", "ClusterRoleBinding", "StorageClass", "VolumeSnapshotClass"}
OURS = {"controller": "nvmetcp-controller", "node": "nvmetcp-node"}


def test_six_sets_of_values():
    assert set(chart.SETS) == {"minimal", "full", "one-replica", "many-backends", "hardened",
                                "zones"}


@pytest.mark.parametrize("kube", ["1.31.0", "1.34.2", chart.NEWEST])
def test_lint_has_no_complaint(values, kube):
    status, out, err = chart.helm("lint", "--strict", chart.CHART, "--kube-version", kube, "--values",
                                  chart.SETS[values])
    assert status == 0, out + err
    assert "[ERROR]" not in out and "[WARNING]" not in out, out


def test_oldest_kubernetes_is_named_to_older_ones():
    status, _, err = chart.template("--values", chart.SETS["minimal"], kube="1.30.9")
    assert status != 0 and ">=1.31.0" in err


def test_objects_are_named_once_and_stand_in_the_namespace(objects):
    names = [(o["kind"], o["metadata"]["name"]) for o in objects]
    assert len(names) == len(set(names))
    for o in objects:
        expected = None if o["kind"] in CLUSTER_KINDS else chart.NAMESPACE
        assert o["metadata"].get("namespace") == expected, o["kind"]
        assert o["metadata"]["labels"]["app.kubernetes.io/instance"] == "nvmetcp-csi"


def test_selectors_find_their_pods(objects):
    for workload in objects.kind("Deployment") + objects.kind("DaemonSet"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
        # A label that changes with the version would make the selector, or each pod, change with it.
        assert not {"app.kubernetes.io/version", "helm.sh/chart"} & labels.keys()
    controller = objects.template("controller")["metadata"]["labels"]
    for budget in objects.kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"].items() <= controller.items()


# --- who may do what ---

def test_only_the_node_plugin_is_privileged(objects):
    controller, node = objects.pod("controller"), objects.pod("node")
    assert [c["name"] for c in node["containers"]] == ["nvmetcp-node"]
    assert node["containers"][0]["securityContext"] == {
        "privileged": True, "runAsUser": 0, "readOnlyRootFilesystem": True}
    for container in controller["containers"]:
        assert container["securityContext"] == {
            "privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]}}, container["name"]
    for pod in (controller, node):
        assert not {"hostPID", "hostIPC", "initContainers", "shareProcessNamespace"} & pod.keys()
    assert "hostNetwork" not in controller and node["hostNetwork"] is True
    assert not [v for v in controller["volumes"] if "hostPath" in v]


def test_controller_runs_as_one_user_with_one_group(objects):
    context = objects.pod("controller")["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] > 0 and context["runAsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"--socket-gid={context['fsGroup']}" in objects.container("controller", "nvmetcp-controller")["args"]
    for container in objects.pod("controller")["containers"]:
        assert not {"runAsUser", "runAsGroup"} & container["securityContext"].keys()
        assert chart.mounts(container)["/csi"]["name"] == "socket"
    assert chart.volume(objects.pod("controller"), "socket")["emptyDir"] == {}


def test_socket_group_is_left_to_the_platform():
    status, out, err = chart.template("--values", chart.SETS["minimal"], "--set", ",".join(
        f"controller.securityContext.{key}=null" for key in ("runAsUser", "runAsGroup", "fsGroup")))
    assert status == 0, err
    assert "--socket-gid" not in out
    pod = chart.Objects(d for d in yaml.safe_load_all(out) if d).pod("controller")
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_our_programs_have_no_api_token(values, objects):
    """Only a controller that audits has the one of its pod."""
    for component, name in OURS.items():
        assert objects.pod(component)["automountServiceAccountToken"] is False
        has = [path for path in chart.mounts(objects.container(component, name)) if "serviceaccount" in path]
        assert len(has) == (values == "full" and component == "controller")
    for account in objects.kind("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    where = "/var/run/secrets/kubernetes.io/serviceaccount"
    for sidecar in objects.pod("controller")["containers"][1:]:
        assert chart.mounts(sidecar)[where] == {"name": "api-access", "mountPath": where, "readOnly": True}
    sources = chart.volume(objects.pod("controller"), "api-access")["projected"]["sources"]
    assert {k for s in sources for k in s} == {"serviceAccountToken", "configMap", "downwardAPI"}


def test_no_rights_for_the_node(objects):
    node = objects.pod("node")["serviceAccountName"]
    subjects = [s["name"] for kind in ("ClusterRoleBinding", "RoleBinding") for b in objects.kind(kind)
                for s in b["subjects"]]
    assert subjects and set(subjects) == {objects.pod("controller")["serviceAccountName"]}
    assert node not in subjects


def test_secrets_are_only_mounted(objects):
    """Not in a ConfigMap, an argument or the environment; and the Secret of ours holds none."""
    assert [list(m["data"]) for m in objects.kind("ConfigMap")] in ([], [["topology"]])
    assert [list(s["stringData"]) for s in objects.kind("Secret")] == [["config.json"]]
    theirs = {secret for secret, key in chart.config_files(objects.pod("controller")).values()
              if key != "config.json"}
    for component in OURS:
        for container in objects.pod(component)["containers"]:
            assert "secretKeyRef" not in json.dumps(container.get("env", []))
            assert "envFrom" not in container
            for word in container["args"]:
                assert not re.search(r"token|secret|password", word, re.IGNORECASE), word
            assert not [m for m in container["volumeMounts"] if "subPath" in m]  # it would never change
        direct = [v["secret"]["secretName"] for v in objects.pod(component)["volumes"] if "secret" in v]
        assert not theirs & set(direct)
    projected = chart.volume(objects.pod("controller"), "config")["projected"]
    assert projected["defaultMode"] == 0o440  # the program refuses a token that others may read


# --- configuration ---

def test_config_says_what_the_values_say(values, objects):
    with open(chart.SETS[values], encoding="utf-8") as f:
        given = yaml.safe_load(f)
    config = objects.config()
    assert set(config) == {"instance", "backends"} and config["instance"] == given["instance"]
    assert f"--instance={given['instance']}" in objects.container("node", "nvmetcp-node")["args"]
    files = chart.config_files(objects.pod("controller"))
    wanted = {"/etc/nvmetcp-csi/config.json"}
    assert [b["name"] for b in config["backends"]] == [b["name"] for b in given["backends"]]
    for made, backend in zip(config["backends"], given["backends"]):
        plain = {"type": "linux"} | {k: v for k, v in backend.items() if not k.endswith("Secret")}
        for kind, key, default in (("token", "tokenFile", "token"), ("ca", "caFile", "ca.crt")):
            secret = backend.get(f"{kind}Secret")
            assert (key in made) == bool(secret)
            if secret:
                path = made.pop(key)
                wanted.add(path)
                assert files[path] == (secret["name"], secret.get("key", default))
        assert made == plain
    assert set(files) == wanted


def test_changed_config_is_taken_over_by_the_running_pods():
    def pods(*argv):
        return chart.render("minimal", *argv).template("controller")
    assert pods() == pods("--set", "backends[0].url=https://10.0.0.6:4443", "--set", "backends[0].aliases={old}")
    assert pods() != pods("--set", "controller.logLevel=debug")
    # A Secret that is not mounted yet.
    assert pods() != pods("--set", "backends[0].tokenSecret.name=t")


def test_changed_config_replaces_pods_where_two_controllers_would_meet():
    def checksum(*argv):
        objects = chart.render("minimal", *argv, "--set", "backends[0].type=spdk")
        assert objects.one("Deployment")["spec"]["strategy"]["type"] == "Recreate"
        return objects.template("controller")["metadata"]["annotations"]["checksum/config"]
    assert checksum() == checksum("--set", "controller.logLevel=debug")
    assert checksum() != checksum("--set", "backends[0].url=https://10.0.0.6:4443")
    assert "checksum/config" not in chart.render("minimal").template("controller")["metadata"]["annotations"]


@pytest.mark.parametrize("values,replicas", [("minimal", 2), ("full", 3), ("one-replica", 1),
                                             ("many-backends", 2), ("hardened", 2), ("zones", 2)])
def test_replicas(values, replicas):
    objects = chart.render(values)
    assert objects.one("Deployment")["spec"]["replicas"] == replicas
    assert objects.one("Deployment")["spec"]["strategy"]["type"] == "RollingUpdate"
    budgets = [b["spec"]["maxUnavailable"] for b in objects.kind("PodDisruptionBudget")]
    assert budgets == ([1] if replicas > 1 else [])
    anti = objects.pod("controller")["affinity"]["podAntiAffinity"]
    if values != "full":  # which has its own
        term = anti["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"] == objects.one("Deployment")["spec"]["selector"]["matchLabels"]


def test_a_backend_that_stands_one_writer_forces_one_replica():
    objects = chart.render("many-backends", "--set", "backends[1].type=spdk", "--set",
                           "controller.replicaCount=3")
    assert objects.one("Deployment")["spec"]["replicas"] == 1
    assert objects.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert not objects.kind("PodDisruptionBudget")


def test_every_sidecar_elects_a_leader_and_has_its_own_port(objects):
    sidecars = objects.pod("controller")["containers"][1:]
    ports = []
    for sidecar in sidecars:
        assert "--leader-election" in sidecar["args"]
        port, = sidecar["ports"]
        ports.append(port["containerPort"])
        assert f"--http-endpoint=:{port['containerPort']}" in sidecar["args"]
        assert sidecar["livenessProbe"]["httpGet"] == {"path": "/healthz/leader-election", "port": port["name"]}
    assert len(set(ports)) == len(ports) and 9080 not in ports


# --- the node plugin ---

def test_node_sees_what_it_needs_of_the_host(values, objects):
    kubelet = "/var/snap/microk8s/common/var/lib/kubelet" if values == "hardened" else "/var/lib/kubelet"
    pod = objects.pod("node")
    container = pod["containers"][0]
    paths = {m: chart.volume(pod, v["name"])["hostPath"]["path"] for m, v in chart.mounts(container).items()
             if v["name"] != "topology"}
    own = {} if values == "full" else {"/run/udev/rules.d": "/run/udev/rules.d"}
    assert paths == {kubelet: kubelet, "/dev": "/dev", "/sys": "/sys", "/lib/modules": "/lib/modules", **own}
    mounts = chart.mounts(container)
    assert mounts[kubelet]["mountPropagation"] == "Bidirectional"
    assert mounts["/lib/modules"]["readOnly"] is True
    driver = objects.one("CSIDriver")["metadata"]["name"]
    for flag, path in {"endpoint=unix://": f"plugins/{driver}/csi.sock", "state-dir=": f"plugins/{driver}/state",
                       "kubelet-registration-dir=": "plugins_registry"}.items():
        assert f"--{flag}{kubelet}/{path}" in container["args"]
    assert {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}} in container["env"]
    assert f"--driver-name={driver}" in container["args"]
    assert not container["terminationMessagePath"].startswith("/dev")


def test_priorities_and_time_to_end(objects):
    assert objects.pod("node")["priorityClassName"] == "system-node-critical"
    assert objects.pod("controller")["priorityClassName"] == "system-cluster-critical"
    with open(os.path.join(chart.SRC, "node/plugin.h"), encoding="utf-8") as f:
        stop = int(re.search(r"PLUGIN_STOP_MS (\d+)", f.read())[1]) / 1000
    for component in OURS:
        assert objects.pod(component)["terminationGracePeriodSeconds"] > stop
        assert objects.pod(component)["nodeSelector"]["kubernetes.io/os"] == "linux"
        for container in objects.pod(component)["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_probes(objects):
    """A node without the module is not ready, but restarting its plugin would not help."""
    for component, name in OURS.items():
        container = objects.container(component, name)
        port, = container["ports"]
        assert port["name"] == "http"
        assert [a for a in container["args"] if a.startswith("--http-address=")][0].endswith(f":{port['containerPort']}")
        for probe, path in {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/healthz"}.items():
            get = container[probe]["httpGet"]
            assert (get["path"], get["port"]) == (path, "http")
            assert get.get("host") == ("127.0.0.1" if component == "node" else None)
    startup = objects.container("node", "nvmetcp-node")["startupProbe"]
    with open(os.path.join(chart.SRC, "node/plugin.h"), encoding="utf-8") as f:
        lock = int(re.search(r"PLUGIN_LOCK_MS (\d+)", f.read())[1]) / 1000
    assert startup["periodSeconds"] * startup["failureThreshold"] > lock


def test_node_update_goes_on_in_parts():
    assert chart.render("minimal").one("DaemonSet")["spec"]["updateStrategy"] == {
        "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}
    assert chart.render("full").one("DaemonSet")["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_metrics_reach_beyond_the_node_only_when_asked(values, objects):
    address = next(a for a in objects.container("node", "nvmetcp-node")["args"] if a.startswith("--http-address="))
    if values != "full":
        assert address == "--http-address=127.0.0.1:9809"
        assert not objects.kind("Service") and not objects.kind("ServiceMonitor")
        return
    assert address == "--http-address=[::]:19809"
    for component in OURS:
        service = objects.one("Service", f"{component}-metrics")
        assert service["spec"]["selector"].items() <= objects.template(component)["metadata"]["labels"].items()
        names = {p["name"] for c in objects.pod(component)["containers"] for p in c["ports"]}
        assert {p["targetPort"] for p in service["spec"]["ports"]} == names
        monitor = objects.one("ServiceMonitor", component)
        assert {e["port"] for e in monitor["spec"]["endpoints"]} == {p["name"] for p in service["spec"]["ports"]}
        assert {e["interval"] for e in monitor["spec"]["endpoints"]} == {"30s"}
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert monitor["metadata"]["labels"]["release"] == "prometheus"


# --- topology ---

def test_no_topology_unless_asked(values, objects):
    if values == "zones":
        return
    assert not objects.kind("ConfigMap")
    assert "topology" not in " ".join(objects.container("node", "nvmetcp-node")["args"])
    assert "checksum/topology" not in objects.template("node")["metadata"]["annotations"]
    assert "Topology" not in " ".join(objects.container("controller", "csi-provisioner")["args"])
    assert not [c for c in objects.kind("StorageClass") if "allowedTopologies" in c]


def test_nodes_read_where_they_are():
    objects = chart.render("zones")
    lines = objects.one("ConfigMap")["data"]["topology"].splitlines()
    assert lines == ["a-* zone=a", "old-[12] zone=a", "b-* example.com/fabric=blue,zone=b"]
    container = objects.container("node", "nvmetcp-node")
    flag, = (a for a in container["args"] if a.startswith("--topology"))
    mount, name = os.path.split(flag.removeprefix("--topology-file="))
    assert name == "topology" and chart.mounts(container)[mount]["readOnly"] is True
    volume = chart.volume(objects.pod("node"), chart.mounts(container)[mount]["name"])
    assert volume["configMap"]["name"] == objects.one("ConfigMap")["metadata"]["name"]


def test_changed_topology_rolls_the_nodes_since_kubelet_asks_at_registration():
    def annotation(*argv):
        return chart.render("zones", *argv).template("node")["metadata"]["annotations"]["checksum/topology"]
    assert annotation() == annotation("--set", "node.logLevel=debug")
    assert annotation() != annotation("--set", "node.topology[0].nodes[0]=c-*")


def test_provisioner_looks_at_topology_where_a_backend_has_one():
    assert "--feature-gates=Topology=true" in chart.render("zones").container("controller", "csi-provisioner")["args"]


def test_classes_wait_for_nodes_that_reach_their_backend():
    """With the keys that the driver makes of those in the values."""
    zone = "nvmetcp.csi.dev/zone"

    def terms(name):
        return [{e["key"]: e["values"] for e in term["matchLabelExpressions"]}
                for term in chart.render("zones").one("StorageClass", name).get("allowedTopologies", [])]
    assert terms("a") == [{zone: ["a"]}]
    assert terms("b") == [{zone: ["b"], "example.com/fabric": ["blue"]}, {zone: ["c"]}]
    assert not terms("both")
    other = chart.render("zones", "--set", "driverName=other.example.com").one("StorageClass", "a")
    assert other["allowedTopologies"][0]["matchLabelExpressions"][0]["key"] == "other.example.com/zone"


# --- CSIDriver, classes, images ---

@pytest.mark.parametrize("kube", ["1.31.0", "1.34.2", "1.35.0", "1.37.1"])
def test_csidriver(values, kube):
    driver = chart.render(values, kube=kube).one("CSIDriver")
    spec = dict(driver["spec"])
    # The two that cannot be changed: the same whatever the values and the version are.
    assert spec.pop("attachRequired") is True and spec.pop("volumeLifecycleModes") == ["Persistent"]
    assert spec.pop("fsGroupPolicy") == "File"
    assert spec.pop("podInfoOnMount") is False and spec.pop("requiresRepublish") is False
    assert spec.pop("storageCapacity") is False
    assert spec.pop("seLinuxMount") is (values == "full")
    period = {"full": 60, "one-replica": None}.get(values, 300)
    assert spec.pop("nodeAllocatableUpdatePeriodSeconds", None) == (None if kube < "1.35" else period)
    assert spec.pop("preventPodSchedulingIfMissing", False) is (values == "full" and kube >= "1.37")
    assert not spec


def test_storage_classes():
    driver = chart.render("many-backends").one("CSIDriver")["metadata"]["name"]
    fast = chart.render("many-backends").one("StorageClass", "fast")
    assert fast["provisioner"] == driver
    assert (fast["reclaimPolicy"], fast["volumeBindingMode"]) == ("Delete", "WaitForFirstConsumer")
    assert fast["allowVolumeExpansion"] is True
    assert fast["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert fast["parameters"] == {"backend": "rack-1", "pool": "fast", "profile": "fast-failover",
                                  "nrIoQueues": "4", "hdrDigest": "true"}
    slow = chart.render("many-backends").one("StorageClass", "slow")
    assert slow["reclaimPolicy"] == "Retain" and slow["mountOptions"] == ["noatime"]
    assert "annotations" not in slow["metadata"]
    local = chart.render("one-replica").one("StorageClass", "local")
    assert local["allowVolumeExpansion"] is False and "parameters" not in local
    for parameters in (c.get("parameters", {}) for v in chart.SETS for c in chart.render(v).kind("StorageClass")):
        assert all(isinstance(p, str) for p in parameters.values())
    assert chart.render("full").one("StorageClass")["parameters"]["ctrlLossTmo"] == "604800"


def test_snapshot_classes():
    fast, keep = chart.render("many-backends").kind("VolumeSnapshotClass")
    assert fast["metadata"]["annotations"] == {"snapshot.storage.kubernetes.io/is-default-class": "true"}
    assert (fast["deletionPolicy"], keep["deletionPolicy"]) == ("Delete", "Retain")
    assert fast["driver"] == chart.render("many-backends").one("CSIDriver")["metadata"]["name"]


@pytest.mark.parametrize("values,argv,there", [
    ("minimal", (), False),
    ("minimal", ("--api-versions", "snapshot.storage.k8s.io/v1"), True),
    ("many-backends", (), True),  # classes are asked for
    ("full", (), True),
    ("one-replica", ("--api-versions", "snapshot.storage.k8s.io/v1"), False)])
def test_snapshotter_runs_where_there_are_snapshots(values, argv, there):
    objects = chart.render(values, *argv)
    assert ("csi-snapshotter" in [c["name"] for c in objects.pod("controller")["containers"]]) is there
    roles = [r["metadata"]["name"] for r in objects.kind("ClusterRole")]
    assert ("nvmetcp-csi-snapshotter" in roles) is there


def images(objects):
    return {c["name"]: c["image"] for component in OURS for c in objects.pod(component)["containers"]}


def test_images_have_upstream_names_and_tested_versions():
    """What the tests build from pinned modules is what the chart names by default."""
    with open(os.path.join(chart.CHART, "Chart.yaml"), encoding="utf-8") as f:
        version = yaml.safe_load(f)["appVersion"]
    with open(os.path.join(chart.SRC, "CMakeLists.txt"), encoding="utf-8") as f:
        assert re.search(r"project\(\S+ VERSION (\S+)", f.read())[1] == version
    expected = {"nvmetcp-controller": f"ghcr.io/nvmetcp-csi/controller:{version}",
                "nvmetcp-node": f"ghcr.io/nvmetcp-csi/node:{version}"}
    for name in chart.SIDECARS:
        with open(os.path.join(chart.SRC, f"test/kubernetes/go/{name}/go.mod"), encoding="utf-8") as f:
            tested = re.search(rf"kubernetes-csi/external-{name}/v\d+ (v\S+)", f.read())[1]
        expected[f"csi-{name}"] = f"registry.k8s.io/sig-storage/csi-{name}:{tested}"
    assert images(chart.render("many-backends")) == expected


def test_images_of_a_mirror():
    digest = "sha256:" + "0123456789abcdef" * 4
    found = images(chart.render("hardened"))
    assert found["nvmetcp-controller"] == f"mirror.example.com:5000/c@{digest}"
    assert found["nvmetcp-node"] == "mirror.example.com:5000/nvmetcp-csi/node:0.1.0-hardened"
    assert found["csi-provisioner"] == f"mirror.example.com:5000/csi-provisioner:v6.3.0@{digest}"
    for component in OURS:
        pod = chart.render("hardened").pod(component)
        assert pod["imagePullSecrets"] == [{"name": "mirror"}]
        assert {c["imagePullPolicy"] for c in pod["containers"]} == {"Always"}


def test_what_people_set_arrives():
    objects = chart.render("full")
    for component in OURS:
        metadata, container = objects.template(component)["metadata"], objects.pod(component)["containers"][0]
        assert metadata["annotations"]["example.com/a"] == "b" and metadata["labels"]["example.com/c"] == "d"
        assert container["args"][-1] == "--log-level=warning"
        assert {"name": "TZ", "value": "UTC"} in container["env"]
    pod = objects.pod("controller")
    assert "requiredDuringSchedulingIgnoredDuringExecution" in pod["affinity"]["podAntiAffinity"]
    assert pod["nodeSelector"]["node-role.kubernetes.io/control-plane"] == ""
    spread, = pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == objects.one("Deployment")["spec"]["selector"]["matchLabels"]
    provisioner = objects.container("controller", "csi-provisioner")
    assert provisioner["args"][-1] == "--timeout=90s" and "--v=5" in provisioner["args"]
    assert "nodeAffinity" in objects.pod("node")["affinity"]
    assert objects.pod("node")["serviceAccountName"] == "my-node"
    assert objects.one("ServiceAccount", "my-node")["metadata"]["annotations"] == {"example.com/e": "f"}
    hardened = chart.render("hardened")
    assert hardened.pod("controller")["serviceAccountName"] == "block-controller"
    assert [a["metadata"]["name"] for a in hardened.kind("ServiceAccount")] == ["block-node"]
    assert all(o["metadata"]["labels"]["team"] == "storage" for o in hardened)
    assert hardened.pod("node")["tolerations"][0]["key"] == "example.com/storage"


def test_node_stands_all_taints():
    assert chart.render("minimal").pod("node")["tolerations"] == [{"operator": "Exists"}]
