# SPDX-License-Identifier: Apache-2.0
"""SPDK's own client and command line, as they are in PyPI, drive the double. They know nothing of us.

The wheel comes from hack/pytools and is used as it is; nothing is installed.
"""

import json
import os
import pathlib
import sys

import pytest

WHEEL = pathlib.Path(os.environ.get("NVMETCP_CACHE", "/nonexistent"), "python", "spdk-26.9-py3-none-any.whl")
NQN = "nqn.2024-01.io.example:a"
HOST = "nqn.2024-01.io.example:h"

if not WHEEL.exists():
    assert not os.environ.get("CI"), "%s is missing: hack/pytools fetches it" % WHEEL
    pytest.skip("%s is missing: hack/pytools fetches it" % WHEEL, allow_module_level=True)
sys.path.insert(0, str(WHEEL))

from spdk import spdk_rpc  # noqa: E402
from spdk.rpc.client import JSONRPCClient, JSONRPCException  # noqa: E402


@pytest.fixture
def client(double):
    with JSONRPCClient(double.socket, timeout=20) as found:
        yield found


def code_of(failed):
    return json.loads(failed.value.message.partition("response:\n")[2])["code"]


def test_the_life_of_a_volume(client):
    ident = client.bdev_lvol_create(lvol_name="v", size_in_mib=8, thin_provision=True, lvs_name="lvs0")
    snapshot = client.bdev_lvol_snapshot(lvol_name=ident, snapshot_name="s")
    clone = client.bdev_lvol_clone(snapshot_name=snapshot, clone_name="c")
    assert client.bdev_get_bdevs(name="lvs0/c")[0]["uuid"] == clone
    with pytest.raises(JSONRPCException) as failed:
        client.bdev_lvol_delete(name=snapshot)
    assert code_of(failed) == -32603
    assert client.bdev_lvol_decouple_parent(name=clone) is True
    assert client.bdev_lvol_delete(name=snapshot) is True
    assert client.bdev_lvol_resize(name=ident, size_in_mib=12) is True
    assert client.nvmf_create_subsystem(nqn=NQN, serial_number="S", max_namespaces=1) is True
    assert client.nvmf_subsystem_add_ns(nqn=NQN, namespace={"bdev_name": ident}) == 1
    assert client.nvmf_subsystem_add_host(nqn=NQN, host=HOST) is True
    assert client.nvmf_get_subsystems(nqn=NQN)[0]["namespaces"][0]["uuid"] == ident
    assert client.nvmf_delete_subsystem(nqn=NQN) is True
    assert client.bdev_lvol_delete(name=ident) is True
    assert client.bdev_lvol_delete(name=clone) is True
    assert [each["is_snapshot"] for each in client.bdev_lvol_get_lvols()] == []


def test_a_batch(double):
    with JSONRPCClient(double.socket, timeout=20, batch_mode=True) as client:
        results, errors = client.call_batch([{"method": "spdk_get_version"}, {"method": "none"}])
    assert results[0]["fields"]["major"] == 26 and [each["code"] for each in errors] == [-32601]


def test_the_command_line(double, monkeypatch, capsys):
    def command(double, *words):
        """What spdk-rpc prints; an error would end it with SystemExit."""
        monkeypatch.setattr(sys, "argv", ["spdk-rpc", "-s", double.socket, *words])
        spdk_rpc.main()
        return capsys.readouterr().out.strip()

    ident = command(double, "bdev_lvol_create", "-l", "lvs0", "-t", "v", "10")
    command(double, "bdev_set_qos_limit", ident, "--rw-ios-per-sec", "1500")
    bdev = json.loads(command(double, "bdev_get_bdevs", "-b", "lvs0/v"))[0]
    assert bdev["num_blocks"] * bdev["block_size"] == 12 << 20
    assert bdev["assigned_rate_limits"]["rw_ios_per_sec"] == 2000
    command(double, "nvmf_create_subsystem", NQN, "-s", "S1", "-r", "-m", "2")
    command(double, "nvmf_subsystem_add_ns", NQN, ident, "-n", "2", "-a", "1", "-i")
    command(double, "nvmf_ns_add_host", NQN, "2", HOST)
    command(double, "nvmf_subsystem_add_host", NQN, HOST)
    command(double, "nvmf_subsystem_add_listener", NQN, "-t", "tcp", "-f", "ipv4", "-a", "127.0.0.1", "-s", "4420")
    command(double, "nvmf_subsystem_listener_set_ana_state", NQN, "-t", "tcp", "-f", "ipv4", "-a", "127.0.0.1", "-s", "4420",
            "-n", "inaccessible", "-g", "1")
    states = json.loads(command(double, "nvmf_subsystem_get_listeners", NQN))[0]["ana_states"]
    assert [each["ana_state"] for each in states] == ["inaccessible", "optimized"]
    assert json.loads(command(double, "nvmf_get_subsystems", NQN))[0]["namespaces"][0]["nsid"] == 2
    assert len(json.loads(command(double, "framework_get_config", "nvmf"))) >= 6
