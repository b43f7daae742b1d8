# SPDX-License-Identifier: Apache-2.0
"""matrix.py in a VM of its own, as a test beside it sees that."""

import json
import os

import vm as lab

RESULTS = "fault-matrix.jsonl"


class Outcome:
    """.results: its lines; .failed: the one of the ladder that failed, None when all are as promised."""

    def __init__(self, output, status):
        self.output = output
        self.results = [json.loads(line[2:]) for line in output.splitlines() if line.startswith("@@")]
        failed = [line for line in self.results if line.get("ok") is False]
        self.failed = failed[0] if failed else None
        self.ended = status == 0 and {"end": True} in self.results

    @property
    def faults(self):
        return sum(len(line["points"]) for line in self.results if line.get("ok"))

    def check(self):
        """All as promised, to the end."""
        assert not self.failed, json.dumps(self.failed, indent=1)
        assert self.ended, self.output[-4000:]


def run(*arguments, preset="dev", timeout=21000):
    """Its lines are kept beside the machine's logs, for page.py."""
    with lab.Lab() as private:
        machine = private.vm("node", disks={"pool": 8192}, memory=2048)
        status, output = machine.run(
            ["env", "PYTHONDONTWRITEBYTECODE=1", f"NV_PRESET={preset}", "python3", "test/fault/matrix.py", *arguments],
            timeout=timeout, check=False, live=True)
        with open(os.path.join(private.out, RESULTS), "w") as f:
            f.writelines(line + "\n" for line in output.splitlines() if line.startswith("@@"))
    return Outcome(output, status)
