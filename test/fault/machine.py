# SPDX-License-Identifier: Apache-2.0
"""This very machine with the interface of vm.VM, so that driver.py serves in it, too; and the three
programs on it, whose fault points are armed while they run."""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import driver

sys.path.insert(0, "/src/test/checker")
import nvcheck  # noqa: E402

# The gate is switched off here, and asking for it takes a program's start each time.
nvcheck.firewall = tuple

FAULTS = "/run/faults"
TREES = (driver.KUBELET, "/srv/pool")
# Killed with what a program did, or hung: what is left of it would be found by these names.
NAMES = ("nvmetcp-node", "mkfs.ext4", "mkfs.xfs", "e2fsck", "xfs_repair", "resize2fs", "xfs_growfs")
# How long a program may take beyond its own deadline where the machine has other things to do.
STARVED = 300
NOT_FINAL = ("ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE")


class Failed(Exception):
    """A command ended with another status than 0."""


class Machine:
    name = "here"

    def run(self, command, timeout=300, check=True):
        argv = command if isinstance(command, list) else ["/bin/bash", "-c", command]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout + STARVED, check=False)
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


def until(what, condition, timeout=STARVED):
    """Poll a condition of this machine that has no event to wait for."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.05)


class Started:
    """A program of driver.py's, started by this process itself: its end is known at once, and no
    shell is in between, of which hundreds of rounds would be half the time."""

    def __init__(self, program):
        self.program = program
        self.name = program.name
        self.faults = f"{FAULTS}/{self.name}"
        self.child = None

    def start(self):
        with open(f"/out/{self.name}.log", "a") as log:
            self.child = subprocess.Popen(
                [f"{driver.BIN}/{self.name}", *self.program.arguments.split()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, env={**os.environ, "NVMETCP_FAULTS": f"@{self.faults}"})
        until(f"{self.name} to listen", self._listens)

    def _listens(self):
        assert self.child.poll() is None, f"{self.name} ended at its start with {self.child.returncode}"
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.program.socket)
                return True
            except OSError:
                return False

    def is_dead(self):
        return self.child.poll() is not None

    def revive(self):
        """As systemd and kubelet do, which look only at how it ended."""
        if self.is_dead():
            assert self.child.returncode == -signal.SIGKILL, f"{self.name} ended with {self.child.returncode}"
            self.start()

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(60) == 0, f"{self.name} ended with {self.child.returncode}"

    def points(self):
        """The program's own table."""
        return subprocess.run([f"{driver.BIN}/{self.name}", "--fault-points"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.split()

    def arm(self, what):
        # By rename: the program must not read half of it.
        with open(self.faults + ".new", "w") as f:
            f.write(what)
        os.rename(self.faults + ".new", self.faults)

    def disarm(self):
        if os.path.exists(self.faults):
            os.unlink(self.faults)

    def traced(self):
        """What was passed while trace was armed, and forget it."""
        path = self.faults + ".trace"
        if not os.path.exists(path):
            return []
        with open(path) as f:
            points = f.read().split()
        os.unlink(path)
        return points


class Programs:
    """Target, controller and node plugin on one machine. .target and so on are driver.py's."""

    def __init__(self):
        os.makedirs(FAULTS, exist_ok=True)
        vm = Machine()
        self.target = driver.target(vm, options={"gate": "none"})
        self.controller = driver.controller(vm)
        self.node = driver.node(vm)
        self.all = {program.name: Started(program) for program in (self.target, self.controller, self.node)}
        for program in self.all.values():
            program.start()

    def trace(self, action):
        """What each program passed while action() ran: {program's name: [point, ...]}, in order."""
        for program in self.all.values():
            program.arm("*=trace")
        try:
            action()
        finally:
            for program in self.all.values():
                program.disarm()
        return {name: program.traced() for name, program in self.all.items()}

    def stop(self):
        for program in reversed(self.all.values()):
            program.stop()


def once(call):
    """One call: "OK", or its code."""
    try:
        call()
        return "OK"
    except driver.CsiError as error:
        return error.code


def retried(call, timeout=STARVED):
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


def left_since(before, kind):
    """What there is more than then, at this very moment, of what the regular expression says; None: nothing."""
    lines = nvcheck.compare(before, counted()) if kind else []
    return [line for line in lines if line.startswith("left:") and re.search(kind, line)]


def line(**fields):
    """A line of results, for whoever reads this program's output."""
    print("@@" + json.dumps(fields), flush=True)
