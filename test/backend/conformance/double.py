#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the conformance suite against a double of SPDK that this starts and ends.

Usage: double.py DOUBLE SUITE unix|http [RELEASE]

DOUBLE is the program of the double, SUITE is backend_conformance; unix is SPDK's socket, http its
proxy with user and password. RELEASE as the double takes it (default: its newest).
"""

import json
import os
import socket as sockets
import subprocess
import sys
import tempfile

USER, PASSWORD = "csi", "between: us"


def ask(path, method):
    """The result of one method, without the code that is under test."""
    with sockets.socket(sockets.AF_UNIX) as s:
        s.connect(path)
        s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode())
        return json.loads(s.makefile().readline())["result"]


def left(path):
    """Names of the lvols and subsystems that are on the target."""
    return [bdev["aliases"][0] for bdev in ask(path, "bdev_get_bdevs") if bdev["product_name"] == "Logical Volume"] + \
        [subsystem["nqn"] for subsystem in ask(path, "nvmf_get_subsystems") if subsystem["subtype"] == "NVMe"]


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[3] not in ("unix", "http"):
        sys.exit(__doc__)
    double, suite, way = sys.argv[1:4]
    with tempfile.TemporaryDirectory(prefix="spdk-") as folder:
        socket, control, secret = (os.path.join(folder, name) for name in ("rpc", "control", "secret"))
        command = [sys.executable, "-B", double, "--socket", socket, "--control", control,
                   "--lvstore", "lvs0:1G", "--lvstore", "lvs1:1G"]
        if way == "http":
            command += ["--http", "127.0.0.1:0", "--user", USER, "--password", PASSWORD]
        if len(sys.argv) == 5:
            command += ["--release", sys.argv[4]]
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(USER + ":" + PASSWORD + "\n")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
            try:
                ready = dict(word.split("=", 1) for word in target.stdout.readline().split()[1:])
                url = ["--url", "http://" + ready["http"], "--token-file", secret] if way == "http" \
                    else ["--url", "unix://" + socket]
                failed = subprocess.run([suite, "--backend", "spdk", "--pool", "lvs0", "--other-pool", "lvs1",
                                       "--control", control, *url], check=False).returncode
                for name in left(socket):
                    print("left on the target:", name)
                    failed = 1
                return failed
            finally:
                target.terminate()


if __name__ == "__main__":
    sys.exit(main())
