# SPDX-License-Identifier: Apache-2.0
"""The chart as its tests meet it: rendered by helm, read back as objects."""

import functools
import glob
import json
import os
import subprocess

import yaml

SRC = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART = os.path.join(SRC, "charts/nvmetcp-csi")
SETS = {os.path.basename(p)[:-5]: p for p in sorted(glob.glob(os.path.join(SRC, "test/chart/values/*.yaml")))}
NAMESPACE = "storage"
SIDECARS = ("provisioner", "attacher", "resizer", "snapshotter")
NEWEST = "1.36.3"


@functools.cache
def tool(module, program):
    """Path of a program that hack/gotools builds."""
    out = subprocess.run([os.path.join(SRC, "hack/gotools"), module], check=True, text=True, stdout=subprocess.PIPE)
    return os.path.join(out.stdout.split()[1], program)


def module_dir(module, path):
    """Folder with the sources of the Go module @path, in the version that @module was built with."""
    there = os.path.join(SRC, "test/kubernetes/go", module)
    subprocess.run(["go", "mod", "download", path], cwd=there, check=True)
    out = subprocess.run(["go", "list", "-m", "-f", "{{.Dir}}", path], cwd=there, check=True, text=True,
                         stdout=subprocess.PIPE)
    return out.stdout.strip()


def helm(*argv):
    """(exit status, output, error output)"""
    done = subprocess.run([tool("helm", "helm"), *argv], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def template(*argv, kube=NEWEST):
    return helm("template", "nvmetcp-csi", CHART, "--namespace", NAMESPACE, "--kube-version", kube, *argv)


@functools.cache
def render(values, *argv, kube=NEWEST):
    """The objects that the set @values gives."""
    status, out, err = template("--values", SETS[values], *argv, kube=kube)
    assert status == 0, err
    return Objects([d for d in yaml.safe_load_all(out) if d])


def read_values():
    with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as f:
        return yaml.safe_load(f)


def read_schema():
    with open(os.path.join(CHART, "values.schema.json"), encoding="utf-8") as f:
        return json.load(f)


class Objects(list):
    def kind(self, kind):
        return [o for o in self if o["kind"] == kind]

    def one(self, kind, suffix=""):
        found = [o for o in self.kind(kind) if o["metadata"]["name"].endswith(suffix)]
        assert len(found) == 1, f"{kind} *{suffix}: {[o['metadata']['name'] for o in found]}"
        return found[0]

    def pod(self, component):
        """Spec of the pods of controller or node."""
        return self.template(component)["spec"]

    def template(self, component):
        return self.one("Deployment" if component == "controller" else "DaemonSet")["spec"]["template"]

    def container(self, component, name):
        return next(c for c in self.pod(component)["containers"] if c["name"] == name)

    def config(self):
        return json.loads(self.one("Secret")["stringData"]["config.json"])


def mounts(container):
    return {m["mountPath"]: m for m in container.get("volumeMounts", [])}


def volume(pod, name):
    return next(v for v in pod["volumes"] if v["name"] == name)


def config_files(pod):
    """Path in the controller's container -> (Secret, key) of all that is mounted for it."""
    where = next(path for path, m in mounts(pod["containers"][0]).items() if m["name"] == "config")
    files = {}
    for source in volume(pod, "config")["projected"]["sources"]:
        for item in source["secret"].get("items", [{"key": "config.json", "path": "config.json"}]):
            path = os.path.join(where, item["path"])
            assert path not in files, f"{path} is mounted twice"
            files[path] = (source["secret"]["name"], item["key"])
    return files
