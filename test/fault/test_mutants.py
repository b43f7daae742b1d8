# SPDX-License-Identifier: Apache-2.0
"""The matrix finds what it is there to find: each of these changes to the source makes it red, at
the place and for the reason that is said here."""

import os

import mutate
import pytest
import run_matrix

pytestmark = pytest.mark.skipif(os.environ.get("NV_ALL") != "1", reason="six machines: hack/test --all fault")
HERE = os.path.dirname(os.path.abspath(__file__))
# The change; which ladders meet it; what they find.
MUTANTS = [
    # A fence is skipped: the host's export is still there when Unpublish says OK.
    ("no-fence", "^ControllerUnpublishVolume", "^fail, again$", "export"),
    # The record is written after the connection, not before: a plugin killed in between forgets it.
    ("record-after-connect", "^NodeStageVolume block$", "^kill, back$", "controller"),
    # The error of a disconnect is not looked at: Unstage says OK with the connection there.
    ("disconnect-ignored", "^NodeUnstageVolume block$", "^fail, again$", "controller"),
]


@pytest.mark.parametrize("name, cases, kinds, finding", MUTANTS)
def test_a_mutant_is_found(name, cases, kinds, finding):
    mutate.make(f"{HERE}/mutations/{name}.patch", f"mutant-{name}")
    outcome = run_matrix.run("--cases", cases, "--kinds", kinds, preset=f"mutant-{name}", timeout=3000)
    assert outcome.failed, f"{name}: {outcome.faults} faults, and none made a difference"
    assert finding in outcome.failed["text"], outcome.failed


@pytest.mark.parametrize("cases, kinds", sorted({(cases, kinds) for _, cases, kinds, _ in MUTANTS}))
def test_the_same_ladders_hold_without_it(cases, kinds):
    run_matrix.run("--cases", cases, "--kinds", kinds, timeout=3000).check()
