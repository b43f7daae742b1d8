# SPDX-License-Identifier: Apache-2.0
"""String literals of the C sources, as far as an error message is made of them: neighbours joined,
what is filled in at run time shown as "…"."""

import glob
import os
import re

TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*)"|/\*.*?\*/|//[^\n]*|\'(?:[^\'\\]|\\.)*\'|([A-Za-z_]\w*)|(\s+)|(.)', re.DOTALL)
DIRECTIVE = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]|%(?=…)")


def clean(text):
    """An error text as a reader sees it, with … where something is filled in."""
    text = DIRECTIVE.sub("…", text.replace("%%", "\0")).replace("\0", "%")
    return re.sub("…+", "…", text.replace('\\"', '"'))


def joined(source):
    """(offset, text) of each literal of @source; macros in capitals between two literals are "…"."""
    start, text, pending = None, "", ""
    for token in TOKEN.finditer(source):
        literal, word, blank, other = token.groups()
        if literal is not None:
            start = token.start() if start is None else start
            text, pending = text + pending + literal, ""
        elif word and start is not None and re.fullmatch(r"[A-Z][A-Za-z0-9_]*", word):
            pending += "…"
        elif (other or word) and start is not None:
            yield start, clean(text + pending)
            start, text, pending = None, "", ""


def files(top, *patterns):
    found = [path for pattern in patterns for path in glob.glob(os.path.join(top, pattern), recursive=True)]
    assert found, patterns
    return sorted(found)


def literals(path):
    with open(path) as f:
        return list(joined(f.read()))


def refusals(path, codes):
    """(line, text) of each err_set() with one of these codes: the format that it is given."""
    with open(path) as f:
        source = f.read()
    texts = dict(joined(source))
    starts = sorted(texts)
    for call in re.finditer(r"\berr_set\(\s*[^,;\"]+,\s*(\w+),", source):
        if call.group(1).removeprefix("ERR_") in codes:
            after = [at for at in starts if at >= call.end() - 1]
            yield source.count("\n", 0, call.start()) + 1, texts[after[0]]


def says(quote, text):
    """Are the words of @quote, "…" standing for anything, in @text in this order?"""
    at = 0
    for part in quote.split("…"):
        part = part.strip()
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True
