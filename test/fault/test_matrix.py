# SPDX-License-Identifier: Apache-2.0
"""The whole fault matrix, with NV_ALL=1 (hack/test --all fault) only. What it printed is in
build/vm/*/fault-matrix.jsonl; `test/fault/page.py FILE --write` makes docs/fault-matrix.md of it."""

import os

import pytest
import run_matrix


@pytest.mark.skipif(os.environ.get("NV_ALL") != "1", reason="takes hours: hack/test --all fault")
def test_matrix():
    outcome = run_matrix.run()
    outcome.check()
    print(f"{outcome.faults} faults")
    assert outcome.faults > 1000
