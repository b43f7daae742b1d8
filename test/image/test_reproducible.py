# SPDX-License-Identifier: Apache-2.0
"""The same input gives the same digest: from another copy of the tree, compiled anew, at another time."""

import os
import shutil
import subprocess

import archive
import pytest


class Tree:
    """A copy of the tree, seen at the place where the build root has it, with an image cache of its own."""

    def __init__(self, source, folder, umask):
        self.folder, self.cache, self.umask = str(folder / "tree"), str(folder / "cache"), umask
        names = subprocess.run(["git", "-c", f"safe.directory={archive.TOP}", "-C", archive.TOP, "ls-files", "-co",
                                "--exclude-standard", "-z"], capture_output=True, check=True).stdout
        for name in filter(None, names.decode().split("\0")):
            if os.path.exists(os.path.join(source, name)):
                os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
                shutil.copy(os.path.join(source, name), os.path.join(self.folder, name))

    def build(self, **environment):
        """hack/image of ours. Return: name to digest."""
        script = 'umask "$1" && mount --bind "$2" "$3" && cd "$3" && exec hack/image controller node'
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", self.umask,
                               self.folder, archive.TOP], stdout=subprocess.PIPE, text=True, check=True,
                              env={**os.environ, "NVMETCP_CACHE": self.cache, **environment})
        return {line.split()[0]: line.split()[2] for line in done.stdout.splitlines()}

    def path(self, name):
        return os.path.join(self.folder, name)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    tree = Tree(archive.TOP, tmp_path_factory.mktemp("first"), "022")
    tree.digests = tree.build()
    return tree


def test_another_copy(first, tmp_path):
    """Other times and modes of the sources, and nothing of the first compilation is used."""
    second = Tree(first.folder, tmp_path, "077")
    assert second.build(CCACHE_DISABLE="1") == first.digests
    for name in ("controller.tar", "controller.spdx.json", "node.tar", "node.spdx.json"):
        with open(first.path(f"build/image/{name}"), "rb") as one, open(second.path(f"build/image/{name}"), "rb") as other:
            assert one.read() == other.read(), name


def test_unchanged_is_left_alone(first):
    before = os.stat(first.path("build/image/node.tar"))
    assert first.build() == first.digests
    after = os.stat(first.path("build/image/node.tar"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_lost_archive_comes_back(first):
    os.unlink(first.path("build/image/node.tar"))
    assert first.build() == first.digests
    assert archive.Archive(first.path("build/image/node.tar")).digest == first.digests["node"]


@pytest.mark.parametrize("changed,names", [("LICENSE", {"controller", "node"}),
                                           ("deploy/image/recipes/node.toml", {"node"})])
def test_changed_input_changes_the_digest(first, changed, names):
    """The cache must not answer for another input."""
    with open(first.path(changed), "r+", encoding="utf-8") as f:
        old = f.read()
        f.seek(0)
        f.write(old.replace("NVMe/TCP", "NVMe over TCP") if changed.endswith(".toml") else old + "\n")
    digests = first.build()
    with open(first.path(changed), "w", encoding="utf-8") as f:
        f.write(old)
    assert {name for name in digests if digests[name] != first.digests[name]} == names
    assert first.build() == first.digests
