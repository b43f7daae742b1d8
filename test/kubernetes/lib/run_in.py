# SPDX-License-Identifier: Apache-2.0
"""run_in.py VM COMMAND: the other end of serve.py's socket; prints what the command prints."""

import json
import socket
import sys


def main():
    with socket.socket(socket.AF_UNIX) as s, s.makefile("rw") as stream:
        s.connect("/src/build/cluster/run.sock")
        stream.write(json.dumps({"name": sys.argv[1], "command": " ".join(sys.argv[2:]), "timeout": 600}) + "\n")
        stream.flush()
        answer = json.loads(stream.readline())
    sys.stdout.write(answer["out"])
    return answer["rc"]


if __name__ == "__main__":
    sys.exit(main())
