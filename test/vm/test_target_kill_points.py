# SPDX-License-Identifier: Apache-2.0
"""nvmetcp-target is killed at every fault point of every call that changes something.

Points lie before and after each step and after each single change: of configfs, of a state, of a
data file. How many there are is counted, not written down: the N-th is tried until a call ends
without having been killed. See target_kill_points.py, which runs in the machine.
"""

import re

import vm as lab


def test_kill_points():
    with lab.Lab() as private:
        machine = private.vm("target", disks={"pool": 2048}, memory=1536)
        machine.run("modprobe -a nvmet-tcp nvme-tcp xfs")
        output = machine.run(["python3", "test/vm/target_kill_points.py", "/src/build/dev/bin"],
                             timeout=1700, live=True)
    points = {call: int(n) for call, n in re.findall(r"^(\S.*?): (\d+) kill points$", output, re.MULTILINE)}
    print(points, "in all", sum(points.values()))
    # A build without fault points would have none; each of the calls has an intent at least.
    assert len(points) == 11 and min(points.values()) >= 6, output
