# SPDX-License-Identifier: Apache-2.0
"""The cluster that `hack/cluster up` holds up, with the interface of cluster.Cluster: what a test
needs while it is being written. `hack/cluster test FILE` runs pytest with it."""

import json
import os
import shlex
import socket

import cluster
import control_plane
import storage
import vm as lab

FOLDER = os.path.join(cluster.SRC, "build/cluster")
SOCKET = os.path.join(FOLDER, "run.sock")


def ask(**request):
    with socket.socket(socket.AF_UNIX) as s, s.makefile("rw") as stream:
        s.connect(SOCKET)
        stream.write(json.dumps(request) + "\n")
        stream.flush()
        return json.loads(stream.readline())


class Machine(lab.VM):
    """A VM that another process started."""

    def __init__(self, name, number):  # pylint: disable=super-init-not-called
        self.name, self.number = name, number
        self.ip, self.ip2 = f"10.77.0.{number}", f"10.78.0.{number}"
        self.out = os.path.join(FOLDER, name)

    def run(self, command, timeout=300, check=True, live=False):
        if not isinstance(command, str):
            command = " ".join(shlex.quote(word) for word in command)
        answer = ask(name=self.name, command=command, timeout=timeout)
        if check and answer["rc"] != 0:
            raise lab.Failed(f"{self.name}: {command!r} ended with {answer['rc']}:\n{answer['out']}",
                             answer["out"], answer["rc"])
        return answer["out"] if check else (answer["rc"], answer["out"])

    def _power(self, state):
        answer = ask(name=self.name, power=state)
        if answer["rc"] != 0:
            raise lab.Failed(answer["out"], answer["out"], answer["rc"])

    def kill(self):
        self._power("off")

    def start(self):
        self._power("on")


class Plane:
    """The part of control_plane.ControlPlane that outlives its start."""

    kubectl = control_plane.ControlPlane.kubectl

    def __init__(self):
        self.folder = os.path.join(FOLDER, "control-plane")
        self.admin = os.path.join(self.folder, "pki/admin.conf")
        self.pki = type("Authority", (), {"folder": os.path.join(self.folder, "pki")})()

    def stop(self):
        """It is not ours to stop."""


class Storage(storage.StorageServer):
    """The storage server that is there, with its secrets read back from it."""

    class Secrets:
        def __init__(self, machine):
            folder = os.path.dirname(storage.CONFIG)
            self.ca = machine.run(f"cat {folder}/ca.pem")
            self.token = machine.run(f"cat {folder}/token")

    def __init__(self, machine):  # pylint: disable=super-init-not-called
        self.vm = machine
        self.settle_addresses()
        self.tls = self.Secrets(machine)


class Cluster(cluster.Cluster):
    def __init__(self):  # pylint: disable=super-init-not-called
        self.lab = type("Folder", (), {"out": FOLDER})()
        self.plane = Plane()
        with open(os.path.join(FOLDER, "ready")) as f:
            machines = [Machine(*member) for member in json.load(f).items()]
        self.storages = [Storage(machine) for machine in machines if machine.name.startswith(cluster.STORAGE)]
        self.nodes = [cluster.Node(self, machine) for machine in machines[len(self.storages):]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
