#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a target to the facts that are known of SPDK, method by method.

Usage: factcheck.py --socket PATH --release YY.MM [--control PATH] [--only WORD] [--list]

The target may be the double or a real one: nothing here knows the double's code. It must have an empty
lvol store "lvs0" of at least 200 MiB with clusters of 4 MiB, and the TCP transport; ports 4420 to 4440
of 127.0.0.1 are bound. Everything else in it is DELETED before each fact. Without --control the facts
that need to make the target write or fail are left out.

A fact is a row: a state to begin with, one call, what it must answer, and what must hold afterwards.
The rows are in facts_*.py. One line is printed for each row that does not hold; status 1 if any.
"""

import argparse
import json
import re
import socket
import sys

MIB = 1 << 20


class RpcFailed(Exception):
    def __init__(self, error):
        super().__init__("%s %s" % (error["code"], error["message"]))
        self.code, self.message = error["code"], error["message"]


class Client:
    """JSON-RPC on a Unix socket, one request at a time."""

    def __init__(self, path, timeout=20.0):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.buffer, self.count = b"", 0

    def close(self):
        self.sock.close()

    def send(self, value):
        self.sock.sendall(value if isinstance(value, bytes) else json.dumps(value).encode())

    def receive(self):
        """The next answer; EOFError when the connection ends."""
        while b"\n" not in self.buffer:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(self.buffer)
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, params=None):
        self.count += 1
        request = {"jsonrpc": "2.0", "id": self.count, "method": method}
        if params is not None:
            request["params"] = params
        self.send(request)
        answer = self.receive()
        if answer["id"] != self.count:
            raise AssertionError("the answer to request %d has the id %r" % (self.count, answer["id"]))
        if "error" in answer:
            raise RpcFailed(answer["error"])
        return answer["result"]


class Control:
    """The control channel of the double."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.file = self.sock.makefile("r")

    def close(self):
        self.file.close()
        self.sock.close()

    def do(self, name, **words):
        self.sock.sendall((json.dumps({"do": name, **words}) + "\n").encode())
        answer = json.loads(self.file.readline())
        if "failed" in answer:
            raise AssertionError("control channel: %s: %s" % (name, answer["failed"]))
        return answer["ok"]


class R:
    """R[n]: the result of the n-th step of the state to begin with."""

    def __init__(self, number):
        self.number = number

    def __class_getitem__(cls, number):
        return cls(number)


def ok(value=True):
    return ("ok", value)


def err(code, message):
    return ("err", code, message)


