# SPDX-License-Identifier: Apache-2.0
"""Every test that asks for `objects` runs once with each set of values."""

import chart
import pytest


@pytest.fixture(params=sorted(chart.SETS))
def values(request):
    return request.param


@pytest.fixture
def objects(values):
    return chart.render(values)
