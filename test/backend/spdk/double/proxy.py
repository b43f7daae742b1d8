# SPDX-License-Identifier: Apache-2.0
"""The HTTP proxy in front of the socket, with the habits of scripts/rpc_http_proxy.py.

It is one thread that takes one connection after the other, and a second process as far as the target
is concerned: it lives on when the target is gone. Checked against the script's source:

- the request is on its way to the target before the proxy has understood it: of what then fails to
  decode (bad JSON, a byte that is not ASCII: 500), the target may have done all;
- the target closing the connection without an answer gives 200 with an empty body; with half an
  answer, no response at all;
- no Content-Length, text/html, HTTP/1.0; 401 with a header that is no challenge; HEAD without any
  authentication; the path is not looked at.
"""

import base64
import contextlib
import http.server
import itertools
import json
import os
import socket
import ssl
import struct
import threading

from .faults import error_answer, spoil
from .jsonrpc import PROXY_NAME
from .target import die

PATIENCE = 60.0  # for a client that connects and says nothing, so that a test cannot hang here for ever


class Dropped(Exception):
    """The connection ends here, without a response."""


class Handler(http.server.BaseHTTPRequestHandler):
    def setup(self):
        self.request.settimeout(PATIENCE)
        super().setup()

    def log_message(self, *_):
        pass

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-type", "text/html")
        self.end_headers()

    def do_HEAD(self):
        self.head(200)

    def do_POST(self):
        if self.headers["Authorization"] != self.server.key:
            self.head(401, WWW_Authenticate="text/html")
            return
        body = self.read_body()
        request = self.understood(body)
        rule = self.server.faults.match(("client",), request["method"]) if request else None
        try:
            self.serve(body, request, rule)
        except ValueError:
            self.head(500)

    def read_body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            raise Dropped
        body = b""
        while True:
            size = int(self.rfile.readline().strip(), 16)
            body += self.rfile.read(size) if size else b""
            self.rfile.readline()
            if not size:
                return body

    @staticmethod
    def understood(body):
        """The request, for the faults only: the proxy itself has not looked at it yet."""
        with contextlib.suppress(ValueError):
            request = json.loads(body)
            if isinstance(request, dict) and isinstance(request.get("method"), str):
                return request
        return None

    def serve(self, body, request, rule):
        if rule and rule.when == "before" and self.strike(rule, request, None):
            return
        answer = self.server.ask(body)
        if rule and rule.when == "after" and self.strike(rule, request, answer):
            return
        if answer is not None:
            self.answer(answer)

    def answer(self, answer):
        if self.server.diverges("content-length"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
        else:
            self.head(200)
        self.wfile.write(answer)

    def strike(self, rule, request, answer):
        """True: that was the end of it."""
        if rule.act == "delay":
            rule.released.wait(rule.seconds)
            return False
        if rule.act == "hold":
            rule.released.wait()
            return False
        if rule.act == "die":
            die()
        if rule.act == "restart":
            self.server.restart()
        elif rule.act == "status":
            self.send_response(rule.status)
            self.end_headers()
            self.wfile.write(rule.text.encode())
        elif rule.act == "error":
            self.answer(error_answer(request, rule))
        elif rule.act in ("garbage", "half"):
            self.answer(spoil(rule, answer))
        elif rule.act == "silent":
            self.wait_for_leave(rule)
        elif rule.act == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.abandoned = True
        return True

    def wait_for_leave(self, rule):
        self.request.settimeout(0.05)
        while not rule.released.is_set():
            try:
                if not self.request.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


class Proxy(http.server.HTTPServer):
    address_family = socket.AF_INET
    request_queue_size = 64

    def __init__(self, address, user, password, path, faults, restart, diverges, tls=None):
        super().__init__(address, Handler)
        self.key = "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode("ascii")).decode("ascii")
        self.path, self.faults, self.restart, self.diverges = path, faults, restart, diverges
        self.numbers, self.abandoned = itertools.count(), False
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, _client_address):
        """What the script prints as a traceback: the connection ends without a response."""

    def shutdown_request(self, request):
        if self.abandoned:  # a shutdown would be a FIN; only the close alone is a reset
            self.abandoned = False
            request.close()
        else:
            super().shutdown_request(request)

    def ask(self, body):
        """The target's answer as it came, None for a request without an id."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.bind(PROXY_NAME + b"%d.%d" % (os.getpid(), next(self.numbers)))
            sock.connect(self.path)
            sock.sendall(body)
            if "id" not in json.loads(body.decode("ascii")):
                return None
            answer = b""
            while True:
                more = sock.recv(1024)
                answer += more
                with contextlib.suppress(ValueError):
                    json.loads(answer.decode("ascii"))
                    return answer
                if not more:
                    if answer:
                        raise Dropped
                    return b""
