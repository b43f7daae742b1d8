# SPDX-License-Identifier: Apache-2.0
"""What hack/vm does: boot one VM, run one script in it, show its output, return its status."""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="hack/vm")
    parser.add_argument("--memory", type=int, default=2048, metavar="MIB")
    parser.add_argument("--disk", action="append", default=[], metavar="MIB", type=int)
    parser.add_argument("--out", metavar="DIR")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if not args.command:
        parser.error("give a script or a command to run in the VM")
    began = time.monotonic()
    with vm.Lab(args.out) as lab:
        print(f"[{time.monotonic() - began:4.0f}s] booting", file=sys.stderr)
        guest = lab.vm("vm", memory=args.memory, disks={str(i): size for i, size in enumerate(args.disk)})
        print(f"[{time.monotonic() - began:4.0f}s] booted, running {' '.join(args.command)}", file=sys.stderr)
        try:
            status, _ = guest.run(args.command, timeout=args.timeout, check=False, live=True)
        except vm.Failed as failure:
            print(failure, file=sys.stderr)
            status = 124
        print(f"[{time.monotonic() - began:4.0f}s] ended with {status}; files in {guest.out}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
