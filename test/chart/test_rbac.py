# SPDX-License-Identifier: Apache-2.0
"""Each sidecar has the rights that its own project asks for, less what this driver has no use for."""

import os

import chart
import pytest
import yaml

MODULES = {"provisioner": "github.com/kubernetes-csi/external-provisioner/v6",
           "attacher": "github.com/kubernetes-csi/external-attacher/v4",
           "resizer": "github.com/kubernetes-csi/external-resizer/v2",
           "snapshotter": "github.com/kubernetes-csi/external-snapshotter/v8"}
UPSTREAM = {"snapshotter": "deploy/kubernetes/csi-snapshotter/rbac-csi-snapshotter.yaml"}
# The snapshotter is told to leave group snapshots alone; the driver has none.
WITHOUT = {"groupsnapshot.storage.k8s.io"}


def granted(rules):
    """{(API group, resource, verb)}; a rule for single objects would need more than this."""
    for rule in rules:
        assert set(rule) == {"apiGroups", "resources", "verbs"}, rule
    return {(group, resource, verb) for rule in rules for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}


def upstream(sidecar, kind):
    folder = chart.module_dir(sidecar, MODULES[sidecar])
    with open(os.path.join(folder, UPSTREAM.get(sidecar, "deploy/kubernetes/rbac.yaml")), encoding="utf-8") as f:
        rules = [r for d in yaml.safe_load_all(f) if d and d["kind"] == kind for r in d["rules"]]
    assert rules
    return {g for g in granted(rules) if g[0] not in WITHOUT}


@pytest.mark.parametrize("sidecar", chart.SIDECARS)
def test_cluster_role_is_upstreams(sidecar):
    ours = granted(chart.render("many-backends").one("ClusterRole", sidecar)["rules"])
    assert ours == upstream(sidecar, "ClusterRole")


def test_role_in_the_namespace_is_for_leases_as_upstreams():
    ours = granted(chart.render("many-backends").one("Role")["rules"])
    assert ours == {g for sidecar in chart.SIDECARS for g in upstream(sidecar, "Role")
                    if g[:2] == ("coordination.k8s.io", "leases")}


def test_nobody_may_do_everything_or_read_secrets(values, objects):
    for role in objects.kind("ClusterRole") + objects.kind("Role"):
        for group, resource, verb in granted(role["rules"]):
            assert "*" not in (group, resource, verb)
            if values != "full":  # where it is asked for
                assert resource != "secrets"


def test_rights_can_be_added():
    objects = chart.render("full")
    assert ("", "secrets", "get") in granted(objects.one("ClusterRole", "provisioner")["rules"])
    assert ("", "secrets", "get") not in granted(objects.one("ClusterRole", "attacher")["rules"])


def test_each_role_is_bound_to_the_controller(objects):
    account = objects.pod("controller")["serviceAccountName"]
    for kind in ("ClusterRole", "Role"):
        bindings = {b["roleRef"]["name"]: b for b in objects.kind(f"{kind}Binding")}
        assert set(bindings) == {r["metadata"]["name"] for r in objects.kind(kind)}
        for binding in bindings.values():
            assert binding["roleRef"]["kind"] == kind
            assert binding["subjects"] == [
                {"kind": "ServiceAccount", "name": account, "namespace": chart.NAMESPACE}]
