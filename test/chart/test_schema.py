# SPDX-License-Identifier: Apache-2.0
"""What helm refuses, and with which words: each names the value that is wrong."""

import os
import re

import chart
import pytest
import yaml

# Values on top of "minimal" -> words that the refusal must have.
REFUSED = [
    # typos
    ("Instance: a", ["Instance"]),
    ("controllers: {}", ["controllers"]),
    ("controller: {replicas: 3}", ["/controller", "replicas"]),
    ("controller: {podAnnotation: {}}", ["/controller", "podAnnotation"]),
    ("controller: {resources: {request: {cpu: 1}}}", ["/controller/resources", "request"]),
    ("controller: {securityContext: {runAsRoot: true}}", ["/controller/securityContext", "runAsRoot"]),
    ("controller: {serviceAccount: {created: false}}", ["/controller/serviceAccount", "created"]),
    ("node: {kubeletDir: /var/lib/kubelet}", ["/node", "kubeletDir"]),
    ("node: {tolerations: [{operators: Exists}]}", ["/node/tolerations/0", "operators"]),
    ("node: {affinity: {nodeAfinity: {}}}", ["/node/affinity", "nodeAfinity"]),
    ("node: {env: [{Name: A}]}", ["/node/env/0", "Name"]),
    ("image: {repository: x}", ["/image", "repository"]),
    ("sidecars: {provisionner: {}}", ["/sidecars", "provisionner"]),
    ("sidecars: {attacher: {enabled: false}}", ["/sidecars/attacher", "enabled"]),
    ("sidecars: {resizer: {image: {tags: v1}}}", ["/sidecars/resizer/image", "tags"]),
    ("csiDriver: {selinuxMount: true}", ["/csiDriver", "selinuxMount"]),
    ("csiDriver: {attachRequired: false}", ["/csiDriver", "attachRequired"]),
    ("metrics: {serviceMonitor: {enable: true}}", ["/metrics/serviceMonitor", "enable"]),
    ("backends: [{name: m, url: 'https://h', tokenFile: /t}]", ["/backends/0", "tokenFile"]),
    ("backends: [{name: m, url: 'https://h', token: secret}]", ["/backends/0", "token"]),
    ("backends: [{name: m, url: 'https://h', caSecret: {names: c}}]", ["/backends/0/caSecret", "names"]),
    ("storageClasses: [{name: a, reclaimpolicy: Retain}]", ["/storageClasses/0", "reclaimpolicy"]),
    ("storageClasses: [{name: a, parameters: {nrIOQueues: 4}}]", ["/storageClasses/0/parameters", "nrIOQueues"]),
    ("storageClasses: [{name: a, parameters: {fsType: xfs}}]", ["/storageClasses/0/parameters", "fsType"]),
    ("volumeSnapshotClasses: [{name: a, parameters: {}}]", ["/volumeSnapshotClasses/0", "parameters"]),
    # bad values
    ("instance: Prod", ["/instance", "Prod"]),
    ("instance: prod-", ["/instance", "prod-"]),
    ("instance: a-name-of-17-byte", ["/instance", "a-name-of-17-byte"]),
    ("instance: 7", ["/instance", "string"]),
    ("backends: [{url: 'https://h'}]", ["/backends/0", "name"]),
    ("backends: [{name: m}]", ["/backends/0", "url"]),
    ("backends: [{name: M, url: 'https://h'}]", ["/backends/0/name", "M"]),
    ("backends: [{name: a-name-of-twenty-five-byte, url: 'https://h'}]", ["/backends/0/name"]),
    ("backends: [{name: m, url: '10.0.0.5:4443'}]", ["/backends/0/url", "10.0.0.5:4443"]),
    ("backends: [{name: m, url: 'https://user:word@h'}]", ["/backends/0/url"]),
    ("backends: [{name: m, type: nvmet, url: 'https://h'}]", ["/backends/0/type", "linux"]),
    ("backends: [{name: m, url: 'https://h', aliases: old}]", ["/backends/0/aliases", "array"]),
    ("backends: [{name: m, url: 'https://h', topology: {zone: a}}]", ["/backends/0/topology", "array"]),
    ("backends: [{name: m, url: 'https://h', topology: [{}]}]", ["/backends/0/topology/0"]),
    ("backends: [{name: m, url: 'https://h', topology: [{rack: 7}]}]", ["/backends/0/topology/0/rack", "string"]),
    ("backends: [{name: m, url: 'https://h', topology: [{zone: a b}]}]", ["/backends/0/topology/0/zone", "a b"]),
    ("backends: [{name: m, url: 'https://h', topology: [{-zone: a}]}]", ["/backends/0/topology/0", "-zone"]),
    ("node: {topology: [{segments: {zone: a}}]}", ["/node/topology/0", "nodes"]),
    ("node: {topology: [{nodes: [n], segment: {zone: a}}]}", ["/node/topology/0", "segment"]),
    ("node: {topology: [{nodes: ['a b'], segments: {zone: a}}]}", ["/node/topology/0/nodes/0", "a b"]),
    ("backends: [{name: m, url: 'https://h', tokenSecret: {key: t}}]", ["/backends/0/tokenSecret", "name"]),
    ("backends: [{name: m, url: 'https://h', tokenSecret: {name: A_B}}]", ["/backends/0/tokenSecret/name", "A_B"]),
    ("storageClasses: [{parameters: {}}]", ["/storageClasses/0", "name"]),
    ("storageClasses: [{name: a, reclaimPolicy: Recycle}]", ["/storageClasses/0/reclaimPolicy", "Retain"]),
    ("storageClasses: [{name: a, volumeBindingMode: Late}]", ["/storageClasses/0/volumeBindingMode", "Immediate"]),
    ("storageClasses: [{name: a, parameters: {profile: fast}}]", ["/parameters/profile", "balanced"]),
    ("storageClasses: [{name: a, parameters: {csi.storage.k8s.io/fstype: btrfs}}]", ["fstype", "xfs"]),
    ("storageClasses: [{name: a, parameters: {nrIoQueues: four}}]", ["/parameters/nrIoQueues", "four"]),
    ("storageClasses: [{name: a, parameters: {hdrDigest: 'on'}}]", ["/parameters/hdrDigest", "on"]),
    ("storageClasses: [{name: a, default: 'yes'}]", ["/storageClasses/0/default", "boolean"]),
    ("driverName: NVMe", ["/driverName", "NVMe"]),
    ("controller: {replicaCount: 0}", ["/controller/replicaCount", "1"]),
    ("controller: {replicaCount: two}", ["/controller/replicaCount", "integer"]),
    ("controller: {logLevel: verbose}", ["/controller/logLevel", "debug"]),
    ("controller: {securityContext: {runAsNonRoot: false}}", ["/controller/securityContext/runAsNonRoot", "true"]),
    ("controller: {securityContext: {runAsUser: 0}}", ["/controller/securityContext/runAsUser"]),
    ("controller: {securityContext: {seccompProfile: {type: Unconfined}}}", ["seccompProfile/type", "RuntimeDefault"]),
    ("controller: {securityContext: {seccompProfile: null}}", ["/controller/securityContext", "seccompProfile"]),
    ("controller: {resources: {limits: {memory: 1GB}}}", ["/controller/resources/limits/memory", "1GB"]),
    ("controller: {updateStrategy: {type: OnDelete}}", ["/controller/updateStrategy/type", "Recreate"]),
    ("node: {kubeletPath: var/lib/kubelet}", ["/node/kubeletPath", "var/lib/kubelet"]),
    ("node: {kubeletPath: /var/lib/kubelet/}", ["/node/kubeletPath"]),
    ("node: {volumeAttachLimit: 5000}", ["/node/volumeAttachLimit", "4,096"]),
    ("node: {udevRulesDir: rules.d}", ["/node/udevRulesDir"]),
    ("controller: {auditMinutes: 1h}", ["/controller/auditMinutes"]),
    ("node: {httpPort: 70000}", ["/node/httpPort", "65,535"]),
    ("node: {podLabels: {a: 1}}", ["/node/podLabels/a", "string"]),
    ("image: {pullPolicy: Sometimes}", ["/image/pullPolicy", "IfNotPresent"]),
    ("image: {registry: example.com/}", ["/image/registry", "example.com/"]),
    ("imagePullSecrets: [mirror]", ["/imagePullSecrets/0", "object"]),
    ("sidecars: {snapshotter: {enabled: maybe}}", ["/sidecars/snapshotter/enabled", "auto"]),
    ("sidecars: {resizer: {logLevel: 11}}", ["/sidecars/resizer/logLevel", "10"]),
    ("csiDriver: {nodeAllocatableUpdatePeriodSeconds: 5}", ["/csiDriver/nodeAllocatableUpdatePeriodSeconds", "10"]),
    ("metrics: {address: localhost}", ["/metrics/address", "localhost"]),
    ("backends: [{name: m}]", ["/backends/0", "url"]),
    ("backends: [{name: m, type: static, url: 'https://h'}]", ["/backends/0/url"]),
    # what only several values together show
    ("instance: ''", ["instance: is required", "--set instance="]),
    ("backends: []", ["backends: at least one is required", "url:"]),
    ("backends: [{name: m, url: 'https://h'}, {name: m, url: 'https://i'}]", ["backends", '"m"']),
    ("backends: [{name: m, url: 'https://h', aliases: [o]}, {name: o, url: 'https://i'}]", ["backends", '"o"']),
    ("backends: [{name: m, url: 'https://h', topology: [{zone: a}]}]",
     ["backends: m: topology: zone: no entry of node.topology", "segments: {zone: a}"]),
    ("{backends: [{name: m, url: 'https://h', topology: [{zone: a, rack: b}]}],"
     " node: {topology: [{nodes: [n1], segments: {nvmetcp.csi.dev/zone: a}}]}}",
     ["backends: m: topology: rack: no entry of node.topology"]),
    ("storageClasses: [{name: a, parameters: {backend: other}}]", ["a: parameters.backend", '"other"', "main"]),
    ("{backends: [{name: m, url: 'https://h'}, {name: o, url: 'https://i'}], storageClasses: [{name: a}]}",
     ["storageClasses: a: parameters.backend: is required", "m, o"]),
    ("node: {kubeletPath: /var/lib/a-folder-with-a-long-name/another-folder-with-a-long-name/kubelet}",
     ["node.kubeletPath", "107"]),
    ("controller: {serviceAccount: {create: false}}", ["controller.serviceAccount.name: is required"]),
    ("metrics: {serviceMonitor: {enabled: true}}", ["metrics.serviceMonitor.enabled", "metrics.enabled"]),
]
NEEDS = {"node: {kubeletPath: /var/lib/a-folder": ["--set", "driverName=" + "d" * 40]}


