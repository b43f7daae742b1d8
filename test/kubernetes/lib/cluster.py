# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes cluster of VMs with a storage server beside it, with the driver installed by helm.

The control plane runs on this machine in the lab's network, and so does a node for controllers; every
other node is a VM with a real NVMe kernel, containerd and kubelet; volumes come from nvmetcp-target on one more VM.
"""

import concurrent.futures
import copy
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time

import control_plane
import driver
import gotools
import images
import storage
import vm as lab
import yaml

SRC = gotools.SRC
GUEST = os.path.join(SRC, "test/kubernetes/guest/node")
NAMESPACE = "nvmetcp-csi"
STORAGE = "storage"  # what the names of storage servers begin with
DRIVER = driver.NAME


def say(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


@functools.cache
def module_folder(module, path):
    """Where the sources of @path are, one of the modules that test/kubernetes/go/@module needs."""
    folder = os.path.join(SRC, "test/kubernetes/go", module)
    subprocess.run(["go", "mod", "download", path], cwd=folder, check=True)
    return subprocess.run(["go", "list", "-m", "-f", "{{.Dir}}", path], cwd=folder, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


class Node:
    """One worker: a VM, and what makes it a member of the cluster."""

    def __init__(self, cluster, machine):
        self.cluster = cluster
        self.vm = machine
        self.name = machine.name
        self.pods = f"10.244.{machine.number}.0/24"

    def admit(self):
        """What the cluster must know of it before it comes."""
        lab.run("ip", "route", "replace", self.pods, "via", self.vm.ip)
        self.cluster.plane.pki.kubeconfig(self.name, f"system:node:{self.name}", "system:nodes")

    def join(self):
        """Start what runs on a node; also after a power cycle."""
        self.vm.run(f"{GUEST} {self.name} {self.vm.ip} {self.pods} {self.cluster.plane.pki.folder} /dev/vda", timeout=600)
        self.vm.run(f"ip route replace {ControlNode.pods} via {control_plane.ADDRESS}")
        for other in self.cluster.nodes:
            if other is not self:
                self.vm.run(f"ip route replace {other.pods} via {other.vm.ip}")

    def come_up(self):
        self.vm.wait_ready()
        self.join()

    def boot(self):
        self.vm.start()
        self.join()

    def power_cycle(self):
        self.vm.kill()
        self.boot()

    def restart_kubelet(self):
        """As `systemctl restart kubelet` does; pods live on."""
        command = self.vm.run("cd /proc/$(pidof kubelet) && mapfile -d '' -t argv <cmdline && argv[0]=$(readlink exe) && "
                              "printf '%q ' \"${argv[@]}\"")
        self.vm.run("pid=$(pidof kubelet); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done")
        self.vm.run(f"setsid {command} </dev/null >>/out/kubelet.log 2>&1 &")


class ControlNode:
    """The node for what runs beside the control plane, as on real clusters: this machine itself, in
    namespaces of its own. Containers run at full speed here, but there is no NVMe."""

    name = "control"
    pods = "10.244.1.0/24"
    taint = "node-role.kubernetes.io/control-plane"

    def __init__(self, cluster, disk):
        self.cluster = cluster
        self.out = os.path.join(cluster.lab.out, self.name)
        self.disk = os.path.join(self.out, "disk.img")
        self.process = None
        os.makedirs(self.out)
        lab.run("cp", "--sparse=always", disk, self.disk)
        cluster.plane.pki.kubeconfig(self.name, f"system:node:{self.name}", "system:nodes")

    def launch(self):
        log = open(os.path.join(self.out, "node.log"), "ab")
        script = (f"mkdir -p /out && mount --bind {self.out} /out && "
                  f"{GUEST} {self.name} {control_plane.ADDRESS} {self.pods} {self.cluster.plane.pki.folder} {self.disk} "
                  f"--register-with-taints={self.taint}=:NoSchedule && sleep infinity")
        # The end of the first process of its process namespace is the end of all in it.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
             "--mount-proc", "bash", "-c", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Cluster:
    """Use as a context. @stores: a storage server for each, of that kind; the first is the backend
    "linux" of values.yaml. @on_vm is called with the cluster just before its VMs start."""

    def __init__(self, nodes=1, stores=("file",), out=None, memory=2560, on_vm=None):
        self.lab = lab.Lab(out)
        self.on_vm = on_vm
        self.wanted = nodes
        self.stores = stores
        self.memory = memory
        self.plane = None
        self.storages = []
        self.control = None
        self.nodes = []

    def __enter__(self):
        disk = images.node_disk()
        self.lab.__enter__()
        try:
            self.plane = control_plane.ControlPlane(os.path.join(self.lab.out, "control-plane"))
            self.storages = [storage.StorageServer(self.lab, f"{STORAGE}{i + 1 if i else ''}", store)
                             for i, store in enumerate(self.stores)]
            self.nodes = [
                Node(self, self.lab.add(f"node{i + 1}", memory=self.memory, disks={"data": disk}))
                for i in range(self.wanted)]
            for node in self.nodes:
                node.admit()
            if self.on_vm:
                self.on_vm(self)
            self.control = ControlNode(self, disk)
            for machine in self.lab.vms:
                machine.launch()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                done = [*(pool.submit(server.up) for server in self.storages), *(pool.submit(node.come_up) for node in self.nodes)]
                self.plane.start()
                self.control.launch()
                say("control plane is ready")
                for each in done:
                    each.result()
            self.wait_for_nodes()
            self.install_snapshots()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.control:
            self.control.stop()
        if self.plane:
            self.plane.stop()
        self.lab.__exit__()

    @property
    def storage(self):
        """The storage server, or the first of several."""
        return self.storages[0]

    @property
    def values(self):
        """The file with the values of the chart."""
        return os.path.join(self.lab.out, "values.yaml")

    # Talking to it

    def kubectl(self, *argv, **options):
        return self.plane.kubectl(*argv, **options)

    def environment(self):
        """Of a shell in which kubectl is this cluster's."""
        kubectl = gotools.program("kubernetes", "kubectl")
        return {**os.environ, "KUBECONFIG": self.plane.admin,
                "PATH": os.path.dirname(kubectl) + os.pathsep + os.environ["PATH"]}

    def apply(self, what):
        """A file or folder, or YAML text."""
        if "\n" in what:
            return self.kubectl("apply", "-f", "-", stdin=what)
        return self.kubectl("apply", "-f", what)

    def delete(self, what):
        if "\n" in what:
            return self.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=what)
        return self.kubectl("delete", "--ignore-not-found", "-f", what)

    def get(self, kind, name=None, namespace="default"):
        words = [kind, name] if name else [kind]
        return json.loads(self.kubectl("get", *words, "-n", namespace, "-o", "json"))

    def wait(self, what, condition, namespace="default", timeout=180):
        """@condition is a condition's name, "delete", or jsonpath={...}=value."""
        if not condition.startswith(("delete", "jsonpath", "condition", "create")):
            condition = f"condition={condition}"
        try:
            return self.kubectl("wait", what, "-n", namespace, f"--for={condition}", f"--timeout={timeout}s",
                                timeout=timeout + 30)
        except AssertionError as failure:
            state = self.kubectl("describe", what, "-n", namespace, check=False)
            raise AssertionError(f"{failure}\n{state}") from None

    def exec(self, pod, command, namespace="default", container=None):
        which = ("-c", container) if container else ()
        return self.kubectl("exec", pod, "-n", namespace, *which, "--", "sh", "-c", command)

    def until(self, what, condition, timeout=300):
        """Ask again until @condition() is true; for what the API has no watch for."""
        end = time.monotonic() + timeout
        while not (answer := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout} s: {what}")
            time.sleep(0.5)
        return answer

    # Putting it together

    def wait_for_nodes(self):
        for node in (self.control, *self.nodes):
            self.until(f"{node.name} to register", lambda n=node: f"node/{n.name}" in self.kubectl(
                "get", "nodes", "-o", "name"))
            self.wait(f"node/{node.name}", "Ready")
        # A kubelet may not give itself this label.
        self.kubectl("label", "node", self.control.name, f"{self.control.taint}=")
        say(f"{len(self.nodes)} node(s) ready")

    def install_snapshots(self):
        """The snapshot CRDs and their controller, as the owner of a cluster does."""
        crds = os.path.join(module_folder("snapshotter", "github.com/kubernetes-csi/external-snapshotter/client/v8"),
                            "config/crd")
        deploy = os.path.join(module_folder("snapshotter", "github.com/kubernetes-csi/external-snapshotter/v8"),
                              "deploy/kubernetes/snapshot-controller")
        self.kubectl("apply", "-k", crds)
        self.apply(os.path.join(deploy, "rbac-snapshot-controller.yaml"))
        with open(os.path.join(deploy, "setup-snapshot-controller.yaml")) as f:
            text = f.read()
        # The manifest of a release names the image of the one before.
        version = re.search(r"@(v[0-9.]+)/", deploy).group(1)
        text = re.sub(r"snapshot-controller:v[0-9.]+", f"snapshot-controller:{version}", text)
        deployment = next(each for each in yaml.safe_load_all(text) if each)
        deployment["spec"]["replicas"] = 1
        deployment["spec"]["template"]["spec"].update(
            nodeSelector={ControlNode.taint: ""}, tolerations=[{"key": ControlNode.taint, "operator": "Exists"}])
        self.apply(yaml.safe_dump(deployment))

    def helm(self, *argv, check=True):
        environment = {**os.environ, "KUBECONFIG": self.plane.admin, "HOME": self.lab.out}
        done = subprocess.run([gotools.program("helm", "helm"), *argv], env=environment, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"helm {' '.join(argv)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def install_driver(self, *extra):
        """What docs/install.md says: a namespace, the Secrets, helm install. Waits for all pods."""
        self.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n")
        with open(os.path.join(SRC, "test/kubernetes/values.yaml")) as f:
            values = yaml.safe_load(f)
        self._add_backends(values)
        for server, backend in zip(self.storages, values["backends"]):
            for reference, text in (("tokenSecret", server.token), ("caSecret", server.ca)):
                name, key = backend[reference]["name"], backend[reference]["key"]
                self.apply("\n".join(["apiVersion: v1", "kind: Secret", f"metadata: {{name: {name}, namespace: {NAMESPACE}}}",
                                      f"stringData: {json.dumps({key: text})}", ""]))
        with open(self.values, "w") as f:
            yaml.safe_dump(values, f)
        output = self.helm("install", "nvmetcp-csi", os.path.join(SRC, "charts/nvmetcp-csi"), "-n", NAMESPACE,
                           "-f", self.values, *extra)
        self.wait_for_driver()
        return output

    def _add_backends(self, values):
        """A backend and a class for each storage server after the first."""
        for i, server in enumerate(self.storages[1:], 2):
            backend = copy.deepcopy(values["backends"][0])
            backend.update(name=f"linux{i}", url=server.url)
            for reference in ("tokenSecret", "caSecret"):
                backend[reference]["name"] += str(i)
            values["backends"].append(backend)
            values["storageClasses"].append({"name": f"nvmetcp{i}", "parameters": {"backend": f"linux{i}"}})

    def wait_for_driver(self, timeout=300):
        for what in self.kubectl("get", "deployments,daemonsets", "-n", NAMESPACE, "-o", "name").split():
            self.kubectl("rollout", "status", what, "-n", NAMESPACE, f"--timeout={timeout}s", timeout=timeout + 30)
        for node in self.nodes:
            self.until(f"the driver to register on {node.name}", lambda n=node: any(
                d["name"] == DRIVER for d in self.get("csinode", n.name)["spec"].get("drivers") or []))

    def collect_logs(self):
        """What a person looks at after a failure, into the lab's folder."""
        folder = os.path.join(self.lab.out, "logs")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, argv in (
                ("pods", ("get", "pods", "-A", "-o", "wide")), ("events", ("get", "events", "-A")),
                ("volumes", ("get", "pv,pvc,volumeattachments,volumesnapshots,volumesnapshotcontents", "-A")),
                ("describe", ("describe", "pods", "-A"))):
            with open(os.path.join(folder, f"{name}.txt"), "w") as f:
                f.write(self.kubectl(*argv, check=False))
        for pod in self.get("pods", namespace=NAMESPACE)["items"]:
            name = pod["metadata"]["name"]
            with open(os.path.join(folder, f"{name}.log"), "w") as f:
                f.write(self.kubectl("logs", name, "-n", NAMESPACE, "--all-containers", "--prefix", check=False))
        return folder
