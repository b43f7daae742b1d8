# SPDX-License-Identifier: Apache-2.0
"""What a restart, a kill and a lost disk leave: the lvols always, the exports never."""

import json
import os

import factcheck
import pytest
from running import until

NQN = "nqn.2024-01.io.example:a"
HOST = "nqn.2024-01.io.example:h"


def fill(double):
    client, control = double.client(), double.control()
    ident = client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 40, "thin_provision": True})
    control.do("write", lvol="lvs0/v", clusters=3)
    client.call("bdev_lvol_snapshot", {"lvol_name": "lvs0/v", "snapshot_name": "s"})
    control.do("write", lvol="lvs0/v", clusters=[2, 5])
    client.call("bdev_lvol_clone", {"snapshot_name": "lvs0/s", "clone_name": "c"})
    client.call("bdev_set_qos_limit", {"name": "lvs0/v", "rw_ios_per_sec": 2000})
    client.call("nvmf_create_subsystem", {"nqn": NQN})
    client.call("nvmf_subsystem_add_ns", {"nqn": NQN, "namespace": {"bdev_name": ident}})
    client.call("nvmf_subsystem_add_host", {"nqn": NQN, "host": HOST})
    client.call("nvmf_subsystem_add_listener", {
        "nqn": NQN, "listen_address": {"trtype": "TCP", "traddr": "127.0.0.1", "trsvcid": "4420"}})
    return {each["alias"]: each for each in client.call("bdev_lvol_get_lvols")}, client.call("bdev_lvol_get_lvstores")


def look(double):
    client = double.client()
    return ({each["alias"]: each for each in client.call("bdev_lvol_get_lvols")}, client.call("bdev_lvol_get_lvstores"))


def exports(double):
    return [each["nqn"] for each in double.client().call("nvmf_get_subsystems") if each["subtype"] == "NVMe"]


def kill(double):
    double.kill()
    double.start()


def restart(double):
    double.control().do("restart")


@pytest.mark.parametrize("again", [kill, restart])
def test_lvols_stay_exports_go(double, again):
    before = fill(double)
    again(double)
    assert look(double) == before
    assert exports(double) == []
    client = double.client()
    assert client.call("bdev_get_bdevs", {"name": "lvs0/v"})[0]["assigned_rate_limits"]["rw_ios_per_sec"] == 0
    assert [each["trtype"] for each in client.call("nvmf_get_transports")] == ["TCP"]
    assert client.call("nvmf_create_subsystem", {"nqn": NQN}) is True
    assert client.call("nvmf_subsystem_add_ns", {"nqn": NQN, "namespace": {"bdev_name": "lvs0/v"}}) == 1


def test_the_divergence_of_the_exports_is_seen(run):
    double = run("--diverge", "exports-survive")
    fill(double)
    restart(double)
    assert exports(double) == [NQN]


def test_a_restart_ends_all_connections_and_what_is_under_way(double):
    client, control = double.client(), double.control()
    control.do("fault", method="bdev_lvol_create", when="during", act="hold")
    client.send({"jsonrpc": "2.0", "id": 1, "method": "bdev_lvol_create",
                 "params": {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True}})
    until(lambda: control.do("calls").get("bdev_lvol_create"))
    control.do("restart")
    with pytest.raises(EOFError):
        client.receive()
    control.do("release")
    assert look(double)[0] == {}


def test_before_the_stores_are_examined_no_volume_is_there(double):
    before = fill(double)
    control = double.control()
    control.do("restart", examine=False)
    client, waiter = double.client(), double.client()
    assert client.call("bdev_lvol_get_lvstores") == [] and client.call("bdev_get_bdevs") == []
    with pytest.raises(factcheck.RpcFailed, match="-19 No such device"):
        client.call("bdev_get_bdevs", {"name": "lvs0/v"})
    with pytest.raises(factcheck.RpcFailed, match="-19 No such device"):
        client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4})
    waiter.send({"jsonrpc": "2.0", "id": 1, "method": "bdev_wait_for_examine"})
    until(lambda: control.do("calls").get("bdev_wait_for_examine"))
    control.do("examine")
    assert waiter.receive()["result"] is True
    assert look(double) == before


