#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of this tree that no compiler knows: include edges, banned calls, the step rule, sizes.

Usage: rules.py LAYERS FILE...     LAYERS is layers.txt of a build folder

Prints one line a finding, "file:line: rule: text", and ends with status 1 when there is any.
"""

import os
import re
import sys

# A file of tests is a list, and may be longer.
MAX_LINES = 600
MAX_LINES_OF_TESTS = 800

# Each of these has a safer twin in common/base or a bound that it does not take.
BANNED = {
    "sprintf": "use snprintf or strbuf", "vsprintf": "use vsnprintf or strbuf",
    "strcpy": "use strbuf or snprintf", "strcat": "use strbuf", "strncat": "use strbuf",
    "strncpy": "use snprintf", "strtok": "use strsep or parse_*", "atoi": "use parse_i64",
    "atol": "use parse_i64", "atoll": "use parse_i64", "strtol": "use parse_i64",
    "strtoul": "use parse_u64", "strtoll": "use parse_i64", "strtoull": "use parse_u64",
    "sscanf": "use parse_*", "system": "use spawn_run", "popen": "use spawn_run",
    "gets": "use fgets", "alloca": "use an arena", "fork": "use spawn_run", "vfork": "use spawn_run",
    "sleep": "wait for an event with a deadline", "usleep": "wait for an event with a deadline",
    "nanosleep": "wait for an event with a deadline",
}
# The one file that may.
BANNED_ALLOWED = {
    "common/base/parse.c": {"strtoll", "strtoull", "strtol", "strtoul"},
    "common/base/helper.c": {"fork"},  # the one process that forks; it has no threads
}

# Third-party headers and the only folder of the product that may include them.
THIRD_PARTY = {
    "grpc/": "common/rpc", "jansson.h": "common/json", "curl/": "common/http",
    "microhttpd.h": "common/http", "gnutls/": "common/http", "libmount": "node/mount", "blkid": "node/block",
    "libudev.h": "node/nvme", "libkmod.h": "node/nvme", "libnvme.h": "node/nvme", "nvme/": "node/nvme",
}

# What changes the world: a function that calls one of these must have been given a step.
WORLD = ("mount", "umount", "umount2", "move_mount", "mnt_context_mount", "mnt_context_umount",
         "mknod", "mknodat", "symlink", "symlinkat", "attr_write", "FICLONE", "BLKROSET", "BLKDISCARD")
PRODUCT = ("controller/", "node/", "target/")
TESTS = "test/"


def read_layers(path):
    """Folder -> set of folders that it may include, from the words of the CMake files."""
    names, uses = {}, {}
    with open(path) as f:
        for line in f:
            left, _, right = line.partition(":")
            name, folder = left.split()
            names[name] = folder
            uses[folder] = right.split()
    names["proto"] = "proto"
    return {folder: {folder} | {names[u] for u in used if u in names} for folder, used in uses.items()}


def functions(lines):
    """(first line of the signature, signature, [(number, line) of the body]) of each function."""
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            first = i - 1
            while first > 0 and lines[first - 1] and lines[first - 1][0] not in "}#/ *;":
                first -= 1
            start = (i, "\n".join(lines[first:i]))
        elif line == "}" and start:
            begin, signature = start
            yield begin + 1, signature, list(enumerate(lines[begin + 1:i], begin + 2))
            start = None


def strip(text):
    """The text without comments and strings, the line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


class Checker:
    def __init__(self, layers):
        self.layers = layers
        self.findings = []

    def say(self, path, line, rule, text):
        self.findings.append(f"{path}:{line}: {rule}: {text}")

    def includes(self, path, lines):
        folder = os.path.dirname(path)
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            kind, name = match.groups()
            if kind == '"' and folder in self.layers:
                target = os.path.dirname(name)
                if target not in self.layers[folder]:
                    self.say(path, number, "layer", f"{folder} may not include {name}: "
                             f"it uses {', '.join(sorted(self.layers[folder] - {folder})) or 'nothing'}")
            for prefix, only in THIRD_PARTY.items():
                if name.startswith(prefix) and folder != only and not path.startswith(TESTS):
                    self.say(path, number, "third-party", f"{name} belongs to {only}")

    def calls(self, path, lines):
        for number, line in enumerate(lines, 1):
            for name in re.findall(r"(?<![\w.>])([a-z_0-9]+)\s*\(", line):
                if name in BANNED and name not in BANNED_ALLOWED.get(path, ()):
                    if path.startswith(TESTS) and name in ("system", "fork"):
                        continue
                    self.say(path, number, "banned", f"{name}(): {BANNED[name]}")

    def steps(self, path, lines):
        if not path.startswith(PRODUCT):
            return
        words = re.compile(r"(?<![\w.>])(" + "|".join(WORLD) + r")\b(\s*\(|\s*,)")
        for _, signature, body in functions(lines):
            if "struct step *" in signature:
                continue
            for number, line in body:
                match = words.search(line)
                if match:
                    self.say(path, number, "step", f"{match.group(1)} changes the world: this function "
                             "must take `const struct step *in`")

    def check(self, path, text):
        if path.endswith((".c", ".h")):
            count = text.count("\n")
            limit = MAX_LINES_OF_TESTS if path.startswith(TESTS) else MAX_LINES
            if count > limit:
                self.say(path, count, "size", f"{count} lines, {limit} are allowed: split it by idea")
            if "SPDX-License-Identifier: Apache-2.0" not in text[:200]:
                self.say(path, 1, "header", "starts without the SPDX line")
            lines = strip(text).split("\n")
            self.includes(path, text.split("\n"))
            self.calls(path, lines)
            self.steps(path, lines)
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not path.startswith("test/lint/"):
                self.say(path, number, "todo", "finish it, or say why not in words")
            if line != line.rstrip():
                self.say(path, number, "space", "white space at the end of the line")
        return self


def main():
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 2
    checker = Checker(read_layers(sys.argv[1]))
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            checker.check(path, f.read())
    print("\n".join(checker.findings) if checker.findings else "rules: nothing found", file=sys.stderr)
    return 1 if checker.findings else 0


if __name__ == "__main__":
    sys.exit(main())
