#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make container images from recipes, without a container engine.

Usage: image.py build [NAME...]     write build/image/NAME.tar and .spdx.json (without a name: all)
       image.py tree NAME FOLDER    only put the files of one image below FOLDER, which must not exist;
                                    our programs must have been built

A recipe is a TOML file in deploy/image/recipes (ours) or test/image/recipes (what a cluster for
tests needs besides); the fields are said in recipe.py. An image whose content is unchanged is taken
from the cache. Prints for each image its name, size in bytes, digest and first reference.
"""

import concurrent.futures
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys

import oci
import recipe

CACHE = os.path.join(os.environ.get("NVMETCP_CACHE", "/var/tmp/nvmetcp-csi"), "image")
OUT = os.path.join(recipe.TOP, "build/image")
# Images of one name that the cache keeps.
KEPT = 3


def cache_key(made):
    """A hash of all that the image's bytes come from, but for the SBOM in it, which follows from the rest."""
    key = hashlib.sha256()
    here = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(n for n in os.listdir(here) if n.endswith(".py")):
        with open(os.path.join(here, name), "rb") as f:
            key.update(hashlib.sha256(f.read()).digest())
    key.update(json.dumps([made.references, made.labels, made.run, made.architecture], sort_keys=True).encode())
    key.update(repr(sorted((c.spdx_id, sorted(p.spdx_id for p in parts)) for c, parts in made.linked.items())).encode())
    for path, entry in sorted(made.tree.entries.items()):
        key.update(f"{path}\0{entry.kind}\0{entry.mode:o}\0{entry.target}\0".encode())
        key.update(hashlib.sha256(entry.read()).digest() if entry.kind == "file" else b"")
    return key.hexdigest()[:24]


def keep_few(name):
    """Remove all but the newest of an image's cached results."""
    found = [os.path.join(CACHE, entry) for entry in os.listdir(CACHE) if entry.rpartition("-")[0] == name]
    for old in sorted(found, key=os.path.getmtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def make(name, work):
    """Make one image in a folder."""
    made = recipe.load(name)
    folder = os.path.join(CACHE, f"{name}-{cache_key(made)}")
    if not os.path.isdir(folder):
        os.makedirs(work)
        text = made.add_sbom()
        with open(os.path.join(work, f"{name}.spdx.json"), "w", encoding="utf-8") as f:
            f.write(text)
        tar = os.path.join(work, f"{name}.tar")
        digest = oci.write(tar, made.tree, made.run, made.labels, made.references, made.architecture)
        with open(os.path.join(work, f"{name}.digest"), "w", encoding="utf-8") as f:
            f.write(digest + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(work, folder)
        keep_few(name)
    return name, folder, made.references[0]


def publish(name, folder):
    """Copy what is not yet in build/image; each file appears there whole. Return: (size, digest)."""
    with open(os.path.join(folder, f"{name}.digest"), encoding="utf-8") as f:
        digest = f.read()
    there = os.path.join(OUT, f"{name}.digest")
    current = None
    if os.path.exists(there) and os.path.exists(os.path.join(OUT, f"{name}.tar")):
        with open(there, encoding="utf-8") as f:
            current = f.read()
    if current != digest:
        for entry in sorted(os.listdir(folder), key=lambda e: e.endswith(".digest")):
            shutil.copyfile(os.path.join(folder, entry), os.path.join(OUT, entry + ".new"))
            os.rename(os.path.join(OUT, entry + ".new"), os.path.join(OUT, entry))
    return os.path.getsize(os.path.join(OUT, f"{name}.tar")), digest.strip()


def prepare(names):
    """Have the programs built that the recipes take from elsewhere."""
    recipes = [recipe.read(name) for name in names]
    own = [program for fields in recipes for program in fields.get("built", [])]
    modules = sorted({fields["go"]["module"] for fields in recipes if "go" in fields})
    for command in (["hack/build", "release", *own] if own else [], ["hack/gotools", *modules] if modules else []):
        # Their progress and complaints are seen; what they print is for us.
        if command and subprocess.run(command, cwd=recipe.TOP, stdout=sys.stderr, check=False).returncode != 0:
            raise SystemExit(f"{' '.join(command)}: failed, see above")


def build(names):
    os.makedirs(OUT, exist_ok=True)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(names)
        work = os.path.join(CACHE, f".work.{os.getpid()}")
        try:
            with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
                for done in pool.map(make, names, [os.path.join(work, name) for name in names]):
                    name, folder, reference = done
                    size, digest = publish(name, folder)
                    print(f"{name} {size} {digest} {reference}", flush=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def main():
    known = recipe.names()
    command, names = sys.argv[1:2], sys.argv[2:]
    folder = names.pop() if command == ["tree"] and len(names) == 2 else None
    if unknown := set(names) - set(known):
        raise SystemExit(f"no recipe '{min(unknown)}'; there are: {' '.join(known)}")
    if command == ["build"]:
        build(names or known)
    elif folder:
        made = recipe.load(names[0])
        made.add_sbom()
        made.tree.write(folder)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