def test_a_wait_for_a_bdev_ends_when_it_comes(double):
    client, waiter, control = double.client(), double.client(), double.control()
    waiter.send({"jsonrpc": "2.0", "id": 1, "method": "bdev_get_bdevs", "params": {"name": "lvs0/v", "timeout": 15000}})
    until(lambda: control.do("calls").get("bdev_get_bdevs"))
    ident = client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True})
    assert waiter.receive()["result"][0]["name"] == ident


def test_a_store_that_is_pulled_takes_its_namespaces_along(double):
    before = fill(double)
    control = double.control()
    control.do("offline", store="lvs0")
    client = double.client()
    assert client.call("bdev_lvol_get_lvstores") == []
    assert client.call("nvmf_get_subsystems", {"nqn": NQN})[0]["namespaces"] == []
    control.do("online", store="lvs0")
    assert look(double) == before
    assert client.call("nvmf_get_subsystems", {"nqn": NQN})[0]["namespaces"] == []


def test_a_snapshot_without_clones_is_listed_as_one_until_the_restart(double):
    client = double.client()
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True})
    client.call("bdev_lvol_snapshot", {"lvol_name": "lvs0/v", "snapshot_name": "s"})
    client.call("bdev_lvol_delete", {"name": "lvs0/v"})
    assert look(double)[0]["lvs0/s"]["is_snapshot"] is True
    restart(double)
    assert look(double)[0]["lvs0/s"]["is_snapshot"] is False
    client = double.client()
    assert not client.call("bdev_get_bdevs", {"name": "lvs0/s"})[0]["supported_io_types"]["write"]
    assert client.call("bdev_lvol_clone", {"snapshot_name": "lvs0/s", "clone_name": "c"})


def test_a_name_that_rename_should_have_refused_is_lost_at_the_restart(double):
    client = double.client()
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 40})
    free = client.call("bdev_lvol_get_lvstores")[0]["free_clusters"]
    assert client.call("bdev_lvol_rename", {"old_name": "lvs0/v", "new_name": "n" * 64}) is True
    restart(double)
    lvols, stores = look(double)
    assert lvols == {} and stores[0]["free_clusters"] == free


def test_a_full_pool(double):
    client, control = double.client(), double.control()
    total = client.call("bdev_lvol_get_lvstores")[0]["total_data_clusters"]
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 8 * total, "thin_provision": True})
    control.do("foreign", store="lvs0", clusters=total - 2)
    assert control.do("write", lvol="lvs0/v", clusters=5) == 3
    assert client.call("bdev_lvol_get_lvstores")[0]["free_clusters"] == 0
    with pytest.raises(factcheck.RpcFailed, match="-32602 No space left on device"):
        client.call("bdev_lvol_inflate", {"name": "lvs0/v"})
    control.do("discard", lvol="lvs0/v", clusters=1)
    assert client.call("bdev_lvol_get_lvstores")[0]["free_clusters"] == 1


def test_a_store_of_its_own_comes_back_with_its_file(run, tmp_path):
    double = run(store=None)
    disk = tmp_path / "disk"
    disk.touch()
    os.truncate(disk, 64 << 20)
    client = double.client()
    aio = {"name": "aio0", "filename": str(disk), "block_size": 512}
    assert client.call("bdev_aio_create", aio) == "aio0"
    ident = client.call("bdev_lvol_create_lvstore", {"bdev_name": "aio0", "lvs_name": "l", "cluster_sz": 1 << 20})
    with pytest.raises(factcheck.RpcFailed, match="-17 File exists"):
        client.call("bdev_lvol_create_lvstore", {"bdev_name": "aio0", "lvs_name": "l"})
    client.call("bdev_lvol_create", {"lvs_name": "l", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True})
    kill(double)
    assert look(double) == ({}, [])
    client = double.client()
    client.call("bdev_aio_create", aio)
    assert set(look(double)[0]) == {"l/v"} and look(double)[1][0]["uuid"] == ident
    os.truncate(disk, 128 << 20)
    client.call("bdev_aio_rescan", {"name": "aio0"})
    client.call("bdev_lvol_grow_lvstore", {"lvs_name": "l"})
    assert look(double)[1][0]["total_data_clusters"] == 127
    assert client.call("bdev_aio_delete", {"name": "aio0"}) is True
    assert look(double) == ({}, [])


