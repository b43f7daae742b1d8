# SPDX-License-Identifier: Apache-2.0
"""Plugins of ours as processes on this machine, with a double of SPDK's target as their backend."""

import json
import os
import pathlib
import re
import subprocess

from driver import INSTANCE, CsiError

BIN = pathlib.Path(__file__).parents[3] / "build" / os.environ.get("NV_PRESET", "dev") / "bin"
USER, PASSWORD = "csi", "between: us"
PROXY = ("--user", USER, "--password", PASSWORD)


class Plugin:
    """A plugin of ours, in a folder of its own with its socket and its log."""

    def __init__(self, folder, name, *words):
        self.socket, self.log = folder / name / "csi.sock", folder / name / "log"
        self.log.parent.mkdir(exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BIN / name, "--endpoint", "unix://%s" % self.socket, *words],
                                            stdin=subprocess.DEVNULL, stderr=log)
        asked = subprocess.run([BIN / "csic", "--socket", self.socket, "--wait", "--timeout", "60", "GetPluginInfo"],
                               check=False, capture_output=True, text=True)
        if asked.returncode != 0:
            self.process.kill()
            raise AssertionError("%s does not answer: %s\n%s" % (name, asked.stderr, self.text()))

    def text(self):
        """What it logged."""
        return self.log.read_text(encoding="utf-8")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(30) == 0, self.text()

    def calls(self, rpc, requests):
        """Many requests over one connection. Return: their answers; CsiError at the first that fails."""
        if not requests:
            return []
        done = subprocess.run([BIN / "csic", "--socket", self.socket, "--timeout", "120", rpc, "-"],
                              input="\n".join(map(json.dumps, requests)), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            code, _, message = done.stderr.strip().partition(": ")
            raise CsiError(rpc, code, message)
        return documents(done.stdout)

    def call(self, rpc, **request):
        return self.calls(rpc, [request])[0]

    def rss(self):
        """(now, most since the start) in KiB."""
        text = pathlib.Path("/proc/%d/status" % self.process.pid).read_text(encoding="ascii")
        return tuple(int(re.search(r"^%s:\s+(\d+)" % key, text, re.MULTILINE).group(1)) for key in ("VmRSS", "VmHWM"))


def documents(text):
    """The JSON documents of a text, which follow each other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    text = text.rstrip()
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def controller(folder, double, way="unix", words=()):
    """nvmetcp-controller with the double as its backend "fast", over "unix" or "http" (which needs PROXY)."""
    backend = {"name": "fast", "type": "spdk", "portals": "127.0.0.1:4420", "pools": "lvs0"}
    if way == "http":
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text("%s:%s\n" % (USER, PASSWORD), encoding="ascii")
        backend.update(url="http://%s:%d" % double.http, tokenFile=str(secret))
    else:
        backend.update(url="unix://" + double.socket)
    config = folder / "controller.json"
    config.write_text(json.dumps({"instance": INSTANCE, "backends": [backend]}), encoding="ascii")
    return Plugin(folder, "nvmetcp-controller", "--config", config, *words)


def node(folder, name="node1"):
    """nvmetcp-node, for its name: what it would attach has no data path."""
    state, registration = folder / "node-state", folder / "registration"
    for each in (state, registration):
        each.mkdir()
    return Plugin(folder, "nvmetcp-node", "--instance", INSTANCE, "--node-name", name, "--state-dir", state,
                  "--kubelet-registration-dir", registration)
