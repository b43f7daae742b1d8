# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC 2.0 on a Unix socket, as SPDK speaks it: a stream of JSON values without any framing.

Requests of one connection may be under way at the same time; answers come in the order in which they
are ready. What cannot be JSON is answered with -32700 and ends the connection.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import socket

from .faults import error_answer, spoil
from .rpc import INVALID_REQUEST, PARSE_ERROR, RpcError
from .target import die

RECEIVE_MAX = 256 * 1024
ID_MAX = 128
VALUES_MAX = 8192
CONNECTIONS_MAX = 64
BATCHES_SINCE = (26, 5)
PROXY_NAME = b"\0nvmetcp-spdk-proxy."  # the proxy's end of a connection is bound to a name like this


class NotJson(Exception):
    pass


def refuse_constant(_word):
    raise NotJson


DECODER = json.JSONDecoder(parse_constant=refuse_constant)
WORDS = ("true", "false", "null")


def take(data):
    """(value, bytes used) of the first JSON value, None where it is not there yet; NotJson."""
    text, tail = data, b""
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        if e.reason != "unexpected end of data":
            raise NotJson from None
        text, tail = data[:e.start].decode(), data[e.start:]
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if start == len(text):
        if tail:
            raise NotJson
        return None
    try:
        value, end = DECODER.raw_decode(text, start)
    except json.JSONDecodeError as e:
        rest = text[e.pos:]
        unfinished = (not rest.strip() or e.msg.startswith("Unterminated string") or rest == "-"
                      or any(word.startswith(rest) for word in WORDS)
                      or e.msg.startswith("Invalid \\") and len(rest) < 6)
        if not unfinished:
            raise NotJson from None
        return None
    if end == len(text) and not isinstance(value, (dict, list, str)) and value not in (True, False, None):
        return None  # a number may go on
    return value, len(text[:end].encode())


def count(value):
    """How many values SPDK's parser counts in it: the ends of objects and arrays are values too."""
    if isinstance(value, dict):
        return 2 + sum(1 + count(each) for each in value.values())
    if isinstance(value, list):
        return 2 + sum(count(each) for each in value)
    return 1


def envelope_ok(request):
    ident = request.get("id")
    return (isinstance(request, dict) and request.get("jsonrpc", "2.0") == "2.0"
            and not request.keys() - {"jsonrpc", "id", "method", "params"}
            and isinstance(request.get("method"), str)
            and (ident is None or isinstance(ident, (str, int, float)) and not isinstance(ident, bool))
            and len(json.dumps(ident)) <= ID_MAX and isinstance(request.get("params"), (dict, list, type(None))))


def pack(answer):
    return (json.dumps(answer, separators=(",", ":")) + "\n").encode()


