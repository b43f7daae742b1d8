# SPDX-License-Identifier: Apache-2.0
"""Put one mutant after the other into this tree, build what its tests need, and see that they fail.
Called by hack/mutants, in a copy of the tree: what is here is changed and put back.

    run.py copy FROM TO       make TO the same as FROM, writing only what differs
    run.py list [NAME...]
    run.py run [NAME...]"""

import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import time

import mutants

PRESET = "asan"
BUILD = f"build/{PRESET}"
# What tests need that ctest is not told of: they run the programs themselves.
PROGRAMS = ["bin/nvmetcp-controller", "bin/csic"]
# As .gitignore has it, and git's own.
NOT_COPIED = {"build", "__pycache__", ".git"}
SHOWN = 25
BEGAN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGAN:4.0f}s] {text}", file=sys.stderr, flush=True)


def files_below(top):
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in NOT_COPIED]
        for name in names:
            if name not in NOT_COPIED:
                yield os.path.relpath(os.path.join(folder, name), top)


def copy(source, to):
    """Files that are the same are not touched, so that they are not built again."""
    os.makedirs(to, exist_ok=True)
    wanted = set(files_below(source))
    for name in set(files_below(to)) - wanted:
        os.unlink(os.path.join(to, name))
    for name in wanted:
        one, other = os.path.join(source, name), os.path.join(to, name)
        if not os.path.exists(other) or not filecmp.cmp(one, other, shallow=False):
            os.makedirs(os.path.dirname(other), exist_ok=True)
            shutil.copyfile(one, other)
        shutil.copymode(one, other)


def run(*words):
    return subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")


def known_tests():
    """ctest's names, each with the files below the build folder that it runs or is given. From the files that cmake
    wrote: ctest itself leaves out the command of a program that is not built yet."""
    known = {}
    for path in glob.glob(f"{BUILD}/**/CTestTestfile.cmake", recursive=True):
        with open(path) as f:
            for name, words in re.findall(r"^add_test\(\[=\[(.*?)\]=\] (.*)\)$", f.read(), re.MULTILINE):
                known[name] = re.findall(rf'"({re.escape(os.path.abspath(BUILD))}/[^"]+)"', words)
    return known


def build(tests, known):
    targets = {os.path.relpath(path, BUILD) for test in tests for path in known[test]}
    if not all(known[test] for test in tests):
        targets.update(PROGRAMS)
    return run("ninja", "-C", BUILD, *targets)


def failed_functions(output):
    """Of cmocka, also those in which the program died, and of pytest."""
    failed = set(re.findall(r"\[  FAILED  \] (\w+)$", output, re.MULTILINE))
    begun = re.findall(r"\[ RUN      \] (\w+)$", output, re.MULTILINE)
    ended = set(re.findall(r"\[       OK \] (\w+)$", output, re.MULTILINE)) | failed
    skipped = set(re.findall(r"\[  SKIPPED \] (\w+)$", output, re.MULTILINE))
    return failed | (set(begun[-1:]) - ended - skipped) | set(re.findall(r"^FAILED \S*::(\w+)", output, re.MULTILINE))


def try_test(test, functions):
    """Return: None when the functions failed, as they must, else what happened."""
    ran = run("ctest", "--test-dir", BUILD, "-V", "-R", f"^{re.escape(test)}$")
    # ctest -V puts the number of the test before each line.
    output = re.sub(r"^\d+: ", "", ran.stdout, flags=re.MULTILINE)
    if "***Timeout" in output:
        return f"{test} ran out of time"
    if ran.returncode == 0:
        return f"survived {test}"
    failed = failed_functions(output)
    missing = sorted(set(functions) - failed)
    if not missing:
        return None
    return f"{test} failed in {', '.join(sorted(failed)) or 'nothing'}, not in {', '.join(missing)}"


def try_mutant(mutant, known):
    """Return: None when all its tests are red, else what is wrong."""
    before = {}
    for name in mutant.files:
        with open(name) as f:
            before[name] = f.read()
    try:
        wrong = mutant.apply(os.getcwd())
        if wrong:
            return f"does not apply: {wrong}"
        built = build(mutant.tests, known)
        if built.returncode != 0:
            return "does not build:\n" + "\n".join(built.stdout.splitlines()[-SHOWN:])
        wrong = [why for why in (try_test(*test) for test in mutant.tests.items()) if why]
        return "; ".join(wrong) or None
    finally:
        for name, text in before.items():
            with open(name, "w") as f:
                f.write(text)


def check_healthy(tests, known):
    """Without a mutant every test must be green, else red says nothing."""
    built = build(tests, known)
    if built.returncode != 0:
        sys.exit("the tree itself does not build:\n" + "\n".join(built.stdout.splitlines()[-SHOWN:]))
    names = "|".join(re.escape(test) for test in sorted(tests))
    ran = run("ctest", "--test-dir", BUILD, "--output-on-failure", "-R", f"^({names})$")
    if ran.returncode != 0:
        sys.exit("tests fail without any mutant:\n" + "\n".join(ran.stdout.splitlines()[-SHOWN:]))


def run_all(chosen):
    say(f"configuring {PRESET}")
    configured = run("cmake", "--preset", PRESET)
    if configured.returncode != 0:
        sys.exit(configured.stdout)
    known = known_tests()
    tests = {test for mutant in chosen for test in mutant.tests}
    unknown = tests - set(known)
    if unknown:
        sys.exit(f"ctest has no test named {', '.join(sorted(unknown))}")
    say(f"building and running {len(tests)} tests without a mutant")
    check_healthy(tests, known)
    report = []
    for number, mutant in enumerate(chosen, 1):
        began = time.monotonic()
        wrong = try_mutant(mutant, known)
        took = time.monotonic() - began
        say(f"{number} of {len(chosen)}: {mutant.name}: {wrong or 'red'}")
        report.append((mutant.name, wrong, took))
    for name, wrong, took in report:
        print(f"{name:40} {took:4.0f} s  {wrong.splitlines()[0] if wrong else 'red'}")
    bad = sum(1 for _, wrong, _ in report if wrong)
    print(f"{len(report)} mutants, {len(report) - bad} red, {bad} not")
    return 1 if bad else 0


def main():
    command, *names = sys.argv[1:]
    if command == "copy":
        copy(*names)
        return 0
    os.environ["NV_PRESET"] = PRESET
    chosen = mutants.all_mutants()
    unknown = set(names) - {mutant.name for mutant in chosen}
    if unknown:
        sys.exit(f"no mutant named {', '.join(sorted(unknown))}; hack/mutants --list has them")
    chosen = [mutant for mutant in chosen if not names or mutant.name in names]
    if command == "list":
        for mutant in chosen:
            print(f"{mutant.name:40} {mutant.what}")
        return 0
    return run_all(chosen)


if __name__ == "__main__":
    sys.exit(main())
