# SPDX-License-Identifier: Apache-2.0
"""The process behind hack/cluster: holds a cluster up until it is told to end, and runs commands in
its VMs on behalf of `hack/cluster run`, over a Unix socket in the cluster's folder."""

import argparse
import concurrent.futures
import json
import os
import queue
import signal
import socket
import sys
import threading

import cluster
import vm as lab


def act(machine, request, main_thread):
    """Run a command in a VM, or do to its power what "power" says: off, on."""
    if "power" not in request:
        status, output = machine.run(request["command"], timeout=request["timeout"], check=False)
        return {"rc": status, "out": output}
    done = concurrent.futures.Future()
    # A VM ends with the thread that started it.
    main_thread.put((machine.kill if request["power"] == "off" else machine.start, done))
    done.result()
    return {"rc": 0, "out": ""}


def serve_one(machines, connection, main_thread):
    with connection, connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        machine = machines.get(request["name"])
        if machine is None:
            answer = {"rc": 1, "out": f"no VM '{request['name']}'; there are: {', '.join(machines)}\n"}
        else:
            try:
                answer = act(machine, request, main_thread)
            except (lab.Failed, SystemExit) as failure:
                answer = {"rc": 1, "out": f"{failure}\n"}
        json.dump(answer, stream)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--stores", default="file", type=lambda text: text.split(","),
                        help="kinds of pools, a storage server for each: file, lvmthin")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--driver", choices=("yes", "no"), default="yes", help="helm install it, too")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    path = os.path.join(options.folder, "run.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    main_thread = queue.SimpleQueue()
    with cluster.Cluster(nodes=options.nodes, stores=options.stores, out=options.folder, on_vm=lambda c: threading.Thread(
            target=accept, args=(listener, c, main_thread), daemon=True).start()) as members:
        state = "ready"
        if options.driver == "yes":
            try:
                print(members.install_driver(), file=sys.stderr)
            except AssertionError as failure:
                # It stays up, for a person to look at.
                state = "failed"
                print(f"{failure}\nlogs: {members.collect_logs()}", file=sys.stderr)
        with open(os.path.join(options.folder, state), "w") as f:
            json.dump({machine.name: machine.number for machine in members.lab.vms}, f)
        while True:
            call, done = main_thread.get()
            try:
                done.set_result(call())
            except (Exception, SystemExit) as failure:  # it is the other thread's to tell
                done.set_exception(lab.Failed(str(failure), "", None))


def accept(listener, members, main_thread):
    while True:
        connection, _ = listener.accept()
        machines = {machine.name: machine for machine in members.lab.vms}
        threading.Thread(target=serve_one, args=(machines, connection, main_thread), daemon=True).start()


if __name__ == "__main__":
    main()
