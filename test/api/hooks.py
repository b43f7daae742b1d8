# SPDX-License-Identifier: Apache-2.0
"""What schemathesis does not know to ask: is the token in an answer?"""

import os

import schemathesis


@schemathesis.check
def token_is_kept(ctx, response, case):
    token = os.environ["API_TOKEN"]
    assert token.encode() not in response.content, "the body holds the token"
    for values in response.headers.values():
        assert not any(token in value for value in values), "a header holds the token"
