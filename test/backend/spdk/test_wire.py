# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC on the socket: the stream, the envelope, the limits."""

import json
import socket

import pytest
from running import HERE, until

VERSION = {"jsonrpc": "2.0", "id": 1, "method": "rpc_get_methods"}


def request(**more):
    return {**VERSION, **more}


def refused(answer, code, message, ident=None):
    return answer == {"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message}}


def test_no_newline_is_needed_and_bytes_may_come_one_by_one(double):
    client = double.client()
    for byte in json.dumps(request(id="é")).encode():
        client.send(bytes([byte]))
    assert client.receive()["id"] == "é"


def test_a_stream_of_requests_without_anything_between(double):
    client = double.client()
    client.send(b"".join(json.dumps(request(id=n)).encode() for n in range(20)))
    assert sorted(client.receive()["id"] for _ in range(20)) == list(range(20))


def test_an_answer_is_one_line_of_ascii(double):
    client = double.client()
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "é", "size_in_mib": 4, "thin_provision": True})
    client.send(request(method="bdev_lvol_get_lvols"))
    line = client.sock.makefile("rb").readline()
    assert line.isascii() and json.loads(line)["result"][0]["name"] == "é"


def test_answers_come_as_they_are_ready(double):
    client, control = double.client(), double.control()
    control.do("fault", method="bdev_get_bdevs", when="during", act="hold")
    client.send(request(id="slow", method="bdev_get_bdevs"))
    client.send(request(id="quick", method="bdev_get_bdevs", params={"name": "x"}))
    client.send(request(id="quick", method="rpc_get_methods"))
    assert client.receive()["id"] == "quick"
    assert client.receive()["id"] == "quick"
    control.do("release")
    assert client.receive()["id"] == "slow"


@pytest.mark.parametrize("garbage", [b"hello", b"{bad}", b"[1 2]", b'{"a":NaN}', b"\xff", b'{"a":"\xc3("}', b"}"])
def test_what_is_no_json_ends_the_connection(double, garbage):
    client = double.client()
    client.send(garbage)
    assert refused(client.receive(), -32700, "Parse error")
    with pytest.raises(EOFError):
        client.receive()
    assert double.client().call("rpc_get_methods")


@pytest.mark.parametrize("unfinished", [b"{", b'{"method', b'{"id":1,', b'{"id":tr', b'{"id":"\xc3', b'{"id":-'])
def test_what_is_not_finished_waits(double, unfinished):
    client = double.client()
    client.send(unfinished)
    client.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError) as ended:
        client.receive()
    assert ended.value.args[0] == b""


@pytest.mark.parametrize("wrong", [
    request(jsonrpc="1.0"), request(method=1), request(params="x"), request(params=1), request(id=True), request(id=[]),
    request(id="x" * 127), request(more=1), {"jsonrpc": "2.0", "id": 1}])
def test_an_envelope_that_is_wrong(double, wrong):
    client = double.client()
    client.send(wrong)
    answer = client.receive()
    assert answer["error"] == {"code": -32600, "message": "Invalid request"}
    assert client.call("rpc_get_methods")


@pytest.mark.parametrize("fine", [
    {"id": 1, "method": "rpc_get_methods"}, request(params=None), request(id=None), request(id=""), request(id=1.5)])
def test_an_envelope_that_may_be_so(double, fine):
    client = double.client()
    client.send(fine)
    answer = client.receive()
    assert answer["id"] == fine["id"] and answer["result"]


def test_without_an_id_there_is_no_result_but_the_error(double):
    client = double.client()
    client.send({"jsonrpc": "2.0", "method": "rpc_get_methods"})
    client.send({"jsonrpc": "2.0", "method": "none"})
    assert refused(client.receive(), -32601, "Method not found")


def test_batches_are_of_26_05(run):
    batch = [request(id=1), {"jsonrpc": "2.0", "method": "rpc_get_methods"}, request(id=2, method="none")]
    client = run("--release", "26.01").client()
    client.send(json.dumps(batch).encode())
    assert refused(client.receive(), -32600, "Invalid request")
    client = run("--release", "26.05").client()
    client.send(json.dumps(batch).encode())
    assert [each["id"] for each in client.receive()] == [1, 2]
    client.send(b"[]")
    assert refused(client.receive(), -32600, "Invalid request")


def test_a_request_that_does_not_fit(double):
    client = double.client()
    with pytest.raises((EOFError, ConnectionError, BrokenPipeError)):
        client.send(request(params={"name": "x" * (256 * 1024)}))
        client.receive()


def test_too_many_values(double):
    client = double.client()
    client.send(request(params=[0] * 8190))
    assert client.receive()["error"]["code"] == -32700


def test_64_connections(double):
    clients = [double.client() for _ in range(64)]
    assert all(client.call("rpc_get_methods") for client in clients)
    with pytest.raises((EOFError, ConnectionError)):
        double.client().call("rpc_get_methods")
    clients[0].close()
    assert clients[1].call("rpc_get_methods")


def test_a_client_that_leaves_does_not_stop_the_work(double):
    control, client = double.control(), double.client()
    client.call("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 4, "thin_provision": True})
    control.do("fault", method="bdev_lvol_delete", when="during", act="hold")
    client.send(request(method="bdev_lvol_delete", params={"name": "lvs0/v"}))
    until(lambda: control.do("calls").get("bdev_lvol_delete"))
    client.close()
    control.do("release")
    other = double.client()
    until(lambda: not any(each["aliases"] for each in other.call("bdev_get_bdevs")))


def test_a_second_double_on_the_same_socket_is_refused(run, double):
    import subprocess
    import sys
    ended = subprocess.run([sys.executable, HERE / "spdk_double.py", "--socket", double.socket],
                           capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1 and "in use. Specify another." in ended.stderr
    assert double.client().call("rpc_get_methods")
