# SPDX-License-Identifier: Apache-2.0
"""A pool on XFS without one free block: see target_full.py, which runs in the machine."""

import vm as lab


def test_full_pool():
    with lab.Lab() as private:
        machine = private.vm("target", disks={"pool": 512}, memory=1536)
        machine.run("modprobe -a nvmet-tcp nvme-tcp xfs")
        output = machine.run(["python3", "test/vm/target_full.py", "/src/build/dev/bin"], timeout=400, live=True)
    assert output.rstrip().endswith("all of it was seen"), output
