# SPDX-License-Identifier: Apache-2.0
"""A running double for each test: its own process, its own folder."""

import base64
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import factcheck
import pytest

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
        self.process = subprocess.Popen([sys.executable, str(HERE / "spdk_double.py"), *self.words],
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


def until(condition, seconds=120):
    """Waits for what another process does on its own time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not so within %d seconds" % seconds


def basic(user="user", password="password"):
    return "Authorization: Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


def exchange(double, data, tls=None):
    """What came back for these bytes, up to the end of the connection."""
    with socket.create_connection(double.http, 20) as sock:
        if tls:
            sock = ssl.create_default_context(cafile=tls).wrap_socket(sock, server_hostname="localhost")
        sock.sendall(data)
        answer = b""
        while more := sock.recv(65536):
            answer += more
        sock.close()
        return answer


def post(body, *headers, path="/"):
    body = body.encode() if isinstance(body, str) else body
    head = ["POST %s HTTP/1.1" % path, "Host: x", basic(), *headers]
    if not any(each.startswith(("Content-Length", "Transfer-Encoding")) for each in headers):
        head.append("Content-Length: %d" % len(body))
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def split(answer):
    """(status, {header: value}, body)"""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return lines[0], dict(line.split(": ", 1) for line in lines[1:]), body


@pytest.fixture
def run(tmp_path):
    """Starts doubles with the options given; they end with the test."""
    started = []

    def start(*words, **more):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Double(folder, *words, **more))
        return started[-1]
    yield start
    for double in started:
        double.stop()
        assert not os.path.exists(double.socket)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """The double that most tests use one after the other: starting a process takes longer than they do."""
    double = Double(tmp_path_factory.mktemp("shared"))
    yield double
    double.stop()


@pytest.fixture
def double(shared):
    """Empty disks, no exports, no rules, and nobody connected."""
    if shared.process.poll() is not None:
        shared.start()
    control = shared.control()
    control.do("wipe")
    control.close()
    yield shared
    for client in shared.clients:
        client.close()
    shared.clients = []
    if shared.process.poll() is None:
        control = shared.control()
        until(lambda: not control.do("state")["connections"])
        control.close()
        shared.clients = []
