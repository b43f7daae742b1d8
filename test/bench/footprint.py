# SPDX-License-Identifier: Apache-2.0
"""How large the plugins are: stripped size, resident memory, processes, threads, time to answer.

Release build, idle, as they come; printed as a table. The time to the first answer is from exec to
the answer of one GetPluginInfo, less what the same call costs against a plugin that is warm.
"""

import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(TOP, "build/release/bin")
RUNS = 9


def stripped_size(name, work):
    path = os.path.join(work, name)
    shutil.copy(os.path.join(BIN, name), path)
    subprocess.run(["strip", path], check=True)
    return os.path.getsize(path)


def family(pid):
    pids = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path) as f:
            for child in f.read().split():
                pids += family(int(child))
    return pids


def status(pid, key):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise SystemExit(f"no {key} in /proc/{pid}/status")


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def ask(socket):
    began = time.monotonic()
    done = subprocess.run([f"{BIN}/csic", "--socket", socket, "--timeout", "10", "GetPluginInfo"],
                          capture_output=True, check=False)
    return time.monotonic() - began if done.returncode == 0 else None


def start(arguments, socket):
    """Start a plugin. Return: the process and the seconds until its socket took a call."""
    began = time.monotonic()
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(socket):
        if process.poll() is not None:
            raise SystemExit(f"{arguments[0]} ended with {process.returncode}")
        time.sleep(0.0005)
    while ask(socket) is None:
        if time.monotonic() - began > 10:
            raise SystemExit(f"{arguments[0]} does not answer")
    return process, time.monotonic() - began


def measure(name, arguments, socket):
    times, call = [], []
    for run in range(RUNS):
        process, took = start([os.path.join(BIN, name), *arguments], socket)
        call.append(statistics.median(filter(None, (ask(socket) for _ in range(5)))))
        times.append(took - call[-1])
        if run == RUNS - 1:
            pids = family(process.pid)
            rss = [status(p, "VmRSS") for p in pids]
            share = sum(pss(p) for p in pids)
            threads = sum(status(p, "Threads") for p in pids)
        process.terminate()
        process.wait()
    return {"processes": len(pids), "threads": threads, "rss_kib": rss, "pss_kib": share,
            "first_answer_ms": round(statistics.median(times) * 1000, 1)}


def main():
    work = tempfile.mkdtemp()
    config = os.path.join(work, "controller.json")
    with open(config, "w") as f:
        json.dump({"instance": "bench", "backends": [
            {"name": "linux", "type": "linux", "url": f"unix://{work}/none.sock", "pool": "pool"}]}, f)
    os.makedirs(os.path.join(work, "state"))
    os.makedirs(os.path.join(work, "reg"))
    plugins = {
        "nvmetcp-controller": (["--config", config, "--endpoint", f"unix://{work}/c.sock"], f"{work}/c.sock"),
        "nvmetcp-node": (["--endpoint", f"unix://{work}/n.sock", "--state-dir", f"{work}/state", "--instance",
                          "bench", "--node-name", "bench", "--kubelet-registration-dir", f"{work}/reg"],
                         f"{work}/n.sock"),
    }
    print(f"{'program':20} {'stripped':>10} {'processes':>9} {'threads':>7} {'RSS KiB':>14} {'PSS KiB':>8} {'first answer':>12}")
    for name, (arguments, socket) in plugins.items():
        got = measure(name, arguments, socket)
        print(f"{name:20} {stripped_size(name, work) / 1e6:7.1f} MB {got['processes']:9} {got['threads']:7} "
              f"{'+'.join(map(str, got['rss_kib'])):>14} {got['pss_kib']:8} {got['first_answer_ms']:9} ms")
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
