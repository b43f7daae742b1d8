#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of values in the chart's README, made from the comments of values.yaml.

Usage: table.py VALUES README     rewrites what stands between the two markers of README

In values.yaml "# -- TEXT" describes the key below it, "# PATH -- TEXT" what a list's entries have;
both go on over the next comment lines. A key without a description is an error.
"""

import json
import re
import sys

import yaml

BEGIN, END = "<!-- values: made by hack/manifests -->", "<!-- end of values -->"


def descriptions(text):
    """Path -> description, of all keys and entries that have one, in their order."""
    found, stack, path, words = {}, [], None, []
    for line in text.splitlines():
        comment = re.match(r"\s*#(?: (?P<path>[\w.\[\]]+)| ?)(?: ?-- (?P<text>.*))?$", line)
        key = re.match(r"(?P<indent> *)(?P<key>[\w.-]+):", line)
        if comment and comment["text"] is not None:
            path, words = comment["path"], [comment["text"]]
            if path:
                found[path] = words
        elif line.lstrip().startswith("# ") and words:
            words.append(line.strip()[2:])
        elif key:
            del stack[len(key["indent"]) // 2:]
            stack.append(key["key"])
            if words and path is None:
                found[".".join(stack)] = words
            path, words = None, []
        else:
            path, words = None, []
    return {path: " ".join(words) for path, words in found.items()}


def shared(path):
    """The path whose description serves this one: the sidecars are described at the first."""
    return re.sub(r"^sidecars\.\w+\.", "sidecars.provisioner.", path)


def leaves(values, described, path=""):
    """(path, default) of each key that is described or has nothing below it."""
    for key, value in values.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value and where not in described and shared(where) not in described:
            yield from leaves(value, described, where)
        else:
            yield where, value


def rows(text):
    """[(path, default as text or None, description)]; sidecars that agree share one row."""
    values, described = yaml.safe_load(text), descriptions(text)
    first = {}
    result = []
    for path, default in leaves(values, described):
        sidecar = re.match(r"sidecars\.(\w+)\.(.+)", path)
        description = described.get(path) or described.get(shared(path))
        if description is None:
            raise SystemExit(f"values.yaml: {path}: has no description; put '# -- ...' above it")
        if sidecar:
            others = [v for v in values["sidecars"].values() if _at(v, sidecar[2]) != default]
            if not others:
                if sidecar[2] in first:
                    continue
                first[sidecar[2]] = path = f"sidecars.<name>.{sidecar[2]}"
        result.append((path, default, description))
        result.extend((item, None, text) for item, text in described.items()
                      if re.match(re.escape(path) + r"\[\]\.", item))
    unknown = [p for p in described if "[]" in p and p.split("[]")[0] not in dict(leaves(values, described))]
    if unknown:
        raise SystemExit(f"values.yaml: {unknown[0]}: describes entries of a list that is not there")
    return result


def _at(value, path):
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def table(text):
    lines = ["| Value | Default | Meaning |", "|---|---|---|"]
    for path, default, description in rows(text):
        shown = "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
        meaning = description.replace("|", "\\|")
        lines.append(f"| `{path}` | {shown} | {meaning} |".replace("|  |", "| |"))
    return "\n".join(lines)


def replaced(readme, text):
    """The README with the table between its markers."""
    begin, end = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    return f"{readme[:begin]}\n{table(text)}\n{readme[end:]}"


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as f:
        values = f.read()
    with open(sys.argv[2], encoding="utf-8") as f:
        readme = f.read()
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(replaced(readme, values))


if __name__ == "__main__":
    main()