def uuid(value):
    return bool(re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", value))


def absent(*names):
    """An object without these."""
    return lambda value: not set(names) & set(value)


def exactly(*names):
    """An object with these and no others."""
    return lambda value: set(value) == set(names)


def both(*wanted):
    return lambda value: all(matches(each, value) for each in wanted)


def matches(wanted, value):
    """A dict: these must be there so; a list: element by element; a function decides; else equal."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(key in value and matches(each, value[key]) for key, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(value, list) and len(value) == len(wanted) and all(map(matches, wanted, value))
    if callable(wanted):
        return bool(wanted(value))
    return type(wanted) is type(value) and wanted == value


class Row:
    """given: steps (method, params); a method that begins with @ goes to the control channel.
    then: steps (method, params, what it must answer)."""

    def __init__(self, name, method, params, expect, given=(), then=(), since=(0, 0), until=(99, 0)):
        self.name, self.method, self.params, self.expect = name, method, params, expect
        self.given, self.then, self.since, self.until = given, then, since, until
        steps = [step[0] for step in given] + [step[0] for step in then]
        self.needs_control = any(step.startswith("@") for step in steps)


class Checker:
    def __init__(self, client, release, control=None):
        self.client, self.release, self.control = client, release, control

    def words(self, value, results):
        """The params of a row as this release wants them: "@MiB" is the size."""
        if isinstance(value, R):
            return results[value.number]
        if isinstance(value, list):
            return [self.words(each, results) for each in value]
        if not isinstance(value, dict):
            return value
        out = {key: self.words(each, results) for key, each in value.items()}
        if "@MiB" in out:
            mib = out.pop("@MiB")
            out.update({"size": mib * MIB} if self.release < (23, 9) else {"size_in_mib": mib})
        return out

    def step(self, method, params, results):
        params = self.words(params, results)
        if method.startswith("@"):
            return self.control.do(method[1:], **(params or {}))
        return self.client.call(method, params)

    def lvols(self):
        return [each for each in self.client.call("bdev_get_bdevs") if each["product_name"] == "Logical Volume"]

    def clean(self):
        if self.control:
            self.control.do("clear")
        for each in self.client.call("nvmf_get_subsystems"):
            if each["subtype"] == "NVMe":
                self.client.call("nvmf_delete_subsystem", {"nqn": each["nqn"]})
            for address in each["listen_addresses"] if each["subtype"] != "NVMe" else ():
                address.pop("transport", None)
                self.client.call("nvmf_subsystem_remove_listener", {"nqn": each["nqn"], "listen_address": address})
        if self.release >= (24, 5):
            for each in self.client.call("keyring_get_keys"):
                self.client.call("keyring_file_remove_key", {"name": each["name"]})
        left = self.lvols()
        while left:
            for each in left:
                try:
                    self.client.call("bdev_lvol_delete", {"name": each["name"]})
                except RpcFailed:
                    continue  # a snapshot with clones: in the next round they are gone
            fewer = self.lvols()
            if len(fewer) == len(left):
                raise AssertionError("these lvols cannot be deleted: %s" % [each["aliases"] for each in left])
            left = fewer

    def answer(self, method, params, results):
        try:
            return ok(self.step(method, params, results))
        except RpcFailed as e:
            return err(e.code, e.message)

    def holds(self, row):
        """"" or what is wrong."""
        self.clean()
        results = []
        for number, (method, params) in enumerate(row.given):
            try:
                results.append(self.step(method, params, results))
            except RpcFailed as e:
                return "step %d, %s: %s" % (number, method, e)
        steps = [(row.method, row.params, row.expect), *row.then]
        for method, params, expect in steps:
            got = self.answer(method, params, results)
            same = matches(self.words(expect[1], results), got[1]) if got[0] == expect[0] == "ok" else got == expect
            if not same:
                return "%s %s answered %s" % (method, json.dumps(self.words(params, results)), json.dumps(got[1:]))
        return ""

    def fits(self, row):
        return row.since <= self.release < row.until and (self.control or not row.needs_control)

    def check(self, rows):
        """[(row, what is wrong)] of those that do not hold."""
        wrong = [(row, self.holds(row)) for row in rows if self.fits(row)]
        self.clean()
        return [(row, why) for row, why in wrong if why]


def all_rows():
    import facts_general
    import facts_lvol
    import facts_nvmf
    return facts_general.ROWS + facts_lvol.ROWS + facts_nvmf.ROWS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--control")
    parser.add_argument("--release", required=True, metavar="YY.MM")
    parser.add_argument("--only", default="", help="rows with this in their name or method")
    parser.add_argument("--list", action="store_true", help="only print them")
    args = parser.parse_args()
    release = tuple(int(part) for part in args.release.split("."))
    rows = [row for row in all_rows() if args.only in row.name or args.only in row.method]
    if args.list:
        for row in rows:
            print("%-40s %s" % (row.method, row.name))
        return 0
    checker = Checker(Client(args.socket), release, Control(args.control) if args.control else None)
    rows = [row for row in rows if checker.fits(row)]
    wrong = checker.check(rows)
    for row, why in wrong:
        print("%s: %s" % (row.name, why))
    print("%d facts, %d do not hold" % (len(rows), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    import factcheck  # the module that the rows know, not a second one of the same text
    sys.exit(factcheck.main())
