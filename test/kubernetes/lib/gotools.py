# SPDX-License-Identifier: Apache-2.0
"""Where the Go programs are that hack/gotools builds."""

import functools
import os
import subprocess

SRC = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


@functools.cache
def folders():
    lines = subprocess.run([os.path.join(SRC, "hack/gotools")], check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(line.split() for line in lines.splitlines())


def program(module, name):
    return os.path.join(folders()[module], name)
