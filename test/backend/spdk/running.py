# SPDX-License-Identifier: Apache-2.0
"""A double of SPDK's target as a process of its own, and ways to talk to it."""

import pathlib
import re
import signal
import subprocess
import sys
import time

import factcheck

HERE = pathlib.Path(__file__).parent


class Double:
    """One process of the double, and ways to talk to it."""

    def __init__(self, folder, *words, store="lvs0:1G", http=True):
        self.folder, self.clients = folder, []
        self.socket, self.control_path, self.state = (str(folder / name) for name in ("rpc", "ctl", "state"))
        self.words = ["--socket", self.socket, "--control", self.control_path, "--state", self.state, *words]
        self.words += ["--lvstore", store] if store else []
        self.words += ["--http", "0"] if http else []
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-B", str(HERE / "spdk_double.py"), *self.words],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http=(\S+)", line)
        assert found, "the double did not start: %r" % line
        host, _, port = found.group(1).rpartition(":")
        self.http = (host, int(port)) if host else None

    def kill(self):
        self.process.kill()
        self.wait(-signal.SIGKILL)

    def wait(self, status):
        assert self.process.wait(10) == status
        self.process.stdout.close()
        for client in self.clients:
            client.close()
        self.clients = []

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.wait(0)

    def client(self):
        self.clients.append(factcheck.Client(self.socket))
        return self.clients[-1]

    def control(self):
        self.clients.append(factcheck.Control(self.control_path))
        return self.clients[-1]

    def checker(self, client=None):
        control = self.control()
        release = tuple(int(part) for part in control.do("state")["release"].split("."))
        return factcheck.Checker(client or self.client(), release, control)

    def left(self):
        """Names of the lvols and subsystems that are on the target."""
        client = self.client()
        return ([bdev["aliases"][0] for bdev in client.call("bdev_get_bdevs")
                 if bdev["product_name"] == "Logical Volume"] +
                [each["nqn"] for each in client.call("nvmf_get_subsystems") if each["subtype"] == "NVMe"])


def until(condition, seconds=120):
    """Waits for what another process does on its own time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not so within %d seconds" % seconds
