#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the conformance suite against a double of SPDK that this starts and ends.

Usage: double.py SUITE unix|http [RELEASE]

Needs the folder of the double in PYTHONPATH. SUITE is backend_conformance; unix is SPDK's socket, http its
proxy with user and password. RELEASE as the double takes it (default: its newest).
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from running import Double

USER, PASSWORD = "csi", "between: us"


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in ("unix", "http"):
        sys.exit(__doc__)
    suite, way, *release = sys.argv[1:]
    words = ["--lvstore", "lvs1:1G", "--user", USER, "--password", PASSWORD]
    words += ["--release", *release] if release else []
    with tempfile.TemporaryDirectory(prefix="spdk-") as folder:
        double = Double(pathlib.Path(folder), *words)
        secret = os.path.join(folder, "secret")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(USER + ":" + PASSWORD + "\n")
        url = ["--url", "http://%s:%d" % double.http, "--token-file", secret] if way == "http" \
            else ["--url", "unix://" + double.socket]
        try:
            failed = subprocess.run([suite, "--backend", "spdk", "--pool", "lvs0", "--other-pool", "lvs1",
                                     "--control", double.control_path, *url], check=False).returncode
            for name in double.left():
                print("left on the target:", name)
                failed = 1
            return failed
        finally:
            double.stop()


if __name__ == "__main__":
    sys.exit(main())
