# SPDX-License-Identifier: Apache-2.0
"""Runs the ```console blocks of a page: lines that begin with "$ " are commands of one shell, the
lines below each are what it must print. "…" stands for anything within a line, alone on a line for
any number of lines; runs of blanks count as one. A command without lines below it may print anything.
"""

import re
import subprocess

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@end of command@@"


def commands(text):
    """[(command, [line that it must print])] of all blocks."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def matches(expected, output):
    """Is @output what the lines @expected say? No lines: anything is."""
    if not expected:
        return True
    lines = [" ".join(line.split()) for line in output.strip().splitlines()]
    pattern = ""
    for line in expected:
        if line == "…":
            pattern += r"(?:.*\n)*"
        else:
            pattern += r"[^\n]*".join(re.escape(part) for part in " ".join(line.split()).split("…")) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in lines)) is not None


def run(text, folder, environment, timeout=1800):
    """Run all commands of a page in @folder; stops at the first that fails or prints something else."""
    steps = commands(text)
    script = "exec 2>&1\n" + "".join(
        f"{command}\nstatus=$?; echo; echo '{MARK}' $status; [ $status = 0 ] || exit 1\n" for command, _ in steps)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    answers = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
    for (command, expected), output, status in zip(steps, answers[0::2], answers[1::2]):
        if status != "0":
            raise AssertionError(f"$ {command}\nended with {status}:\n{output}")
        if not matches(expected, output):
            raise AssertionError(f"$ {command}\nshould print\n" + "\n".join(expected) + f"\nand printed\n{output}")
    if len(answers) != 2 * len(steps) + 1:
        raise AssertionError(f"the shell ended early:\n{done.stdout}")
