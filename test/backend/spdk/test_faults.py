# SPDX-License-Identifier: Apache-2.0
"""Each mishap, before and after the work, on the socket and behind the proxy; the work is done or not
as the rule says."""

import json
import socket

import factcheck
import pytest
from conftest import post, split
from running import until

CREATE = {"jsonrpc": "2.0", "id": 1, "method": "bdev_lvol_create",
          "params": {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True}}


def unix(double):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(20)
    sock.connect(double.socket)
    sock.sendall(json.dumps(CREATE).encode())
    return sock


def http(double):
    sock = socket.create_connection(double.http, 20)
    sock.sendall(post(json.dumps(CREATE)))
    return sock


WAYS = {"unix": unix, "http": http}


def everything(sock):
    """(bytes, how it ended): "end", "reset", or "open" where nothing comes for a while."""
    data = b""
    while True:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return data, "reset"
        except TimeoutError:
            return data, "open"
        if not more:
            return data, "end"
        data += more


def there(double):
    """The lvol, once the double has nothing under way any more: it works off what came before."""
    return [each["aliases"] for each in double.client().call("bdev_get_bdevs") if each["aliases"]] == [["lvs0/v"]]


def body(way, data):
    return split(data)[2] if way == "http" else data


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("act,ended", [("close", "end"), ("reset", "reset"), ("garbage", "end"), ("half", "end")])
def test_the_answer_is_lost(double, way, when, act, ended):
    control = double.control()
    control.do("fault", method="bdev_lvol_create", when=when, act=act)
    with WAYS[way](double) as sock:
        data, how = everything(sock)
    assert how == ended
    if act == "garbage":
        with pytest.raises(ValueError):
            json.loads(body(way, data))
    elif act == "half":
        assert body(way, data).startswith(b'{"jsonrpc":"2.0"') and body(way, data)[-1:] != b"\n"
    else:
        assert data == b""
    assert there(double) == (when == "after")
    assert control.do("faults")[0]["struck"] == 1
    double.client().call("rpc_get_methods")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_silence(double, way, when):
    control = double.control()
    control.do("fault", method="*", when=when, act="silent")
    with WAYS[way](double) as sock:
        until(lambda: control.do("faults")[0]["struck"])
        sock.settimeout(0.3)
        assert everything(sock) == (b"", "open")
    control.do("clear")
    assert there(double) == (when == "after")
    with WAYS[way](double) as sock:  # the next one is served
        sock.settimeout(20)
        assert sock.recv(1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when,done", [("before", False), ("after", True)])
def test_an_error_of_its_own(double, way, when, done):
    double.control().do("fault", method="bdev_lvol_create", when=when, act="error", code=-32602, message="Cannot allocate memory")
    with WAYS[way](double) as sock:
        if way == "unix":
            data = sock.recv(65536)
        else:
            data, _ = everything(sock)
    assert json.loads(body(way, data)) == {"jsonrpc": "2.0", "id": 1,
                                           "error": {"code": -32602, "message": "Cannot allocate memory"}}
    assert there(double) == done


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_http_status(double, when, status):
    double.control().do("fault", method="bdev_lvol_create", when=when, act="status", status=status, text="<h1>no</h1>")
    with http(double) as sock:
        line, _, rest = split(everything(sock)[0])
    assert line.split()[1] == str(status) and rest == b"<h1>no</h1>"
    assert there(double) == (when == "after")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_held_until_released(double, way, when):
    control = double.control()
    control.do("fault", method="bdev_lvol_create", when=when, act="hold")
    with WAYS[way](double) as sock:
        until(lambda: control.do("faults")[0]["struck"])
        if when == "after":
            until(lambda: there(double))
        else:
            assert not there(double)
        control.do("release")
        assert sock.recv(1)
    assert there(double)


def test_the_nth_call_and_so_many_after_it(double):
    double.control().do("fault", method="bdev_get_bdevs", nth=2, times=2, act="error", code=-1, message="x")
    client, seen = double.client(), []
    for _ in range(4):
        client.call("rpc_get_methods")
        try:
            client.call("bdev_get_bdevs")
            seen.append(True)
        except factcheck.RpcFailed:
            seen.append(False)
    assert seen == [True, False, False, True]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("where", ["client", "target"])
def test_killed_at_that_very_request(double, way, when, where):
    double.control().do("fault", method="bdev_lvol_create", when=when, act="die", where=where)
    with WAYS[way](double) as sock:
        assert everything(sock)[0] == b""
    double.wait(137)
    double.start()
    assert there(double) == (when == "after")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_restarted_at_that_very_request(double, way, when):
    control = double.control()
    control.do("fault", method="bdev_lvol_create", when=when, act="restart")
    with WAYS[way](double) as sock:
        assert everything(sock)[0] == b""
    assert control.do("state")["generation"] == 2
    assert there(double) == (when == "after")


def test_busy_while_another_operation_is_under_way(double):
    """Refused, not queued: and with the code and text of each method."""
    control, client, slow = double.control(), double.client(), double.client()
    client.call("bdev_lvol_create", CREATE["params"])
    client.call("bdev_lvol_snapshot", {"lvol_name": "lvs0/v", "snapshot_name": "s"})
    control.do("fault", method="bdev_lvol_inflate", when="during", act="hold")
    slow.send({"jsonrpc": "2.0", "id": 1, "method": "bdev_lvol_inflate", "params": {"name": "lvs0/v"}})
    until(lambda: control.do("calls").get("bdev_lvol_inflate"))
    for method, params, code in [
            ("bdev_lvol_resize", {"name": "lvs0/v", "size_in_mib": 8}, -32602),
            ("bdev_lvol_snapshot", {"lvol_name": "lvs0/v", "snapshot_name": "t"}, -32602),
            ("bdev_lvol_decouple_parent", {"name": "lvs0/v"}, -32602), ("bdev_lvol_delete", {"name": "lvs0/v"}, -32603)]:
        with pytest.raises(factcheck.RpcFailed) as failed:
            client.call(method, params)
        assert (failed.value.code, failed.value.message) == (code, "Device or resource busy")
    control.do("release")
    assert slow.receive()["result"] is True
    assert client.call("bdev_lvol_resize", {"name": "lvs0/v", "size_in_mib": 8}) is True


@pytest.mark.parametrize("release,second", [("24.05", {"code": -32603, "message": "Internal error"}), ("24.09", None)])
def test_two_changes_of_one_subsystem(run, release, second):
    """Refused up to 24.05, queued since."""
    double = run("--release", release)
    control, client, other = double.control(), double.client(), double.client()
    nqn = "nqn.2024-01.io.example:a"
    client.call("nvmf_create_subsystem", {"nqn": nqn})
    control.do("fault", method="nvmf_subsystem_add_listener", when="during", act="hold")
    for number, (port, each) in enumerate((("4420", client), ("4421", other)), 1):
        each.send({"jsonrpc": "2.0", "id": 1, "method": "nvmf_subsystem_add_listener", "params": {
            "nqn": nqn, "listen_address": {"trtype": "TCP", "traddr": "127.0.0.1", "trsvcid": port}}})
        until(lambda number=number: control.do("calls").get("nvmf_subsystem_add_listener") == number)
    if second:
        assert other.receive()["error"] == second
    control.do("release")
    assert client.receive()["result"] is True
    if not second:
        assert other.receive()["result"] is True


@pytest.mark.parametrize("release,error", [
    ("26.05", "Subsystem currently in another state change try again later."),
    ("26.09", "Subsystem is already being destroyed.")])
def test_two_deletions_of_one_subsystem(run, release, error):
    double = run("--release", release)
    control, client, other = double.control(), double.client(), double.client()
    nqn = "nqn.2024-01.io.example:a"
    client.call("nvmf_create_subsystem", {"nqn": nqn})
    method = "nvmf_delete_subsystem" if release == "26.09" else "nvmf_subsystem_get_controllers"
    control.do("fault", method=method, when="during", act="hold")
    client.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"nqn": nqn}})
    until(lambda: control.do("calls").get(method))
    with pytest.raises(factcheck.RpcFailed) as failed:
        other.call("nvmf_delete_subsystem", {"nqn": nqn})
    assert failed.value.message == error
    control.do("release")
    assert "result" in client.receive()