def test_nodes_may_tell_their_place_by_a_flag():
    """As from a label of the pod, which the chart cannot look into."""
    status, _, err = chart.template("--values", chart.SETS["minimal"], "--set", "backends[0].topology[0].zone=a",
                                    "--set", "node.additionalArgs={--topology=zone=$(ZONE)}")
    assert status == 0, err


@pytest.mark.parametrize("wrong,words", REFUSED, ids=[w for w, _ in REFUSED])
def test_refused(tmp_path, wrong, words):
    assert yaml.safe_load(wrong)
    path = tmp_path / "wrong.yaml"
    path.write_text(wrong)
    more = next((argv for begin, argv in NEEDS.items() if wrong.startswith(begin)), [])
    status, out, err = chart.template("--values", chart.SETS["minimal"], "--values", str(path), *more)
    assert status != 0, out
    assert not [word for word in words if word not in err], err


def schemas(schema, where=""):
    """(place, schema) of all schemas inside one."""
    if isinstance(schema, dict):
        if "type" in schema or "$ref" in schema:
            yield where, schema
        for key, value in schema.items():
            yield from schemas(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for i, value in enumerate(schema):
            yield from schemas(value, f"{where}/{i}")


# What is Kubernetes' own and checked by its API server, and what a parent chart hands down.
OPEN = {"global", "valueFrom", "nodeAffinity", "podAffinity", "podAntiAffinity", "labelSelector"}


def test_no_object_takes_what_it_does_not_know():
    found = [(where, s) for where, s in schemas(chart.read_schema()) if s.get("type") == "object"]
    assert len(found) > 30
    for where, schema in found:
        if where.rsplit("/", 1)[-1] in OPEN:
            continue
        # Names that people choose, with values of one kind; or a list of what there is.
        assert ("properties" in schema or "patternProperties" in schema) == (schema.get("additionalProperties") is False), where
        assert "additionalProperties" in schema, where


def keys(schema, root):
    """Keys that a schema allows, with those of the definition that it names."""
    if "$ref" in schema:
        target = root
        for word in schema["$ref"].split("/")[1:]:
            target = target[word]
        return keys(target, root)
    return schema.get("properties", {})


def test_every_value_is_in_the_schema_and_every_key_has_a_default():
    root = chart.read_schema()

    def compare(schema, values, where):
        allowed = keys(schema, root)
        assert values.keys() <= allowed.keys(), where
        for key, value in values.items():
            if isinstance(value, dict) and keys(allowed[key], root) and value:
                compare(allowed[key], value, f"{where}.{key}")
    compare(root, chart.read_values(), "values")
    # An absent key of these is a value that nobody finds.
    for part in ("", "controller", "node", "csiDriver", "image", "metrics"):
        schema = root["properties"][part] if part else root
        values = chart.read_values()[part] if part else chart.read_values()
        assert keys(schema, root).keys() - {"global"} == values.keys(), part


def test_parameters_of_classes_are_those_of_the_driver():
    """Names and choices, as the C tables have them."""
    with open(os.path.join(chart.SRC, "controller/core/params.c"), encoding="utf-8") as f:
        params = f.read()
    with open(os.path.join(chart.SRC, "common/nvmf/connect.c"), encoding="utf-8") as f:
        connect = f.read()
    with open(os.path.join(chart.SRC, "common/fs/reclaim.c"), encoding="utf-8") as f:
        reclaim = f.read()
    names = set(re.findall(r'\{"([^"]+)", false, PARAM_', params))
    names |= set(re.findall(r'NUMBER\("(\w+)"', connect))
    names |= set(re.findall(r'\{"(\w+)", offsetof', connect))
    names |= set(re.findall(r'kv_get\(params, "(\w+)"\)', connect))
    assert len(names) > 12
    schema = chart.read_schema()["properties"]["storageClasses"]["items"]["properties"]["parameters"]["properties"]
    assert schema.keys() == names

    def choices(text, name):
        return [c for c in re.search(rf"{name}\[\] = {{([^}}]*)}}", text)[1].replace('"', "").split(", ") if c != "NULL"]
    assert schema["profile"]["enum"] == choices(connect, "names")
    assert schema["ioPolicy"]["enum"] == choices(connect, "io_policies")
    assert schema["csi.storage.k8s.io/fstype"]["enum"] == choices(params, "fs_types")
    assert schema["reclaim"]["enum"] == choices(reclaim, "names")


def test_types_of_backends_are_those_of_the_driver():
    with open(os.path.join(chart.SRC, "controller/registry.c"), encoding="utf-8") as f:
        rows = re.findall(r"&backend_(\w+),", f.read())
    schema = chart.read_schema()["properties"]["backends"]["items"]["properties"]["type"]
    assert rows and schema["enum"] == rows
