# SPDX-License-Identifier: Apache-2.0
"""What a call costs on an SPDK target with few and with many volumes, and what memory the controller then takes.

A double of the target has 10, 100 and 1,000 volumes, all published, and half as many snapshots. At each of
these numbers the life of one more volume and its snapshot is gone through a few times: requests to the target and
bytes of its answers by call, as they are counted there, and the middle of the times that the controller measured. For
people to read: `hack/bench spdk`. The times are those of a double in Python on a shared machine: compare the columns
of one line with each other. Over HTTP the numbers are smaller, since the proxy parses a list again with each KiB.
"""

import socket
import statistics
import urllib.request

import meter
import plugins
import pytest
import samples
from running import Double

LIVES = 3
COUNTS = {"unix": (10, 100, 1000), "http": (10, 100, 300)}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class TimedMeter(meter.Meter):
    """Also keeps the milliseconds of each call, in the order of the calls."""

    def __init__(self, double, controller, address):
        super().__init__(double, controller)
        self.address, self.times = address, []

    def _spent(self, rpc):
        with urllib.request.urlopen("http://%s/metrics" % self.address) as answer:
            return samples.operations(answer.read().decode(), "csi_plugin_operations_seconds").get((rpc, "OK"), (0, 0.0))

    def measure(self, rpc, request):
        count, seconds = self._spent(rpc)
        measured = super().measure(rpc, request)
        count_after, seconds_after = self._spent(rpc)
        assert count_after == count + 1
        self.times.append((seconds_after - seconds) * 1000)
        return measured


class Table:
    """what -> count of volumes -> [(requests, bytes, ms)]"""

    def __init__(self, counts):
        self.counts, self.lines = counts, {}

    def add(self, what, count, cost, ms):
        self.lines.setdefault(what, {}).setdefault(count, []).append((cost.count, cost.bytes, ms))

    def print(self):
        for title, pick, form in (("requests of one call", 0, "%9d"), ("KB of their answers", 1, "%9.1f"),
                                  ("ms", 2, "%9.1f")):
            print("\n%-36s" % (title + ", while there are") + "".join("%9d" % count for count in self.counts) + "  volumes")
            for what, found in self.lines.items():
                values = [statistics.median(each[pick] for each in found[count]) / (1000 if pick == 1 else 1)
                          for count in self.counts]
                print("%-36s" % what + "".join(form % value for value in values))


def add_life(pool, table, count):
    pool.times.clear()
    costs = pool.life()
    for (what, cost), ms in zip(costs.items(), pool.times, strict=True):
        table.add(what, count, cost, ms)


def add_list(pool, table, count):
    """All volumes at once, by entry."""
    pool.times.clear()
    answer, cost = pool.measure("ListVolumes", {})
    entries = len(answer["entries"])
    assert entries == count
    table.add("ListVolumes, all, per entry", count, meter.Cost(cost.requests, cost.bytes / entries),
              pool.times[0] / entries)


def show_memory(pool, when):
    now, most = pool.controller.rss()
    print("RSS of nvmetcp-controller, %s: %.1f MiB, at most %.1f MiB" % (when, now / 1024, most / 1024), flush=True)


@pytest.mark.parametrize("way", ["unix", "http"])
def test_cost(way, tmp_path):
    double = Double(tmp_path, *plugins.PROXY, store="lvs0:1T")
    address = "127.0.0.1:%d" % free_port()
    pool = TimedMeter(double, plugins.controller(tmp_path, double, way, ["--http-address", address]), address)
    table = Table(COUNTS[way])
    try:
        print("\nSPDK over " + way)
        show_memory(pool, "nothing there")
        for count in COUNTS[way]:
            pool.fill(count, count // 2)
            show_memory(pool, "%d volumes and %d snapshots there" % (count, count // 2))
            for _ in range(LIVES):
                add_life(pool, table, count)
            add_list(pool, table, count)
            show_memory(pool, "these lived and all listed")
        table.print()
    finally:
        pool.controller.stop()
        double.stop()
