# SPDX-License-Identifier: Apache-2.0
"""Metrics as programs print them, read."""

import collections
import re

import driver

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$', re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def samples(text):
    """[(name, labels, value)]"""
    return [(name, dict(LABEL.findall(labels)), float(value)) for name, labels, value in SAMPLE.findall(text)]


def value(text, name):
    """Of a metric without labels."""
    found = [number for each, labels, number in samples(text) if each == name and not labels]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def operations(text, metric):
    """{(method, code): (count, seconds)} of one histogram of CSI calls, those of this driver: sidecars serve several."""
    found = collections.defaultdict(lambda: [0, 0.0])
    for name, labels, number in samples(text):
        if labels.get("driver_name") == driver.NAME and name in (f"{metric}_count", f"{metric}_sum"):
            method = labels["method_name"].rpartition("/")[2]
            found[method, labels["grpc_status_code"]][name.endswith("_sum")] += number
    return {key: (int(count), seconds) for key, (count, seconds) in found.items()}
