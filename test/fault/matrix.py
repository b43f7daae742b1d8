#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside a VM: each RPC is made to fail at each fault point that it passes, repeated, and what is
left is counted.

Which points an RPC passes is learned by a call that is traced. A round is: what the case arranges,
the call with a fault armed at one point, the program started again if that killed it, the call
repeated until it is OK (or taken back, as by a caller who needs it no more), then the rest of the
volume's life with its data compared, and everything on the machine counted. For each round a line
"@@{...}" is printed. It ends at the first failure, as nothing can be said of a machine with leaks.
"""

import argparse
import collections
import itertools
import re
import sys
import time

sys.path.insert(0, "/src/test/vm/lib")
import cases  # noqa: E402
import driver  # noqa: E402
import machine  # noqa: E402

# What the target does by itself, and after a start.
BACKGROUND = ("Tick", "OpenPorts", "BringUp", "Attach", "Recover", "Trim", "LayDown")
FINAL = "FAILED_PRECONDITION"

Fault = collections.namedtuple("Fault", "program point passage action way trigger")


def actions_at(case, point, passage):
    if point.endswith(".answer"):
        return ("kill", "drop")
    if passage > 1:
        return ("kill",)
    # A refusal after the work would be a lie of the test's own.
    refused = case.program == "node" and case.undoes and not point.endswith(".done")
    return ("kill", "fail", "refuse") if refused else ("kill", "fail")


def ways(case):
    return ("again", "back") if case.backs else ("again",)


class Matrix:
    def __init__(self, options):
        self.options = options
        self.programs = machine.Programs()
        self.by_name = {program.name: program for program in self.programs.all()}

    # Which points there are

    def mine(self, case, name, point):
        operation = point.partition(".")[0]
        if name == "nvmetcp-node":
            return case.program == "node" and operation in (case.rpc, "helper")
        if name == "nvmetcp-controller":
            return case.program == "controller" and operation == case.rpc
        return case.program == "controller" and operation not in BACKGROUND

    def passed(self, case, passed):
        """[(program, point, passage)], each once."""
        found = {}
        for name, points in passed.items():
            for point in points:
                if self.mine(case, name, point):
                    passage = found.get((name, point), 0) + 1
                    found[name, point] = passage
        return [(name, point, n) for (name, point), most in found.items()
                for n in range(1, (most if name == "nvmetcp-target" else 1) + 1)]

    def faults(self, case):
        case.arrange()
        traced = self.passed(case, self.programs.trace(case.call))
        case.finish(True)
        for name, point, passage in traced:
            for action, way in itertools.product(actions_at(case, point, passage), ways(case)):
                yield Fault(name, point, passage, action, way, None)
        if case.refused_at:
            yield from self.faults_of_undo(case, {point for _, point, _ in traced})

    def faults_of_undo(self, case, known):
        trigger = f"{case.rpc}.{case.refused_at}"
        node = self.programs.node
        case.arrange()
        self.programs.arm(node, f"*=trace,{trigger}=fail:{FINAL}")
        code = machine.once(case.call)
        self.programs.disarm(node)
        assert code == FINAL, f"{trigger} failed for good, but the call ended with {code}"
        path = self.programs.armed_by(node) + ".trace"
        with open(path) as f:
            points = f.read().split()
        open(path, "w").close()
        machine.retried(case.call)
        case.finish(True)
        for point in dict.fromkeys(points):
            if point not in known and self.mine(case, node.name, point):
                for action, way in itertools.product(("kill", "fail"), ways(case)):
                    yield Fault(node.name, point, 1, action, way, trigger)

    # A round

    def arm(self, fault):
        words = {"refuse": f"fail:{FINAL}"}.get(fault.action, fault.action)
        text = f"{fault.point}={words}@{fault.passage}"
        if fault.trigger:
            text = f"{fault.trigger}=fail:{FINAL}@1,{text}"
        self.programs.arm(self.by_name[fault.program], text)

    def settle(self, fault):
        """What was to be killed is dead, and started again."""
        program = self.by_name[fault.program]
        if fault.action == "kill" and not fault.point.startswith("helper."):
            machine.until(f"{program.name} to be killed at {fault.point}", lambda: self.programs.is_dead(program), 20)
        self.programs.disarm(program)
        self.programs.revive()

    @staticmethod
    def judge(fault, code, before):
        """What the first call may have said."""
        if code == "OK":
            # A step that only leaves a hint may fail; what was not answered cannot have been OK.
            assert fault.action in ("fail", "refuse") or fault.point.startswith("helper."), \
                f"the call was OK, although it met {fault.action}"
        elif code in machine.NOT_FINAL:
            pass
        else:
            assert fault.action == "refuse" or fault.trigger, f"a final code, {code}, for what may have been done"
            left = machine.same_as(before, timeout=5)
            assert not left, f"{code} is final, and yet: {left}"

    def round(self, case, fault, base):
        case.arrange()
        before = machine.counted()
        self.arm(fault)
        code = machine.once(case.call)
        self.settle(fault)
        self.judge(fault, code, before)
        if fault.way == "back":
            machine.retried(case.back)
            if case.undoes:
                left = machine.same_as(before)
                assert not left, f"taken back, and yet: {left}"
        else:
            machine.retried(case.call)
        case.finish(fault.way == "again")
        left = machine.same_as(base)
        assert not left, f"at the end of it all: {left}"
        return code

    # All

    def wanted(self, name):
        return name not in self.options.done and re.search(self.options.only, name)

    def run_case(self, case):
        case.begin()
        # Also what stays behind for good is there from the first round on.
        for fault in list(self.faults(case)):
            base = machine.counted()
            name = " ".join([case.name, fault.point + (f"#{fault.passage}" if fault.passage > 1 else ""),
                             fault.action, fault.way])
            if not self.wanted(name):
                continue
            began = time.monotonic()
            result = {"name": name, "case": case.name, "rpc": case.rpc, **fault._asdict()}
            try:
                result["code"] = self.round(case, fault, base)
            except (AssertionError, driver.CsiError, machine.Failed, OSError) as failure:
                machine.line(**result, ok=False, text=f"{type(failure).__name__}: {failure}")
                raise SystemExit(3) from None
            machine.line(**result, ok=True, seconds=round(time.monotonic() - began, 2))
        case.end()

    def run(self):
        everything = machine.counted()
        for kind, fs in cases.ALL:
            case = kind(self.programs, fs)
            if re.search(self.options.cases, case.name):
                self.run_case(case)
        left = machine.same_as(everything)
        assert not left, f"after all cases: {left}"
        self.programs.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", metavar="REGEX", help="of these cases only, by name")
    parser.add_argument("--only", default="", metavar="REGEX", help="of these rounds only, by name")
    parser.add_argument("--done", metavar="FILE", help="names of rounds to leave out, a line each")
    options = parser.parse_args()
    options.done = set(open(options.done).read().splitlines()) if options.done else set()
    matrix = Matrix(options)
    for program in matrix.programs.all():
        machine.line(program=program.name, points=matrix.programs.points(program))
    matrix.run()
    machine.line(end=True)


if __name__ == "__main__":
    main()
