# SPDX-License-Identifier: Apache-2.0
"""Every object is what the API says it may be: no field that Kubernetes does not know."""

import functools
import json
import os

import chart
import jsonschema
import pytest
import yaml

DEFINITIONS = {"ConfigMap": "core.v1", "ClusterRole": "rbac.v1", "ClusterRoleBinding": "rbac.v1", "Role": "rbac.v1",
               "RoleBinding": "rbac.v1", "Secret": "core.v1", "Service": "core.v1", "ServiceAccount": "core.v1",
               "Namespace": "core.v1", "StorageClass": "storage.v1", "CSIDriver": "storage.v1",
               "Deployment": "apps.v1", "DaemonSet": "apps.v1", "PodDisruptionBudget": "policy.v1"}
SNAPSHOTS = "github.com/kubernetes-csi/external-snapshotter/client/v8"


def closed(schema):
    """The schema with no property allowed that it does not name."""
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    schema = dict(schema)
    if "properties" in schema:
        schema["properties"] = {name: closed(s) for name, s in schema["properties"].items()}
        schema.setdefault("additionalProperties", False)
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            schema[part] = closed(schema[part])
    return schema


@functools.cache
def swagger():
    folder = chart.module_dir("kubernetes", "k8s.io/kubernetes")
    with open(os.path.join(folder, "api/openapi-spec/swagger.json"), encoding="utf-8") as f:
        definitions = {name: closed(s) for name, s in json.load(f)["definitions"].items()}
    # Said to be a text, but a number is taken as well.
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["number", "string"]}
    return {"definitions": definitions}


@functools.cache
def snapshot_class():
    folder = chart.module_dir("snapshotter", SNAPSHOTS)
    path = os.path.join(folder, "config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml")
    with open(path, encoding="utf-8") as f:
        versions = yaml.safe_load(f)["spec"]["versions"]
    schema = closed(next(v for v in versions if v["name"] == "v1")["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


@functools.cache
def validator(kind):
    """Of draft 4, which the API's documents are written in; they are taken as they are."""
    if kind == "VolumeSnapshotClass":
        return jsonschema.Draft4Validator(snapshot_class())
    name = f"#/definitions/io.k8s.api.{DEFINITIONS[kind]}.{kind}"
    return jsonschema.Draft4Validator(swagger() | {"$ref": name})


def check(o):
    if o["kind"] != "ServiceMonitor":  # its definition is in no module that we build with
        validator(o["kind"]).validate(o)


def test_objects_are_what_the_api_defines(objects):
    for o in objects:
        check(o)


def test_plain_manifests_are_what_the_api_defines():
    folder = os.path.join(chart.SRC, "deploy/kubernetes")
    kinds = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yaml"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for o in yaml.safe_load_all(f):
                    check(o)
                    kinds.append(o["kind"])
    assert kinds[0] == "Namespace" and {"Deployment", "DaemonSet", "CSIDriver", "Secret"} <= set(kinds)


@pytest.mark.parametrize("kind,break_it", [
    ("Deployment", lambda o: o["spec"]["template"]["spec"].update(priorityClass="x")),
    ("DaemonSet", lambda o: o["spec"]["template"]["spec"]["containers"][0].update(privileged=True)),
    ("CSIDriver", lambda o: o["spec"].update(fsGroupPolicies="File")),
    ("StorageClass", lambda o: o.update(parameters={"tos": 4})),
    ("VolumeSnapshotClass", lambda o: o.update(deletionPolicies="Delete"))])
def test_the_check_finds_what_is_wrong(kind, break_it):
    o = json.loads(json.dumps(chart.render("many-backends").kind(kind)[0]))
    check(o)
    break_it(o)
    with pytest.raises(jsonschema.ValidationError):
        check(o)
