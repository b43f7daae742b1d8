#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn results of the matrix into docs/fault-matrix.md: page.py RESULTS... [--write]

RESULTS are files with the lines that matrix.py printed; without --write the page goes to stdout. It
ends with status 1 when a point was met by no RPC and is not among those of ELSEWHERE."""

import argparse
import collections
import datetime
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(TOP, "docs/fault-matrix.md")
LETTERS = {("kill", "again"): "K", ("fail", "again"): "F", ("drop", "again"): "D", ("refuse", "again"): "R",
           ("kill", "back"): "k", ("fail", "back"): "f", ("drop", "back"): "d"}
# Points that no RPC of the matrix meets, and who meets them.
ELSEWHERE = [
    (r"start\.|PathKeeper\.", "the plugin's own work at its start and for lost paths: `vm/two_nodes`, unit tests of `node/core`"),
    (r"Reclaim\.|helper\.trim", "trims on a schedule: `vm/reclaim`, `unit/node/core/test_reclaim`"),
    (r"helper\.try-disk", "a device that comes late: `vm/node-nvme`"),
    (r"helper\.sync|helper\.grow", "passed only where there is something to store or to grow"),
    (r"NodeStageVolume\.(sync|unmount|node|disconnect)", "what an earlier, different request left: `unit/node/core/test_leftovers`"),
    (r"NodePublishVolume\.unmount", "a stale mount at the target: `unit/node/core/test_publish`"),
    (r"\w+\.\w+\.(bdev|nvmf)_", "calls to SPDK: `backend/conformance`"),
    (r"ControllerPublishVolume\.revoke", "two nodes at once: `vm/two_nodes`, `unit/controller/core/test_publish`"),
    (r"(Check|InitPool)\.", "commands of an administrator: unit tests of `target`"),
    (r"(BringUp|Attach|Recover|Trim|Tick|OpenPorts|LayDown)\.", "the agent's start and its own work: `vm/target_kill_points`, `vm/target_reboots`"),
    (r"\w+\.(data|drain|intent|state|ready|grown|forget)\.(volume|suspended|clone|size|removed|tag|generation)",
     "thin pools of LVM, and what a file needs not: `vm/lvmthin`, `unit/target/core/test_thin_pool`"),
    (r"\w+\.(take-back|wake|cut|drain|tell|data|grown|unlink-host|unlink-ports|disable|remove|forget|intent|state|unexport)\b",
     "the end of what an earlier call left, several hosts on a volume: `vm/target_kill_points`, unit tests of `target/core`"),
    (r"\w+\.(namespace|allow|link)\.", "passed only where something is missing: `vm/target_kill_points`"),
]


class Results:
    def __init__(self, paths):
        self.tables, self.met = {}, collections.defaultdict(set)  # met: (rpc, program, point) -> {(case, letter)}
        self.cases, self.faults, self.ladders, self.seconds = {}, 0, 0, 0
        for path in paths:
            with open(path, errors="replace") as f:
                for line in f:
                    if line.startswith("@@"):
                        self.take(json.loads(line[2:]))

    def take(self, line):
        if "table" in line:
            self.tables[line["program"]] = line["table"]
        if "points" not in line:
            return
        if not line["ok"]:
            sys.exit(f"a ladder failed: {line}")
        self.ladders += 1
        self.seconds += line["seconds"]
        uses = self.cases.setdefault(line["rpc"], [])
        if line["case"] not in uses:
            uses.append(line["case"])
        for program, point in line["points"]:
            self.faults += 1
            plain = re.sub(r"#\d+", "", point)
            self.met[line["rpc"], program, plain].add((line["case"], LETTERS[line["action"], line["way"]]))

    def rows(self, rpc):
        order = {point: i for table in self.tables.values() for i, point in enumerate(table)}
        found = [(program, point) for its, program, point in self.met if its == rpc]
        return sorted(found, key=lambda row: (row[0] == "nvmetcp-target", row[1].startswith("helper"), " after " in row[1],
                                              order.get(row[1].partition(" ")[0], 0)))

    def unmet(self):
        met = {point.partition(" ")[0] for _, _, point in self.met}
        return [point for table in self.tables.values() for point in table if point not in met]


def versions():
    kernel = sorted(name for name in os.listdir("/boot") if name.startswith("vmlinuz-"))[-1].removeprefix("vmlinuz-")
    commit = subprocess.run(["git", "-C", TOP, "describe", "--always"], capture_output=True, text=True, check=False).stdout
    return f"Linux {kernel}, commit {os.environ.get('NV_COMMIT') or commit.strip() or 'unknown'}"


def print_rpc(results, rpc, out):
    cases = results.cases[rpc]
    uses = [case.removeprefix(rpc).strip() for case in cases]
    out.append(f"\n### {rpc}\n")
    out.append("| point | " + " | ".join(uses) + " |")
    out.append("|---|" + "---|" * len(uses))
    for program, point in results.rows(rpc):
        met = results.met[rpc, program, point]
        cells = ["".join(letter for letter in LETTERS.values() if (case, letter) in met) for case in cases]
        out.append(f"| `{point}` | " + " | ".join(cells) + " |")


def print_elsewhere(results, out):
    """Return: points that nobody answers for."""
    lost, by_reason = [], collections.defaultdict(list)
    for point in results.unmet():
        reason = next((why for pattern, why in ELSEWHERE if re.match(pattern, point)), None)
        by_reason[reason].append(point) if reason else lost.append(point)
    out.append("\n## Points that none of these calls passes\n")
    for reason, points in by_reason.items():
        out.append(f"- {len(points)} points: {reason}")
    return lost


def page(results):
    points = {(program, point) for _, program, point in results.met}
    minutes = results.seconds / 60
    out = [
        "# What if something dies at this very place?",
        "",
        "Every step that changes something outside the process has a fault point before it, after each of its changes",
        "and after it, and so has every answer. Here each RPC met a fault at each point that it passes, on a real",
        "kernel, with `nvmetcp-target`, `nvmetcp-controller` and `nvmetcp-node`; then the killed program was started",
        "again, the call repeated as the sidecars and kubelet do, or taken back as by those who need it no more. In the",
        "end the checksums of the volume's data were right, and exports, kernel controllers, mounts, processes and files",
        "were counted: nothing left, nothing gone. `test/fault/matrix.py` says how; this page is written by",
        "`test/fault/page.py`.",
        "",
        f"{datetime.date.today()}, {versions()}: {len(points)} points, {len(results.cases)} RPCs in "
        f"{sum(map(len, results.cases.values()))} uses, {results.faults} faults in {results.ladders} volume lives, all as "
        f"promised, in {minutes:.0f} minutes on an emulated machine.",
        "",
        "K: the program was killed there, or the child that does the step (`helper`); F: the step failed; R: it failed for",
        "good; D: the answer was lost; then the call was repeated. k, f, d: then it was taken back instead. An empty field:",
        "the call does not pass there in this use.",
    ]
    for rpc in results.cases:
        print_rpc(results, rpc, out)
    lost = print_elsewhere(results, out)
    return "\n".join(out) + "\n", lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text, lost = page(Results(options.results))
    if options.write:
        with open(PAGE, "w") as f:
            f.write(text)
    else:
        sys.stdout.write(text)
    if lost:
        sys.exit(f"no RPC met these points, and ELSEWHERE does not know them: {' '.join(lost)}")


if __name__ == "__main__":
    main()