def test_a_torn_last_line_of_the_state_is_dropped(double):
    client = double.client()
    for name in ("a", "b"):
        client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": name, "size_in_mib": 4, "thin_provision": True})
    double.kill()
    with open(double.state, "rb+") as f:
        f.truncate(f.seek(0, os.SEEK_END) - 5)
    double.start()
    assert set(look(double)[0]) == {"lvs0/a"}


def test_what_one_change_does_to_several_lvols_is_one_line(double):
    client = double.client()
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True})
    client.call("bdev_lvol_snapshot", {"lvol_name": "lvs0/v", "snapshot_name": "s"})
    client.call("bdev_lvol_delete", {"name": "lvs0/s"})
    with open(double.state, encoding="ascii") as f:
        changes = [json.loads(line) for line in f][1:]
    assert [sorted(each["name"] for each in change.get("lvols", ())) for change in changes[-3:]] == [["v"], ["s", "v"], ["v"]]
    assert len(changes[-1]["gone"]) == 1


def test_before_the_framework_is_up(run):
    client = run("--wait-for-rpc").client()
    assert client.call("spdk_get_version")["fields"]["major"] == 26
    assert "bdev_get_bdevs" not in client.call("rpc_get_methods", {"current": True})
    with pytest.raises(factcheck.RpcFailed, match="-1 Method may only be called after framework is initialized using "
                       "framework_start_init RPC."):
        client.call("bdev_get_bdevs")
    assert client.call("nvmf_set_max_subsystems", {"max_subsystems": 2}) is True
    assert client.call("framework_start_init") is True
    assert client.call("framework_wait_init") is True
    assert client.call("nvmf_create_subsystem", {"nqn": NQN}) is True
    with pytest.raises(factcheck.RpcFailed, match="Unable to create subsystem"):
        client.call("nvmf_create_subsystem", {"nqn": NQN + "2"})


def test_only_the_methods_that_are_allowed(run):
    client = run("--rpcs-allowed", "rpc_get_methods,bdev_get_bdevs").client()
    assert sorted(client.call("rpc_get_methods")) == ["bdev_get_bdevs", "rpc_get_methods"]
    with pytest.raises(factcheck.RpcFailed, match="-32601 Method not found"):
        client.call("spdk_get_version")


def test_a_target_without_a_transport(run):
    client = run("--transport", "-").client()
    client.call("nvmf_create_subsystem", {"nqn": NQN})
    listen = {"nqn": NQN, "listen_address": {"trtype": "TCP", "traddr": "127.0.0.1", "trsvcid": "4420"}}
    with pytest.raises(factcheck.RpcFailed, match="-32602 Invalid parameters"):
        client.call("nvmf_subsystem_add_listener", listen)
    assert client.call("nvmf_create_transport", {"trtype": "TCP"}) is True
    assert client.call("nvmf_subsystem_add_listener", listen) is True


def test_1024_subsystems_with_the_discovery_one(double):
    client = double.client()
    for number in range(1023):
        client.send({"id": number, "method": "nvmf_create_subsystem",
                     "params": {"nqn": "nqn.2024-01.io.example:%d" % number, "max_namespaces": 1}})
    assert all(client.receive()["result"] is True for _ in range(1023))
    with pytest.raises(factcheck.RpcFailed, match="Unable to create subsystem"):
        client.call("nvmf_create_subsystem", {"nqn": NQN})
