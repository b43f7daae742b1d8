# SPDX-License-Identifier: Apache-2.0
"""The habits of SPDK's HTTP proxy, one by one."""

import json
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import basic, exchange, post, split
from running import until

METHODS = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "rpc_get_methods"})


def create(name="v"):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "bdev_lvol_create", "params": {
        "lvs_name": "lvs0", "lvol_name": name, "size_in_mib": 4, "thin_provision": True}})


def lvols(double):
    return [each["aliases"][0] for each in double.client().call("bdev_get_bdevs") if each["aliases"]]


def test_an_answer_has_no_length_and_calls_itself_html(double):
    status, headers, body = split(exchange(double, post(METHODS, path="/any/path")))
    assert status == "HTTP/1.0 200 OK"
    assert headers["Content-type"] == "text/html" and set(headers) == {"Server", "Date", "Content-type"}
    assert json.loads(body)["result"] and body.endswith(b"\n")


def test_the_divergence_of_the_length_is_seen(run):
    _, headers, _ = split(exchange(run("--diverge", "content-length"), post(METHODS)))
    assert headers["Content-Length"] and headers["Content-Type"] == "application/json"


def test_an_error_of_the_call_is_no_error_of_http(double):
    status, _, body = split(exchange(double, post('{"jsonrpc":"2.0","id":7,"method":"none"}')))
    assert status == "HTTP/1.0 200 OK"
    assert json.loads(body) == {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "Method not found"}}


@pytest.mark.parametrize("header", ["X: y", basic("user", "wrong"), basic("other"), basic() + " ", basic() + "x",
                                    basic().replace("Basic", "basic")])
def test_who_may_not(double, header):
    """Compared as a string; the challenge is none, so a client that waits for one never gets in."""
    data = "POST / HTTP/1.1\r\n%s\r\nContent-Length: 2\r\n\r\n{}" % header
    status, headers, body = split(exchange(double, data.encode()))
    assert status == "HTTP/1.0 401 Unauthorized" and headers["WWW-Authenticate"] == "text/html" and body == b""


def test_head_asks_for_nothing(double):
    status, _, body = split(exchange(double, b"HEAD / HTTP/1.1\r\n\r\n"))
    assert status == "HTTP/1.0 200 OK" and body == b""


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
def test_other_verbs(double, verb):
    status, _, _ = split(exchange(double, ("%s / HTTP/1.1\r\n%s\r\n\r\n" % (verb, basic())).encode()))
    assert status.startswith("HTTP/1.0 501 ")


def test_chunks(double):
    body = METHODS.encode()
    chunks = b"%x\r\n%s\r\n" % (10, body[:10]) + b"%x\r\n%s\r\n" % (len(body) - 10, body[10:]) + b"0\r\n\r\n"
    status, _, answer = split(exchange(double, post(chunks, "Transfer-Encoding: chunked")))
    assert status == "HTTP/1.0 200 OK" and json.loads(answer)["result"]


def test_a_body_of_unknown_length_gets_no_response(double):
    data = "POST / HTTP/1.1\r\n%s\r\n\r\n%s" % (basic(), METHODS)
    assert exchange(double, data.encode()) == b""


@pytest.mark.parametrize("body", ["{", "hello", "", '{"id": 1,}'])
def test_bad_json_is_500_with_nothing(double, body):
    status, _, rest = split(exchange(double, post(body)))
    assert status == "HTTP/1.0 500 Internal Server Error" and rest == b""


def test_500_for_a_byte_beyond_ascii_and_yet_it_is_done(double):
    """The proxy passes the request on before it decodes it."""
    status, _, _ = split(exchange(double, post(create("é").replace("\\u00e9", "é"))))
    assert status == "HTTP/1.0 500 Internal Server Error"
    until(lambda: lvols(double) == ["lvs0/é"])


def test_500_for_what_follows_the_request_and_yet_it_is_done(double):
    status, _, _ = split(exchange(double, post(create() + "}")))
    assert status == "HTTP/1.0 500 Internal Server Error"
    until(lambda: lvols(double) == ["lvs0/v"])


def test_without_an_id_nothing_comes_back(double):
    assert exchange(double, post(create().replace('"id": 1, ', ""))) == b""
    until(lambda: lvols(double) == ["lvs0/v"])


def test_no_target_no_response(double):
    double.control().do("down")
    assert exchange(double, post(METHODS)) == b""
    double.control().do("up")
    assert split(exchange(double, post(METHODS)))[0] == "HTTP/1.0 200 OK"


def test_a_target_that_hangs_up_is_200_with_nothing(double):
    double.control().do("fault", where="target", method="*", act="close")
    status, _, body = split(exchange(double, post(METHODS)))
    assert status == "HTTP/1.0 200 OK" and body == b""


def test_a_target_that_hangs_up_in_the_middle_is_no_response(double):
    double.control().do("fault", where="target", method="*", act="half", when="after")
    assert exchange(double, post(METHODS)) == b""


def test_100_continue_is_never_said(double):
    with socket.create_connection(double.http, 20) as sock:
        head, _, body = post(METHODS, "Expect: 100-continue").partition(b"\r\n\r\n")
        sock.sendall(head + b"\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(20)
        sock.sendall(body)
        assert sock.recv(4096).startswith(b"HTTP/1.0 200 OK")


def test_one_request_at_a_time(double):
    """A slow call keeps all others out, also of callers who have left."""
    control, done = double.control(), []
    control.do("fault", where="target", method="bdev_lvol_create", when="during", act="hold")

    def ask():
        done.append(split(exchange(double, post(METHODS)))[0])

    with socket.create_connection(double.http, 20) as slow:
        slow.sendall(post(create()))
        until(lambda: control.do("calls").get("bdev_lvol_create"))
    other = threading.Thread(target=ask)
    other.start()
    other.join(0.3)
    assert other.is_alive() and not control.do("calls").get("rpc_get_methods")
    control.do("release")
    other.join(20)
    assert done == ["HTTP/1.0 200 OK"] and lvols(double) == ["lvs0/v"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    assert shutil.which("openssl"), "openssl makes the certificate: install it"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return folder


def test_tls(run, certificate):
    double = run("--cert", str(certificate / "cert.pem"), "--key", str(certificate / "key.pem"))
    status, _, body = split(exchange(double, post(METHODS), tls=certificate / "cert.pem"))
    assert status == "HTTP/1.0 200 OK" and json.loads(body)["result"]
    with pytest.raises(ssl.SSLCertVerificationError):
        with socket.create_connection(double.http, 20) as sock:
            ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")
    try:
        assert exchange(double, post(METHODS)) == b""
    except ConnectionResetError:
        pass
