# SPDX-License-Identifier: Apache-2.0
"""This very machine with the interface of vm.VM, so that driver.py serves in it, too; and the three
programs on it, whose fault points are armed while they run."""

import argparse
import json
import os
import subprocess
import sys
import time

import driver

sys.path.insert(0, "/src/test/checker")
import nvcheck  # noqa: E402

FAULTS = "/run/faults"
TREES = (driver.KUBELET, "/srv/pool")
# Killed with what a program did, or hung: what is left of it would be found by these names.
NAMES = ("nvmetcp-node", "mkfs.ext4", "mkfs.xfs", "e2fsck", "xfs_repair", "resize2fs", "xfs_growfs")
NOT_FINAL = ("ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE")


class Failed(Exception):
    """A command ended with another status than 0."""


class Machine:
    name = "here"

    def run(self, command, timeout=300, check=True):
        argv = command if isinstance(command, list) else ["/bin/bash", "-c", command]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise Failed(f"{command!r} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout if check else (done.returncode, done.stdout)

    def wait_for(self, command, timeout=60, what=None):
        end = time.monotonic() + timeout
        while True:
            status, output = self.run(command, check=False)
            if status == 0:
                return output
            if time.monotonic() > end:
                raise Failed(f"not within {timeout} s: {what or command}\n{output}")
            time.sleep(0.05)


def until(what, condition, timeout=60):
    """Poll a condition of this machine that has no event to wait for."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.05)


class Programs:
    """Target, controller and node plugin on one machine."""

    def __init__(self):
        os.makedirs(FAULTS, exist_ok=True)
        self.vm = Machine()
        self.target = driver.target(self.vm, options={"gate": "none"})
        self.controller = driver.controller(self.vm)
        self.node = driver.node(self.vm)
        for program in self.all():
            self.start(program)

    def all(self):
        return (self.target, self.controller, self.node)

    @staticmethod
    def armed_by(program):
        return f"{FAULTS}/{program.name}"

    def start(self, program):
        program.start(f"NVMETCP_FAULTS=@{self.armed_by(program)}")

    def points(self, program):
        """The program's own table."""
        return self.vm.run([f"{driver.BIN}/{program.name}", "--fault-points"]).split()

    def arm(self, program, what):
        # In place by rename: a program must not read half of it.
        path = self.armed_by(program)
        with open(path + ".new", "w") as f:
            f.write(what)
        os.rename(path + ".new", path)

    def disarm(self, program):
        if os.path.exists(self.armed_by(program)):
            os.unlink(self.armed_by(program))

    def trace(self, action):
        """What each program passed while action() ran: {program's name: [point, ...]}, in order."""
        passed = {}
        for program in self.all():
            self.arm(program, "*=trace")
        try:
            action()
        finally:
            for program in self.all():
                self.disarm(program)
                path = self.armed_by(program) + ".trace"
                passed[program.name] = []
                if os.path.exists(path):
                    with open(path) as f:
                        passed[program.name] = f.read().split()
                    os.unlink(path)
        return passed

    @staticmethod
    def is_dead(program):
        try:
            with open(f"/proc/{program.pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    def revive(self):
        """Start again what was killed, as systemd and kubelet do. Return: what that was."""
        dead = [program for program in self.all() if self.is_dead(program)]
        for program in dead:
            self.start(program)
        return [program.name for program in dead]

    def stop(self):
        for program in reversed(self.all()):
            program.stop()


def once(call):
    """One call: "OK", or its code."""
    try:
        call()
        return "OK"
    except driver.CsiError as error:
        return error.code


def retried(call, timeout=120):
    """A call as the sidecars and kubelet repeat it; whatever is final in it ends the round."""
    end = time.monotonic() + timeout
    while True:
        try:
            return call()
        except driver.CsiError as error:
            assert error.code in NOT_FINAL, f"the repeated call ended for good: {error}"
            assert time.monotonic() < end, f"the repeated call did not succeed within {timeout} s: {error}"
        time.sleep(0.2)


def counted():
    """Everything there is, by the checker that knows nothing of the driver."""
    return nvcheck.take(argparse.Namespace(tree=TREES, name=NAMES))


def same_as(before, timeout=30):
    """What is left or gone since `before`, after a while for what ends in the background."""
    end = time.monotonic() + timeout
    while True:
        lines = nvcheck.compare(before, counted())
        if not lines or time.monotonic() > end:
            return lines
        time.sleep(0.2)


def line(**fields):
    """A line of results, for whoever reads this program's output."""
    print("@@" + json.dumps(fields), flush=True)
