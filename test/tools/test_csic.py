# SPDX-License-Identifier: Apache-2.0
"""csic at the prompt: what it says and its exit status where no plugin answers."""

import os
import subprocess

CSIC = os.environ["CSIC"]


def csic(*arguments, stdin=""):
    done = subprocess.run([CSIC, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def refuses(words, *arguments, stdin=""):
    status, out, err = csic(*arguments, stdin=stdin)
    assert (status, out) == (2, "")
    assert words in err


def test_help_names_every_option():
    status, out, _ = csic("--help")
    assert status == 0
    for option in ("--socket", "--timeout", "--wait", "--list", "--help"):
        assert option in out


def test_list_has_all_services():
    status, out, _ = csic("--list")
    assert status == 0
    names = {line.split("/")[0] for line in out.splitlines()}
    assert names == {"csi.v1.Identity", "csi.v1.Controller", "csi.v1.GroupController", "csi.v1.SnapshotMetadata",
                     "csi.v1.Node", "pluginregistration.Registration"}
    assert "csi.v1.Node/NodeStageVolume" in out.splitlines()


def test_wrong_arguments():
    refuses("--help")
    refuses("--socket: is missing", "Probe")
    refuses("Nope: is not known", "-s", "/x", "Nope")
    refuses("streams its answers", "-s", "/x", "csi.v1.SnapshotMetadata/GetMetadataDelta")
    refuses("--timeout", "-s", "/x", "-t", "0", "Probe")
    refuses("--timeout", "-s", "/x", "-t", "1.5", "Probe")
    refuses("absolute path", "-s", "relative", "Probe")
    refuses("at most one request", "-s", "/x", "Probe", "{}", "{}")
    refuses("--help", "--no-such-option")


def test_wrong_requests():
    refuses("line 1", "-s", "/x", "Probe", "{")
    refuses("duplicate", "-s", "/x", "DeleteVolume", '{"volume_id": "a", "volume_id": "b"}')
    refuses('no field "volume"', "-s", "/x", "DeleteVolume", '{"volume": "a"}')
    refuses("volume_id: must be a string", "-s", "/x", "/csi.v1.Controller/DeleteVolume", '{"volume_id": 1}')
    refuses("volume_id: must be a string", "-s", "/x", "csi.v1.Controller/DeleteVolume", "-", stdin='{"volume_id": 1}')


def test_nobody_there(tmp_path):
    status, out, err = csic("-s", f"unix://{tmp_path}/csi.sock", "Probe")
    assert (status, out) == (1, "")
    assert err.startswith("UNAVAILABLE: ")
    status, _, err = csic("-s", f"{tmp_path}/csi.sock", "--wait", "-t", "1", "Probe")
    assert status == 1
    assert err.startswith("DEADLINE_EXCEEDED: ")
