# SPDX-License-Identifier: Apache-2.0
"""What a mutant is: a patch with one plausible mistake, and a head that says which tests must notice.

    What: unstage answers OK although the disconnect failed
    Complaints: 1 10
    Promise: P3
    Test: unit/node/core/test_crash unstage_says_ok_only_when_it_is_done
    --- a/node/core/work.c
    ...

Test is the name of a ctest test, then the functions in it that must fail; there may be several such lines.
Complaints are rows of docs/complaints.md; Promise may be left out."""

import glob
import os
import re
import shutil
import subprocess

FOLDER = os.path.dirname(os.path.abspath(__file__))
KEYS = {"What", "Complaints", "Promise", "Test"}


class Mutant:
    """One patch of this folder."""

    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".patch")
        self.path = path
        with open(path) as f:
            text = f.read()
        head, cut, _ = text.partition("--- a/")
        assert cut, f"{path}: no line begins with '--- a/'"
        lines = [re.fullmatch(r"(\w+): (\S.*)", line) for line in head.splitlines()]
        wrong = [line for line, found in zip(head.splitlines(), lines, strict=True) if not found]
        assert not wrong, f"{path}: a line of the head is not like 'Key: value': {wrong[0]!r}"
        keys = [line[1] for line in lines]
        assert set(keys) <= KEYS, f"{path}: keys of the head are {sorted(KEYS)}, not {sorted(set(keys) - KEYS)}"
        assert {"What", "Test"} <= set(keys), f"{path}: the head needs What and Test"
        words = {key: [line[2] for line in lines if line[1] == key] for key in KEYS}
        self.what = words["What"][0]
        self.complaints = [int(number) for line in words["Complaints"] for number in line.split()]
        self.promise = (words["Promise"] or [""])[0]
        self.tests = {line.split()[0]: line.split()[1:] for line in words["Test"]}
        assert all(self.tests.values()), f"{path}: a Test line names no function"
        self.files = re.findall(r"^\+\+\+ b/(\S+)$", text, re.MULTILINE)

    def apply(self, top):
        """Change the files below @top. Return: None, or why the patch does not fit."""
        done = subprocess.run(["git", "apply", "--unsafe-paths", f"--directory={top}", self.path], cwd="/", check=False,
                              capture_output=True, text=True)
        return done.stderr.strip() or f"git apply ended with {done.returncode}" if done.returncode else None

    def fits(self, top, scratch):
        """Does it apply to the files of @top, tried on copies in @scratch? Return: as apply()."""
        for name in self.files:
            os.makedirs(os.path.dirname(os.path.join(scratch, name)), exist_ok=True)
            if not os.path.exists(os.path.join(top, name)):
                return f"{name} is not there"
            shutil.copyfile(os.path.join(top, name), os.path.join(scratch, name))
        return self.apply(scratch)


def all_mutants():
    return [Mutant(path) for path in sorted(glob.glob(f"{FOLDER}/*.patch"))]
