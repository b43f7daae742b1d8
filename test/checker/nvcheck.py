#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what is in a machine, to tell what a test left behind.

  nvcheck.py take [--tree DIR]... [--name NAME]...  >before.json
  nvcheck.py compare before.json [--tree DIR]... [--name NAME]...

It reads only what the kernel and the file systems show (configfs, sysfs, mountinfo, /proc, nft,
folders) and knows nothing of the driver. `compare` prints one line for each thing that is there
now and was not before ("left: ..."), or that has gone ("gone: ..."), and ends with status 1 if
there is any. --tree counts every file below DIR (a pool, a state folder, the kubelet folder);
--name counts processes of that name, zombies too, and the NVMe devices that they hold open.
"""

import argparse
import glob
import json
import os
import subprocess
import sys

NVMET = "/sys/kernel/config/nvmet"


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def exports():
    """What the kernel target offers: subsystems, namespaces, hosts, grants and port links."""
    for kind, pattern in (
        ("export subsystem", "subsystems/*"), ("export namespace", "subsystems/*/namespaces/*"),
        ("export grant", "subsystems/*/allowed_hosts/*"), ("export host", "hosts/*"),
        ("export link", "ports/*/subsystems/*"),
    ):
        for path in glob.glob(f"{NVMET}/{pattern}"):
            yield f"{kind} {os.path.relpath(path, NVMET)}"


def controllers():
    """What this machine is connected to, and the disks that came of it."""
    for path in glob.glob("/sys/class/nvme/nvme*"):
        if read(path + "/transport") != "pcie":
            yield f"controller {read(path + '/subsysnqn')} {read(path + '/address')}"
    for path in glob.glob("/sys/class/nvme-subsystem/nvme-subsys*"):
        yield f"nvme subsystem {read(path + '/subsysnqn')}"
    for path in glob.glob("/sys/block/nvme*"):
        yield f"nvme disk {read(path + '/wwid')}"


def mounts():
    """Mounts of NVMe devices and of anything below a kubelet folder, by place."""
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        where, source = left.split()[4], right.split()[1]
        if "nvme" in source or "nvme" in left.split()[3] or "/kubelet/" in where or "/csi" in where:
            yield f"mount {where} from {source}"


def block_leftovers():
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        yield f"loop device of {read(path)}"
    for path in glob.glob("/sys/block/dm-*/dm/name"):
        yield f"device-mapper {read(path)}"


def firewall():
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
    for line in tables.stdout.splitlines():
        yield f"nft {line.strip()}"


def processes(names):
    """Processes by name, and what NVMe devices or deleted files they still hold."""
    for path in glob.glob("/proc/[0-9]*"):
        name = read(path + "/comm")
        if name not in names:
            continue
        state = read(path + "/stat").rpartition(")")[2].split()[:1]
        yield f"process {name}{' (zombie)' if state == ['Z'] else ''}"
        for fd in glob.glob(path + "/fd/*"):
            try:
                target = os.readlink(fd)
            except OSError:
                continue
            if target.startswith("/dev/nvme") and target != "/dev/nvme-fabrics" or "memfd:" in target:
                yield f"open {target} in {name}"


def files(trees):
    for tree in trees:
        for folder, folders, names in os.walk(tree):
            for name in folders + names:
                yield f"file {os.path.join(folder, name)}"


def take(args):
    counts = {}
    for source in (exports(), controllers(), mounts(), block_leftovers(), firewall(),
                   processes(set(args.name)), files(args.tree)):
        for item in source:
            counts[item] = counts.get(item, 0) + 1
    return counts


def compare(before, now):
    lines = []
    for item in sorted(set(before) | set(now)):
        more = now.get(item, 0) - before.get(item, 0)
        if more:
            times = f" ({abs(more)} times)" if abs(more) > 1 else ""
            lines.append(f"{'left' if more > 0 else 'gone'}: {item}{times}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("take", "compare"))
    parser.add_argument("before", nargs="?")
    parser.add_argument("--tree", action="append", default=[])
    parser.add_argument("--name", action="append", default=[])
    args = parser.parse_args()
    now = take(args)
    if args.verb == "take":
        json.dump(now, sys.stdout, indent=0, sort_keys=True)
        return 0
    if not args.before:
        parser.error("compare needs the file that take wrote")
    with open(args.before) as f:
        lines = compare(json.load(f), now)
    print("\n".join(lines) if lines else f"nothing left ({len(now)} things counted)")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
