#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside a VM: each RPC meets a fault at each point that it passes, and what is left is counted.

Which points an RPC passes is learned by a call that is traced. They are then taken like the rungs
of a ladder: what the case arranges; the call with a fault armed at one point; the program started
again if that killed it; the call once more with the fault at the next point; and so on, until the
call is repeated without one. In "back" ladders the call is taken back after each fault instead, as
by a caller who needs it no more. Then comes the rest of the volume's life, its data is compared,
and everything on the machine is counted. A call that no longer passes a point, as the work before
it was done by an earlier one, ends its ladder, and the next begins with that point.

For each ladder a line "@@{...}" is printed. The first that fails is the last, as nothing can be said
of a machine with leaks; --single makes each point a ladder of its own, to tell which it is.
"""

import argparse
import collections
import re
import subprocess
import sys
import time

sys.path.insert(0, "/src/test/vm/lib")
import cases  # noqa: E402
import driver  # noqa: E402
import machine  # noqa: E402

# What the target does by itself, and after a start.
BACKGROUND = ("Tick", "OpenPorts", "BringUp", "Attach", "Recover", "Trim", "LayDown")
FINAL = "FAILED_PRECONDITION"

Point = collections.namedtuple("Point", "program name passage trigger")
Point.__str__ = lambda self: self.name + (f"#{self.passage}" if self.passage > 1 else "") + (
    f" after {self.trigger}" if self.trigger else "")


class Kind(collections.namedtuple("Kind", "action way")):
    """Of ladder."""

    def __str__(self):
        return f"{self.action}, {self.way}"

    def armed(self, point):
        action = {"refuse": f"fail:{FINAL}"}.get(self.action, self.action)
        text = f"{point.name}={action}@{point.passage}"
        return f"{point.trigger}=fail:{FINAL}@1,{text}" if point.trigger else text

    def takes(self, case, point):
        if self.way == "back" and not case.backs:
            return False
        if self.action == "kill":
            return True
        if point.name.endswith(".answer") or self.action == "drop":
            return point.name.endswith(".answer") and self.action == "drop"
        if self.action == "refuse":
            # A refusal after the work would be a lie of the test's own.
            return case.refused_at and not point.trigger and not point.name.endswith(".done")
        return point.passage == 1

    def kills(self, point):
        """Does the program end, or only a child of it?"""
        return self.action == "kill" and not point.name.startswith("helper.")


KINDS = [Kind("kill", "again"), Kind("fail", "again"), Kind("drop", "again"), Kind("refuse", "again"),
         Kind("kill", "back"), Kind("fail", "back"), Kind("drop", "back")]


class Matrix:
    def __init__(self, options):
        self.options = options
        self.programs = machine.Programs()

    # Which points there are

    @staticmethod
    def mine(case, program, name):
        operation = name.partition(".")[0]
        if program == "nvmetcp-node":
            return case.program == "node" and operation in (case.rpc, "helper")
        if program == "nvmetcp-controller":
            return case.program == "controller" and operation == case.rpc
        return case.program == "controller" and operation not in BACKGROUND

    def points(self, case):
        """In the order of their passage; those of the target as often as they are passed."""
        case.arrange()
        traced = self.programs.trace(case.call)
        case.finish(True)
        found = []
        for program, names in traced.items():
            passages = collections.Counter()
            for name in names:
                passages[name] += 1
                if self.mine(case, program, name) and (passages[name] == 1 or program == "nvmetcp-target"):
                    found.append(Point(program, name, passages[name], None))
        return found + (self.points_of_undo(case, {point.name for point in found}) if case.refused_at else [])

    def points_of_undo(self, case, known):
        trigger = f"{case.rpc}.{case.refused_at}"
        node = self.programs.all["nvmetcp-node"]
        case.arrange()
        node.arm(f"*=trace,{trigger}=fail:{FINAL}")
        code = machine.once(case.call)
        node.disarm()
        assert code == FINAL, f"{trigger} failed for good, but the call ended with {code}"
        names = dict.fromkeys(node.traced())
        machine.retried(case.call)
        case.finish(True)
        return [Point(node.name, name, 1, trigger) for name in names
                if name not in known and self.mine(case, node.name, name)]

    # A ladder

    @staticmethod
    def judge(case, kind, point, code, before):
        """Is it right what the call with the fault said?"""
        assert code in machine.NOT_FINAL or kind.action == "refuse" or point.trigger, \
            f"a final code, {code}, for what may have been done"
        if code not in machine.NOT_FINAL:
            left = machine.left_since(before, case.undoes)
            assert not left, f"{code} is final, and yet: {left}"

    def call_until_met(self, case, program):
        """The call, repeated while something else is in its way, as a portal that failed a moment ago.
        Return: its code, and whether the point was passed."""
        end = time.monotonic() + machine.STARVED
        while True:
            code = machine.once(case.call)
            met = bool(program.traced())
            if met or code == "OK" or (self.at.trigger and code == FINAL):
                return code, met
            assert code in machine.NOT_FINAL, f"a final code, {code}, with no fault met"
            assert time.monotonic() < end, f"{code} again and again, and {self.at} was not passed"
            time.sleep(0.2)

    def meet(self, case, kind, point, before):
        """One call with one fault. Return: was the point passed?"""
        program = self.programs.all[point.program]
        program.arm(f"{point.name}=trace@{point.passage},{kind.armed(point)}")
        code, met = self.call_until_met(case, program)
        if met and kind.kills(point):
            assert code != "OK", f"OK, and {program.name} was killed"
            machine.until(f"{program.name} to be killed at {point}, the call ended with {code}", program.is_dead)
        program.disarm()
        program.revive()
        if met and code != "OK":
            self.judge(case, kind, point, code, before)
        return met

    def take_back(self, case, before):
        machine.retried(case.back)
        left = machine.left_since(before, case.undoes)
        assert not left, f"taken back, and yet: {left}"

    @staticmethod
    def promised(case, base):
        """What an OK says is so now, and not after a while."""
        left = machine.left_since(base, case.promise)
        assert not left, f"it said OK, and yet: {left}"

    def ladder(self, case, kind, points):
        """Climb as far as it goes. Return: how many of the points were passed."""
        base = machine.counted()
        case.arrange()
        case.prepare()
        before = machine.counted()
        climbed = 0
        for self.at in points:
            if not self.meet(case, kind, self.at, before):
                self.promised(case, base)
                break
            climbed += 1
            if kind.way == "back":
                self.take_back(case, before)
        done = kind.way == "again" or climbed < len(points)
        if done:
            machine.retried(case.call)
            self.promised(case, base)
        case.finish(done)
        left = machine.same_as(base)
        assert not left, f"at the end of it all: {left}"
        return climbed

    def climb(self, case, kind, points):
        """All points, in as many ladders as it takes."""
        while points:
            chosen = points[:1] if self.options.single else points
            self.at = chosen[0]
            began = time.monotonic()
            result = {"case": case.name, "rpc": case.rpc, "action": kind.action, "way": kind.way}
            try:
                climbed = self.ladder(case, kind, chosen)
            except (AssertionError, driver.CsiError, machine.Failed, OSError, subprocess.SubprocessError) as failure:
                machine.line(**result, ok=False, at=str(self.at), points=[str(point) for point in chosen],
                             text=f"{type(failure).__name__}: {failure}")
                raise SystemExit(3) from None
            machine.line(**result, ok=True, seconds=round(time.monotonic() - began, 1),
                         points=[[point.program, str(point)] for point in chosen[:climbed]])
            if climbed == 0:
                # As with a device that came at once, this time.
                machine.line(missed=str(chosen[0]), **result)
            points = points[max(climbed, 1):]

    # All

    def run_case(self, case):
        case.begin()
        points = [point for point in self.points(case) if re.search(self.options.points, str(point))]
        for kind in KINDS:
            if re.search(self.options.kinds, str(kind)) and f"{case.name}, {kind}" not in self.options.done:
                self.climb(case, kind, [point for point in points if kind.takes(case, point)])
                machine.line(done=f"{case.name}, {kind}")
        case.end()

    def run(self):
        everything = machine.counted()
        for make, fs in cases.ALL:
            case = make(self.programs, fs)
            if re.search(self.options.cases, case.name):
                self.run_case(case)
        left = machine.same_as(everything)
        assert not left, f"after all cases: {left}"
        self.programs.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", metavar="REGEX", help="these only, as in \"NodeStageVolume ext4\"")
    parser.add_argument("--kinds", default="", metavar="REGEX", help="these ladders only, as in \"kill, again\"")
    parser.add_argument("--points", default="", metavar="REGEX", help="these points only")
    parser.add_argument("--single", action="store_true", help="a ladder for each point")
    parser.add_argument("--done", metavar="FILE", help="ladders to leave out, a line each: CASE, ACTION, WAY")
    options = parser.parse_args()
    if options.done:
        with open(options.done) as f:
            options.done = f.read().splitlines()
    else:
        options.done = []
    matrix = Matrix(options)
    for name, program in matrix.programs.all.items():
        machine.line(program=name, table=program.points())
    matrix.run()
    machine.line(end=True)


if __name__ == "__main__":
    main()
