#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the programs once more with one fault in the source: mutate.py PATCH PRESET

The tree is laid under an overlay in a mount namespace of its own, at the place where it is anyway;
there the patch is applied, and only what it touched is compiled again. The programs are put into
build/PRESET/bin, for tests with NV_PRESET=PRESET; the tree itself stays as it is."""

import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work"
mount -t overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" mutant "$2"
cd "$2"
patch -p1 --no-backup-if-mismatch <"$3"
ninja -C build/dev bin/nvmetcp-target bin/nvmetcp-controller bin/nvmetcp-node
mkdir "$1/bin"
cp build/dev/bin/* "$1/bin/"
cd /
umount "$2"
mkdir -p "$2/build/$4/bin"
cp "$1/bin/"* "$2/build/$4/bin/"
"""


def make(patch, preset):
    """Return: the programs' folder; CalledProcessError when it does not apply or does not compile."""
    folder = os.path.join(TOP, "build", preset, "bin")
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as layer:
        subprocess.run(["unshare", "--mount", "/bin/bash", "-c", SCRIPT, "mutant", layer, TOP, os.path.abspath(patch), preset],
                       check=True)
    return folder


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(make(sys.argv[1], sys.argv[2]))


if __name__ == "__main__":
    main()