class Connection:
    """One client. Bytes are looked at before they are taken from the socket: closing a Unix socket
    with bytes in it is what gives the client ECONNRESET."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.loop = asyncio.get_running_loop()
        self.data, self.closed, self.writing = b"", False, asyncio.Lock()
        name = sock.getpeername()
        behind = isinstance(name, bytes) and name.startswith(PROXY_NAME)
        self.places = ("target",) if behind else ("client", "target")
        sock.setblocking(False)
        self.loop.add_reader(sock.fileno(), self.readable)

    def close(self):
        if not self.closed:
            self.closed = True
            self.loop.remove_reader(self.sock.fileno())
            self.sock.close()
            self.server.connections.discard(self)

    def readable(self):
        try:
            seen = self.sock.recv(RECEIVE_MAX - len(self.data), socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            seen = b""
        if not seen:  # the client went, or its request does not fit into the buffer
            self.close()
            return
        data, requests, broken = self.data + seen, [], False
        try:
            while (found := take(data)) is not None:
                if count(found[0]) > VALUES_MAX:
                    raise NotJson
                requests.append(found[0])
                data = data[found[1]:]
        except NotJson:
            broken = True
        self.data = data
        rules = [self.server.faults.match(self.places, each["method"])
                 if isinstance(each, dict) and isinstance(each.get("method"), str) else None for each in requests]
        if any(rule and rule.act == "reset" for rule in rules):
            self.loop.remove_reader(self.sock.fileno())  # leaves the bytes where they are
        else:
            self.sock.recv(len(seen))
        for request, rule in zip(requests, rules):
            self.server.spawn(self.serve(request, rule))
        if broken:
            self.server.spawn(self.refuse())

    async def refuse(self):
        await self.send(pack({"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": "Parse error"}}))
        self.close()

    async def send(self, answer):
        async with self.writing:
            if not self.closed:
                with contextlib.suppress(OSError):
                    await self.loop.sock_sendall(self.sock, answer)

    async def serve(self, request, rule):
        when = rule.when if rule else ""
        if when == "before" and await self.strike(rule, request, b""):
            return
        answer = await self.server.answer(request, rule if when == "during" else None)
        if when == "after" and await self.strike(rule, request, answer):
            return
        if answer:
            await self.send(answer)

    async def strike(self, rule, request, answer):
        """True: that was the end of it."""
        if rule.act in ("delay", "hold"):
            await pause(rule)
            return False
        if rule.act == "die":
            die()
        if rule.act == "restart":
            self.server.restart()
        elif rule.act == "error":
            await self.send(error_answer(request, rule))
        elif rule.act != "silent":
            await self.send(spoil(rule, answer))
            self.close()
        return True


async def pause(rule):
    if rule.act == "delay":
        await asyncio.sleep(rule.seconds)
        return
    while not rule.released.is_set():
        await asyncio.sleep(0.005)


class Server:
    """The socket; it can go away and come back as the target does."""

    def __init__(self, target, path, faults):
        self.target, self.path, self.faults = target, path, faults
        self.connections, self.sock = set(), None

    def spawn(self, work):
        task = asyncio.ensure_future(work)
        self.target.tasks.add(task)
        task.add_done_callback(self.target.tasks.discard)

    def listen(self):
        self.guard = os.open(self.path + ".lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit("RPC Unix domain socket path %s in use. Specify another." % self.path) from None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sock.bind(self.path)
        self.sock.listen(512)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self.accept)

    def accept(self):
        with contextlib.suppress(BlockingIOError):
            sock, _ = self.sock.accept()
            if len(self.connections) >= CONNECTIONS_MAX:
                sock.close()
            else:
                self.connections.add(Connection(self, sock))

    def down(self):
        """The process is gone: no socket, no connection, nothing under way, no exports."""
        if self.sock:
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
            self.sock.close()
            self.sock = None
            os.unlink(self.path)
            os.close(self.guard)
        for connection in list(self.connections):
            connection.close()
        self.target.stop()

    def up(self, examine=True):
        self.target.boot(examine)
        self.listen()

    def restart(self, examine=True):
        self.down()
        self.up(examine)

    async def answer(self, request, rule):
        """The bytes of the answer, b"" where there is none."""
        if isinstance(request, list):
            return await self.batch(request, rule)
        answer = await self.single(request, rule)
        packed = pack(answer) if answer else b""
        self.target.answered += len(packed)
        return packed

    async def batch(self, requests, rule):
        if self.target.release < BATCHES_SINCE or not requests:
            return pack({"jsonrpc": "2.0", "id": None,
                         "error": {"code": INVALID_REQUEST, "message": "Invalid request"}})
        answers = [await self.single(each, rule) for each in requests]
        answers = [each for each in answers if each]
        return pack(answers) if answers else b""

    async def single(self, request, rule):
        """A request without an id gets no result; an error it does get, with "id": null."""
        head = {"jsonrpc": "2.0", "id": request.get("id") if isinstance(request, dict) else None}
        try:
            if not isinstance(request, dict) or not envelope_ok(request):
                raise RpcError(INVALID_REQUEST, "Invalid request")
            params = request.get("params")
            result = await self.target.call(request["method"], params, params is not None,
                                            (lambda: pause(rule)) if rule else None)
        except RpcError as e:
            return {**head, "error": {"code": e.code, "message": e.message}}
        return {**head, "result": result} if "id" in request else None
