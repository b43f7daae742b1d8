# SPDX-License-Identifier: Apache-2.0
"""Volumes in a thin pool of LVM on a real dm-thin: see target_lvmthin.py, which runs in the machine."""

import vm as lab


def test_thin_pool():
    with lab.Lab() as private:
        machine = private.vm("target", disks={"pool": 1536}, memory=1536)
        machine.run("modprobe -a nvmet-tcp nvme-tcp dm-thin-pool")
        output = machine.run(["python3", "test/vm/target_lvmthin.py", "/src/build/dev/bin"], timeout=800, live=True)
    assert output.rstrip().endswith("all of it was seen"), output
