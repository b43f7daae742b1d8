# SPDX-License-Identifier: Apache-2.0
"""What is kept beside the chart is what the chart gives, and the table of values is whole."""

import os
import shutil
import subprocess

import chart
import pytest
import table


def manifests(top):
    return subprocess.run([os.path.join(top, "hack/manifests"), "--check"], check=False, text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_manifests_and_table_are_up_to_date():
    done = manifests(chart.SRC)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("change", ["charts/nvmetcp-csi/templates/node.yaml", "deploy/kubernetes/rbac.yaml",
                                    "charts/nvmetcp-csi/values.yaml"])
def test_what_is_out_of_date_is_named(tmp_path, change):
    for part in ("charts", "deploy/kubernetes", "test/chart", "test/kubernetes/go/helm"):
        shutil.copytree(os.path.join(chart.SRC, part), tmp_path / part)
    (tmp_path / "hack").mkdir()
    for file in ("hack/lib.sh", "hack/manifests", "hack/gotools", "deploy/kubernetes.values.yaml"):
        shutil.copy(os.path.join(chart.SRC, file), tmp_path / file)
    assert manifests(tmp_path).returncode == 0
    path = tmp_path / change
    text = path.read_text()
    assert "Directory" in text or "rules:" in text or "17 MiB" in text
    path.write_text(text.replace("type: Directory", "type: File").replace("rules:", "rulez:").replace("17 MiB", "18 MiB"))
    done = manifests(tmp_path)
    wanted = {"templates/node.yaml": "node.yaml", "deploy/kubernetes/rbac.yaml": "rbac.yaml"}
    name = next((n for part, n in wanted.items() if change.endswith(part)), "README.md")
    assert done.returncode == 1 and name in done.stdout and "run hack/manifests" in done.stdout


def entries(schema, root, path):
    """Paths of what an entry of a list may have; of the free maps only the map."""
    for key, value in schema["properties"].items():
        name = value.get("$ref", "").rsplit("/", 1)[-1]
        if name == "secretKey":
            yield from entries(root["$defs"][name], root, f"{path}.{key}")
        else:
            yield f"{path}.{key}"


def test_table_has_all_entries_of_lists():
    root = chart.read_schema()
    with open(os.path.join(chart.CHART, "values.yaml"), encoding="utf-8") as f:
        paths = {path for path, _, _ in table.rows(f.read())}
    for key in ("backends", "storageClasses", "volumeSnapshotClasses"):
        allowed = set(entries(root["properties"][key]["items"], root, f"{key}[]"))
        assert allowed == {p for p in paths if p.startswith(f"{key}[]")}


@pytest.mark.parametrize("text,words", [
    ("a: 1\n", "a: has no description"),
    ("# -- Text.\na:\n  b: 1\nc:\n  d: 2\n", "c.d: has no description"),
    ("# -- Text.\na: 1\n# b[].c -- Text.\n", "b[].c: describes")])
def test_table_misses_nothing(text, words):
    with pytest.raises(SystemExit) as e:
        table.rows(text)
    assert words in str(e.value)


def test_table_of_a_small_file():
    text = "# -- What a\n# is | not.\na: [1]\n# a[].b -- Each.\nc:\n  # -- Deep.\n  d: {}\n"
    assert table.table(text).splitlines()[2:] == [
        "| `a` | `[1]` | What a is \\| not. |", "| `a[].b` | | Each. |", "| `c.d` | `{}` | Deep. |"]