def test_a_limit_while_another_is_being_set(double):
    control, client, other = double.control(), double.client(), double.client()
    client.call("bdev_lvol_create", CREATE["params"])
    control.do("fault", method="bdev_set_qos_limit", when="during", act="hold")
    limit = {"name": "lvs0/v", "rw_ios_per_sec": 1000}
    client.send({"jsonrpc": "2.0", "id": 1, "method": "bdev_set_qos_limit", "params": limit})
    until(lambda: control.do("calls").get("bdev_set_qos_limit"))
    with pytest.raises(factcheck.RpcFailed) as failed:
        other.call("bdev_set_qos_limit", limit)
    assert failed.value.message == "Failed to configure rate limit: Resource temporarily unavailable"
    control.do("release")
    assert client.receive()["result"] is True


def test_a_host_that_does_not_let_go(double):
    control, client = double.control(), double.client()
    params = {"nqn": "nqn.2024-01.io.example:a", "host": "nqn.2024-01.io.example:h"}
    client.call("nvmf_create_subsystem", {"nqn": params["nqn"]})
    client.call("nvmf_subsystem_add_host", params)
    control.do("fault", method="nvmf_subsystem_remove_host", when="during", act="hold")
    with pytest.raises(factcheck.RpcFailed) as failed:
        client.call("nvmf_subsystem_remove_host", {**params, "timeout_ms": 20})
    assert failed.value.message == "Timeout reached during host removal"
    assert client.call("nvmf_get_subsystems", {"nqn": params["nqn"]})[0]["hosts"] == []


@pytest.mark.parametrize("words,why", [
    ({"method": "x"}, "'act'"), ({"act": "close"}, "'method'"), ({"method": "x", "act": "burn"}, "burn"),
    ({"method": "x", "act": "close", "when": "during"}, "during"), ({"method": "x", "act": "delay"}, "seconds"),
    ({"method": "x", "act": "close", "nth": 0}, "nth"), ({"method": "x", "act": "close", "color": 1}, "color"),
    ({"method": "x", "act": "close", "seen": 1}, "seen")])
def test_a_rule_that_is_none_is_refused(double, words, why):
    with pytest.raises(AssertionError, match=why):
        double.control().do("fault", **words)
