# SPDX-License-Identifier: Apache-2.0
"""What schemathesis does not know: that names should meet each other, and that the token is kept.

Ids that are legal are drawn from a few, so that objects are found, made twice and made from each
other; a pool is the one that there is. What is not legal stays as it is.
"""

import os
import re

import schemathesis

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def few(value, names=("a", "b", "c")):
    """One of @names in place of a legal id, the same for the same id."""
    if isinstance(value, str) and ID.match(value):
        return names[sum(value.encode()) % len(names)]
    return value


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    if isinstance(path_parameters, dict) and "id" in path_parameters:
        path_parameters["id"] = few(path_parameters["id"])
    return path_parameters


@schemathesis.hook
def map_query(ctx, query):
    if isinstance(query, dict) and "pool" in query:
        query["pool"] = few(query["pool"], ("one", "one", "zero"))
    return query


@schemathesis.hook
def map_body(ctx, body):
    if isinstance(body, dict):
        for key, names in (("pool", ("one",)), ("instance", ("test",)), ("volume", ("a", "b", "c"))):
            if key in body:
                body[key] = few(body[key], names)
        if isinstance(body.get("source"), dict):
            body["source"] = {key: few(value) for key, value in body["source"].items()}
    return body


@schemathesis.check
def serves(ctx, response, case):
    """507 says that there is no room, as WebDAV has it: no fault of the server's."""
    assert response.status_code < 500 or response.status_code == 507, "a server's error"


@schemathesis.check
def token_is_kept(ctx, response, case):
    token = os.environ["API_TOKEN"]
    assert token.encode() not in response.content, "the body holds the token"
    for values in response.headers.values():
        assert not any(token in value for value in values), "a header holds the token"
