# SPDX-License-Identifier: Apache-2.0
"""The part of the fault matrix that runs with every change: kills on the way up and down, lost
answers, and what is taken back."""

import run_matrix


def test_kills_on_the_node():
    outcome = run_matrix.run("--cases", "^NodeStageVolume new ext4$|^NodeUnstageVolume (ext4|block)$",
                             "--kinds", "^kill, again$")
    outcome.check()
    # A build without fault points has none; each step has two.
    assert outcome.faults > 50


def test_lost_answers():
    outcome = run_matrix.run("--kinds", "^drop", "--points", "answer",
                             "--cases", "^(CreateVolume|ControllerPublish|ControllerUnpublish|DeleteVolume)")
    outcome.check()
    assert outcome.faults >= 10
