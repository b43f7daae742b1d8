# SPDX-License-Identifier: Apache-2.0
"""A running double for each test: its own process, its own folder."""

import base64
import os
import socket
import ssl

import pytest
from running import Double, until


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
