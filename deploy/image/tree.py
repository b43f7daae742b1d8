# SPDX-License-Identifier: Apache-2.0
"""The files of one image: gathered from the machine, each with the package it comes from."""

import json
import os
import re
import stat
import subprocess

import debian

FILE, FOLDER, LINK = "file", "folder", "link"
# Debian's layout: these are links into /usr.
MERGED = ("bin", "sbin", "lib", "lib64")


class Entry:
    """One path of an image. `data` is bytes of our own or, as `source`, a file of the machine."""

    def __init__(self, kind, mode, owner, data=b"", source=None, target=None):
        self.kind, self.mode, self.owner = kind, mode, owner
        self.data, self.source, self.target = data, source, target

    def read(self):
        if self.source is None:
            return self.data
        with open(self.source, "rb") as f:
            return f.read()


def output(*command):
    """What a command says; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def is_dynamic(path):
    return "INTERP" in output("readelf", "-lW", path)


def libraries(path):
    """The shared libraries that the loader takes for a program or library, with the loader itself."""
    text = output("ldd", path)
    missing = re.findall(r"^\s*(\S+) => not found", text, re.M)
    if missing:
        raise SystemExit(f"{path}: libraries not found: {', '.join(missing)}")
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", text, re.M)


def opened_later(path):
    """Names of libraries that one opens when it needs them, as its notes tell it (without those only suggested)."""
    names = []
    for found in re.findall(r"Dlopen Metadata: (\[.*\])", output("readelf", "-nW", path)):
        for feature in json.loads(found):
            if feature.get("priority") in ("required", "recommended"):
                names += feature["soname"]
    return names


class Tree:
    """Paths to entries. `owner` is what stands in the SBOM: a debian.Package or the name of another package."""

    def __init__(self):
        self.entries = {}
        for name in MERGED:
            self.folder(f"/usr/{name}")
            self.link(f"/{name}", f"usr/{name}")
        for name in ("/dev", "/etc", "/proc", "/run", "/sys", "/var"):
            self.folder(name)
        self.folder("/root", 0o700)
        self.folder("/tmp", 0o1777)

    def _put(self, path, entry):
        path = os.path.normpath(path)
        old = self.entries.setdefault(path, entry)
        if old is not entry and (old.kind, old.source, old.data, old.target) != (
                entry.kind, entry.source, entry.data, entry.target):
            raise SystemExit(f"{path}: comes into the image twice, from {old.source} and {entry.source}")
        parent = os.path.dirname(path)
        if parent not in self.entries and parent != "/":
            self.folder(parent)

    def folder(self, path, mode=0o755):
        self._put(path, Entry(FOLDER, mode, None))

    def link(self, path, target, owner=None):
        self._put(path, Entry(LINK, 0o777, owner, target=target))

    def text(self, path, data, owner, mode=0o644):
        self._put(path, Entry(FILE, mode, owner, data=data if isinstance(data, bytes) else data.encode()))

    def file(self, path, source, owner, mode):
        """A file from elsewhere."""
        self._put(path, Entry(FILE, mode, owner, source=source))

    def host_file(self, path):
        """A file of a Debian package at its own place; a link comes with what it leads to."""
        path = debian.merged(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))
        owner = debian.owner(path)
        if os.path.islink(path):
            target = os.readlink(path)
            self.link(path, target, owner)
            self.host_file(os.path.join(os.path.dirname(path), target))
            return
        mode = stat.S_IMODE(os.stat(path).st_mode)
        self.file(path, path, owner, mode & 0o755)

    def closure(self, path):
        """All libraries that a program needs, and those that they open by name."""
        todo = libraries(path) if is_dynamic(path) else []
        while todo:
            library = todo.pop()
            known = debian.merged(os.path.realpath(library)) in self.entries
            self.host_file(library)
            if known:
                continue
            for name in opened_later(library):
                full = os.path.join(os.path.dirname(os.path.realpath(library)), name)
                if not os.path.exists(full):
                    raise SystemExit(f"{library} opens {name}, which is not installed")
                todo += [full] + libraries(full)

    def program(self, path):
        """A program of a Debian package with its libraries."""
        self.host_file(path)
        with open(path, "rb") as f:
            if f.read(4) != b"\x7fELF":
                raise SystemExit(f"{path}: is no ELF program, and the images have no interpreter for it")
        self.closure(path)

    def owners(self):
        """All packages that files come from, by name for Debian's, in their order."""
        found = {e.owner for e in self.entries.values() if isinstance(e.owner, debian.Package)}
        return sorted(found, key=lambda p: p.name)

    def write(self, folder):
        """Make the tree real below a folder that does not exist yet."""
        os.makedirs(folder)
        for path in sorted(self.entries):
            entry, full = self.entries[path], folder + path
            if entry.kind == LINK:
                os.symlink(entry.target, full)
                continue
            if entry.kind == FOLDER:
                os.makedirs(full, exist_ok=True)
            else:
                with open(full, "wb") as f:
                    f.write(entry.read())
            os.chmod(full, entry.mode)
