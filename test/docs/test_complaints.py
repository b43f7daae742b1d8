# SPDX-License-Identifier: Apache-2.0
"""docs/complaints.md names tests and mutants that are there, and every mutant still fits the code."""

import glob
import os
import re

import mutants
import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COUNT = 57
ALL = {mutant.name: mutant for mutant in mutants.all_mutants()}


def rows():
    """number: (tests, mutants, words about why there are none)"""
    with open(f"{TOP}/docs/complaints.md") as f:
        found = re.findall(r"^\| (\d+) \| .* \| .* \| (.*) \| (.*) \|$", f.read(), re.MULTILINE)
    assert [int(number) for number, _, _ in found] == list(range(1, COUNT + 1))
    return {int(number): (re.findall(r"`((?:unit|backend|vm|kubernetes)/[\w/-]+(?::\w+)?)`", kept),
                          re.findall(r"`([\w-]+)`", red), kept) for number, kept, red in found}


ROWS = rows()


def functions(path):
    """Names of the test functions of a file: in C those that are in its list, too."""
    with open(path) as f:
        text = f.read()
    if path.endswith(".py"):
        return set(re.findall(r"^def (\w+)\(", text, re.MULTILINE))
    names = re.findall(r"^static void (\w+)\(", text, re.MULTILINE)
    return {name for name in names if re.search(rf"\(\s*{name}\b(?! *\(void)", text.split(f" {name}(", 1)[1])}


def file_of(test):
    found = [path for path in glob.glob(f"{TOP}/test/{test}.*") if path.endswith((".c", ".py", ".sh"))]
    assert found, f"test/{test}.* is not there"
    return found[0]


@pytest.mark.parametrize("number", ROWS)
def test_row(number):
    tests, red, words = ROWS[number]
    assert tests or "Cannot happen: " in words or "**Gap**: " in words
    for test in tests:
        name, _, function = test.partition(":")
        assert not function or function in functions(file_of(name)), test
    if any(test.startswith(("unit/", "backend/")) for test in tests):
        assert red, "tests that need no VM, and none of them was seen red"
    assert set(red) == {name for name, mutant in ALL.items() if number in mutant.complaints}
    named = {test.partition(":")[2] for test in tests}
    for name in red:
        asked = {function for each in ALL[name].tests.values() for function in each}
        assert asked & named, f"{name} is noticed by {sorted(asked)}, none of which is in the row"


@pytest.mark.parametrize("name", ALL)
def test_mutant(name, tmp_path):
    mutant = ALL[name]
    assert mutant.complaints or mutant.promise, "what does it stand for?"
    assert set(mutant.complaints) <= set(ROWS)
    assert re.fullmatch(r"(P([1-9]|10))?", mutant.promise)
    assert mutant.files and {path.split("/")[0] for path in mutant.files} <= {"common", "controller", "node", "target"}
    assert mutant.fits(TOP, tmp_path) is None
    for test, asked in mutant.tests.items():
        # Tests of the kind "backend" are parts of one program, or of a folder of files.
        files = [file_of(test)] if test.startswith("unit/") else glob.glob(f"{TOP}/test/backend/*/*.[cp]*")
        assert set(asked) <= set().union(*map(functions, files)), test


HEAD = "What: x\nTest: unit/a b\n"
PATCH = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n"


@pytest.mark.parametrize("text,why", [
    (PATCH, "needs What and Test"), ("What: x\n" + PATCH, "needs What and Test"), (HEAD, "no line begins"),
    ("What x\n" + PATCH, "not like"), (HEAD + "Colour: red\n" + PATCH, "keys"),
    ("What: x\nTest: unit/a\n" + PATCH, "names no function")])
def test_a_patch_with_a_wrong_head_is_refused(tmp_path, text, why):
    path = tmp_path / "m.patch"
    path.write_text(text)
    with pytest.raises(AssertionError, match=why):
        mutants.Mutant(str(path))


@pytest.mark.parametrize("content,why", [("one\n", None), ("none\n", "does not apply"), (None, "f is not there")])
def test_a_patch_that_does_not_fit_is_told(tmp_path, content, why):
    path, tree = tmp_path / "m.patch", tmp_path / "tree"
    path.write_text(HEAD + PATCH)
    tree.mkdir()
    if content:
        (tree / "f").write_text(content)
    told = mutants.Mutant(str(path)).fits(str(tree), str(tmp_path / "scratch"))
    assert told is None if why is None else why in told
