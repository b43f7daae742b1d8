# SPDX-License-Identifier: Apache-2.0
"""A controller with a double of SPDK's target behind it."""

import contextlib

import meter
import plugins
import pytest
from running import Double


@pytest.fixture
def pool(tmp_path):
    with contextlib.ExitStack() as ends:
        double = Double(tmp_path, store="lvs0:16G", http=False)
        ends.callback(double.stop)
        pool = meter.Meter(double, plugins.controller(tmp_path, double))
        ends.callback(lambda: pool.controller.stop())  # the one that is there then
        yield pool
        assert double.left() == []
