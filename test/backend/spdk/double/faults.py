# SPDX-License-Identifier: Apache-2.0
"""Scripted faults: which request meets which mishap.

A rule says: the nth request (and times - 1 after it) of a method, at one place, at one time.

where   "client": at whatever the client talks to, the proxy or the socket itself. This is the default.
        "target": at the target's socket, also behind the proxy: the target fails, the proxy is well.
when    "before" the request is carried out (then it never is), "after" (done, but the answer is
        spoiled), "during" (SPDK is busy with it; only delay and hold, always at the target).
act     close    the connection ends without an answer
        reset    the same with ECONNRESET
        silent   no answer, and the connection stays open until the client goes
        garbage  bytes that are no JSON ("text": which), then the connection ends
        half     the first half of the answer, then the connection ends
        status   an HTTP status ("status": 503) with "text" as the body; on the socket the same as close
        error    a JSON-RPC error ("code", "message")
        delay    "seconds" later all goes on as usual
        hold     all goes on as usual when the control channel says release
        die      the process ends as with kill -9
        restart  the target restarts: exports are gone, connections are closed
method  a name, or "*" for any.

Counting is per rule and starts when the rule is given. The first rule that is due wins.
"""

import dataclasses
import json
import threading

ACTS = ("close", "reset", "silent", "garbage", "half", "status", "error", "delay", "hold", "die", "restart")
GARBAGE = "<html>\x00 no JSON here }{"


@dataclasses.dataclass
class Rule:
    method: str
    act: str
    when: str = "before"
    where: str = "client"
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    status: int = 503
    code: int = -32603
    message: str = "Internal error"
    text: str = ""
    id: int = 0
    seen: int = 0
    struck: int = 0

    def __post_init__(self):
        self.released = threading.Event()
        for field, allowed in (("act", ACTS), ("when", ("before", "during", "after")), ("where", ("client", "target"))):
            if getattr(self, field) not in allowed:
                raise ValueError("%s %r: one of %s" % (field, getattr(self, field), ", ".join(allowed)))
        if self.when == "during":
            if self.act not in ("delay", "hold"):
                raise ValueError("act %r: during a call only delay and hold" % self.act)
            self.where = "target"
        if self.act == "delay" and self.seconds <= 0:
            raise ValueError("seconds %r: a delay takes more than 0" % self.seconds)
        if self.nth < 1 or self.times < 1:
            raise ValueError("nth %r, times %r: both count from 1" % (self.nth, self.times))

    def shown(self):
        return dataclasses.asdict(self)


class Faults:
    """Used by the target's loop and by the proxy's thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rules, self.count = [], 0

    def add(self, **words):
        unknown = set(words) - {field.name for field in dataclasses.fields(Rule)} | set(words) & {"id", "seen", "struck"}
        if unknown:
            raise ValueError("a fault has no %s" % ", ".join(sorted(unknown)))
        for word in ("method", "act"):
            if word not in words:
                raise ValueError("a fault needs %r" % word)
        with self.lock:
            self.count += 1
            rule = Rule(id=self.count, **words)
            self.rules.append(rule)
            return rule

    def match(self, places, method):
        """The rule that strikes this request, or None; all that fit it have counted it."""
        with self.lock:
            hit = None
            for rule in self.rules:
                if rule.where not in places or rule.method not in ("*", method):
                    continue
                rule.seen += 1
                if hit is None and rule.nth <= rule.seen < rule.nth + rule.times:
                    hit = rule
            if hit:
                hit.struck += 1
            return hit

    def release(self):
        with self.lock:
            for rule in self.rules:
                rule.released.set()

    def clear(self):
        """No rule is left, and whoever waits at one goes on."""
        self.release()
        with self.lock:
            self.rules.clear()


def error_answer(request, rule):
    return (json.dumps({"jsonrpc": "2.0", "id": request.get("id"),
                        "error": {"code": rule.code, "message": rule.message}}) + "\n").encode()


def spoil(rule, answer):
    """What goes out in place of the answer before the connection ends; b"" = nothing."""
    if rule.act == "garbage":
        return (rule.text or GARBAGE).encode()
    if rule.act == "half":
        whole = answer or b'{"jsonrpc":"2.0","id":1,"result":true}\n'
        return whole[:len(whole) // 2]
    return b""
