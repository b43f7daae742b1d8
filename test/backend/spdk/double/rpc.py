# SPDX-License-Identifier: Apache-2.0
"""What every method of the API shares: errors, releases, the strict decoding of parameters.

SPDK decodes the "params" of each method by a table of names and types. A name that is not in the
table fails the whole call, except where the table is "relaxed"; what a failed decode says depends on
the family that the method belongs to. The tables differ by release, so each field may say from
which release on it exists (since) and with which it is gone (until).
"""

import asyncio
import dataclasses
import inspect
import os
import re
import types
import uuid

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
INVALID_STATE = -1

# The releases that the facts were checked on. 26.09 is the development head of August 2026.
RELEASES = ((22, 9), (23, 9), (24, 1), (24, 5), (24, 9), (25, 5), (25, 9), (26, 1), (26, 5), (26, 9))


def release_of(text):
    """'24.09' -> (24, 9); ValueError names what is allowed."""
    for release in RELEASES:
        if text == "%d.%02d" % release:
            return release
    raise ValueError("no release %r: one of %s" % (text, ", ".join("%d.%02d" % r for r in RELEASES)))


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__("%d %s" % (code, message))
        self.code, self.message = code, message


def errno_error(number):
    """Found at once: the code is -errno."""
    return RpcError(-number, os.strerror(number))


def late_error(number, code=INVALID_PARAMS):
    """Found when the work was under way: one code for all, only the text differs."""
    return RpcError(code, os.strerror(number))


class DecodeError(Exception):
    """A parameter is wrong; message is set where the release says more than its family does."""

    def __init__(self, message=None):
        super().__init__(message)
        self.message = message


# Family -> what a failed decode answers.
BDEV = RpcError(INTERNAL_ERROR, "spdk_json_decode_object failed")
NVMF = RpcError(INVALID_PARAMS, "Invalid parameters")
KEYRING = RpcError(INVALID_PARAMS, "Invalid argument")


def text(value, _release):
    if not isinstance(value, str) or "\0" in value:
        raise DecodeError
    return value


def boolean(value, _release):
    if not isinstance(value, bool):
        raise DecodeError
    return value


def integer(low, high):
    def decode(value, _release):
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # SPDK takes 10.0 and 1e3
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise DecodeError
        return value
    return decode


u8, u16, u32, u64 = (integer(0, 2 ** bits - 1) for bits in (8, 16, 32, 64))


def any_number(value, release):
    return u64(value, release)


def word(*allowed):
    """One of these words, in any case."""
    def decode(value, release):
        if text(value, release).lower() not in allowed:
            raise DecodeError
        return value.lower()
    return decode


def array(item, most):
    def decode(value, release):
        if not isinstance(value, list) or len(value) > most:
            raise DecodeError
        return [item(each, release) for each in value]
    return decode


def hexadecimal(size, name):
    """An identifier of so many bytes; from 26.09 on the refusal names it."""
    def decode(value, release):
        if not re.fullmatch("[0-9a-fA-F]{%d}" % (2 * size), text(value, release)):
            raise DecodeError("Invalid %s" % name if release >= (26, 9) else None)
        return value.lower()
    return decode


def uuid_text(value, release):
    try:
        return str(uuid.UUID(text(value, release)))
    except ValueError:
        raise DecodeError from None


@dataclasses.dataclass(frozen=True)
class Field:
    decode: object
    required: object = False  # True, False, or a function of the release
    since: tuple = (0, 0)
    until: tuple = (99, 0)  # the first release without it

    def known(self, release):
        return self.since <= release < self.until

    def needed(self, release):
        return self.required(release) if callable(self.required) else self.required


def need(decode, **more):
    return Field(decode, required=True, **more)


def may(decode, **more):
    return Field(decode, **more)


def decode_object(fields, value, release, relaxed=False):
    """The fields by name, None for what was left out."""
    if not isinstance(value, dict):
        raise DecodeError
    known = {name: field for name, field in fields.items() if field.known(release)}
    if not relaxed and value.keys() - known.keys():
        raise DecodeError
    if any(field.needed(release) and name not in value for name, field in known.items()):
        raise DecodeError
    found = dict.fromkeys(fields)
    found.update((name, known[name].decode(each, release)) for name, each in value.items() if name in known)
    return types.SimpleNamespace(**found)


def record(relaxed=False, **fields):
    """An object within the parameters."""
    return lambda value, release: decode_object(fields, value, release, relaxed)


@dataclasses.dataclass(frozen=True)
class Method:
    name: str
    family: RpcError
    fields: dict
    since: tuple
    until: tuple
    relaxed: bool
    bare: str  # set: takes no params at all, and says so in these words
    optional: bool  # "params" itself may be left out
    startup: bool  # also (or only) before the framework is up
    runtime: bool

    def decode(self, params, release):
        if self.bare:
            if params is not None:
                raise RpcError(INVALID_PARAMS, self.bare)
            return types.SimpleNamespace()
        if params is None and self.optional:
            return types.SimpleNamespace(**dict.fromkeys(self.fields))
        try:
            return decode_object(self.fields, params, release, self.relaxed)
        except DecodeError as e:
            raise RpcError(self.family.code, e.message or self.family.message) from None


def rpc(name, family, /, *, since=(0, 0), until=(99, 0), relaxed=False, bare="", optional=False, startup=False,
        runtime=True, **fields):
    """Marks a method of a service as a method of the API."""
    def mark(function):
        function.rpc = Method(name, family, fields, since, until, relaxed, bare, optional, startup, runtime)
        return function
    return mark


def methods_of(services, release):
    """{name: (Method, bound function)} of all services, as this release has them."""
    found = {}
    for service in services:
        for _, function in inspect.getmembers(service, inspect.ismethod):
            method = getattr(function, "rpc", None)
            if method and method.since <= release < method.until:
                found[method.name] = (method, function)
    return found


class Call:
    """One call under way. work() is the point at which SPDK would be busy with it: other calls go on
    meanwhile, and a scripted delay or hold "during" the call acts here."""

    def __init__(self, given, pause=None):
        self.given = given  # "params" was there
        self.pause = pause  # async function, or None; acts once

    async def work(self):
        await asyncio.sleep(0)
        await self.finish()

    async def finish(self):
        """For the methods that are never busy: what is scripted acts before they answer."""
        if self.pause:
            pause, self.pause = self.pause, None
            await pause()
            await asyncio.sleep(0)
