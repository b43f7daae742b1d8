#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands that a test sends to its VM.

The channel is a virtio-serial port with one JSON object a line, apart from any network, so that
tests may cut every link. In: {"id", "argv", "input"}. Out: {"id", "out"} while the command
prints, then {"id", "rc"}. Commands run side by side; {"id": 0} ends the agent.
"""

import base64
import glob
import json
import subprocess
import threading


def find_port(name):
    for path in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(path) as f:
            if f.read().strip() == name:
                return "/dev/" + path.split("/")[-2]
    raise SystemExit("no virtio port named " + name)


class Agent:
    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()

    def send(self, **message):
        rest = memoryview(json.dumps(message).encode() + b"\n")
        with self.lock:
            # The kernel takes 32 KiB of it at once (drivers/char/virtio_console.c).
            while rest:
                rest = rest[self.port.write(rest):]

    def run(self, request):
        try:
            child = subprocess.Popen(
                request["argv"],
                cwd="/src",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self.send(id=request["id"], out=base64.b64encode(str(error).encode()).decode())
            self.send(id=request["id"], rc=127)
            return
        while data := child.stdout.read1(65536):
            self.send(id=request["id"], out=base64.b64encode(data).decode())
        self.send(id=request["id"], rc=child.wait())

    def serve(self):
        self.send(id=0, rc=0)
        for line in self.port:
            request = json.loads(line)
            if request["id"] == 0:
                return
            threading.Thread(target=self.run, args=(request,), daemon=True).start()


def main():
    with open(find_port("nv.agent"), "r+b", buffering=0) as raw:
        Agent(raw).serve()


if __name__ == "__main__":
    main()
