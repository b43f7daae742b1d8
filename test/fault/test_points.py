# SPDX-License-Identifier: Apache-2.0
"""Each program's table of fault points says what the code has: the same operations, the same steps,
the same changes. Which step is in which operation the programs themselves check, each time that one
is passed in a test build."""

import glob
import os
import re

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ("node", "controller", "target")
# The functions that take a step's name, each with what stands before the name.
TAKERS = r"\b(?:step_run|agent_step|agent_update|work_step|work_save|work_save_hint|work_undo|steps_on_failure)"
# Where one of them hands a name on.
HANDED_ON = {"name", "step", "steps->undo[i].name"}


def read(path):
    with open(path) as f:
        return f.read()


def sources(program):
    return {os.path.relpath(path, TOP): read(path) for path in glob.glob(f"{TOP}/{program}/**/*.c", recursive=True)
            if not path.endswith("core/points.c")}


def table(program):
    """[(operation, step, [change, ...])]"""
    text = re.sub(r"/\*.*?\*/", "", read(f"{TOP}/{program}/core/points.c"), flags=re.DOTALL)
    words = dict(re.findall(r'^#define (\w+) "([^"]*)"', text, re.MULTILINE))
    rows = []
    for operation, step, changes in re.findall(r'\{"(\w+)",\s*("[\w-]+"|FAULT_ANSWER),\s*([^}]*?)\}', text):
        for name, value in words.items():
            changes = re.sub(rf"\b{name}\b", f'"{value}"', changes)
        changes = "".join(re.findall(r'"([^"]*)"', changes)).split()
        rows.append((operation, step.strip('"'), changes))
    return rows


def names(pattern, texts):
    return {name for text in texts for name in re.findall(pattern, text)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_rows_are_all_read(program):
    text = read(f"{TOP}/{program}/core/points.c")
    assert len(table(program)) == len(re.findall(r'^\t\{"', text, re.MULTILINE)) > 10
    assert len({row[:2] for row in table(program)}) == len(table(program)), "a row is there twice"


@pytest.mark.parametrize("program", PROGRAMS)
def test_steps_are_those_of_the_code(program):
    texts = sources(program).values()
    code = names(TAKERS + r'\(\s*[^;]*?[,(]\s*"([\w-]+)",?\s*[\w&()*\s,>.-]*\)', texts)
    assert code == {step for _, step, _ in table(program) if step != "FAULT_ANSWER"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_names_are_literals(program):
    """So that a person finds them."""
    for path, text in sources(program).items():
        for call in re.findall(r"\bstep_run\(\s*[^,]+,\s*([^,]+),", text):
            assert call.startswith('"') or call in HANDED_ON, f"{path}: step_run(..., {call}, ...)"


@pytest.mark.parametrize("program", PROGRAMS)
def test_operations_are_those_of_the_code(program):
    texts = sources(program).values()
    code = names(r'\.operation = "(\w+)"', texts) | names(r'\.operation = [^;]*?\? "(\w+)"', texts) | names(
        r'\.operation = [^;]*?\? "\w+" : "(\w+)"', texts) | names(r'work_begin\([^;]*?"(\w+)"', texts) | names(
        r'#define OPERATION "(\w+)"', texts)
    assert code == {operation for operation, _, _ in table(program)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_changes_are_those_of_the_code(program):
    texts = sources(program).values()
    said = {change for _, _, changes in table(program) for change in changes}
    assert names(r'\bstep_changed\(in, "([\w-]+)"', texts) <= said
    for change in said:
        assert any(f'"{change}"' in text for text in texts), f"no change is called {change}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_answers_can_be_lost(program):
    """Of each RPC, or call of the API, that changes something."""
    answers = {operation for operation, step, _ in table(program) if step == "FAULT_ANSWER"}
    if program == "target":
        assert answers == names(r'\.operation = "(\w+)"', [read(f"{TOP}/target/api/api.c")])
    else:
        steps = {operation for operation, step, _ in table(program) if step != "FAULT_ANSWER"}
        assert answers == {operation for operation in steps if re.match(r"(Node|Controller|Create|Delete)", operation)}
