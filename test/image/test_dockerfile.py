# SPDX-License-Identifier: Apache-2.0
"""deploy/Dockerfile says the same as the recipes: packages, commands, and how the images start."""

import json
import os
import re
import shlex
import shutil
import subprocess

import archive
import pytest

# What an image of Debian has without being told.
ESSENTIAL = {"bash", "coreutils", "dash", "gzip", "libc-bin", "sed", "tar", "base-files"}


def instructions():
    """(stage, instruction, arguments), with continued lines joined."""
    with open(os.path.join(archive.TOP, "deploy/Dockerfile"), encoding="utf-8") as f:
        text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", f.read(), flags=re.M))
    stage = None
    for line in filter(str.strip, text.split("\n")):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        yield stage, word, rest.strip()


def of(stage, word):
    return [rest for s, w, rest in instructions() if (s, w) == (stage, word)]


def packages():
    [line] = [rest for rest in of("build", "RUN") if "apt-get install" in rest]
    words = shlex.split(line.split("apt-get install")[1])
    return [word for word in words if not word.startswith("-")]


def closure(names):
    """The packages and all that they depend on, as installed here."""
    stanzas = subprocess.run(["dpkg-query", "-W", "-f", "${Package}|${Provides}|${Pre-Depends}, ${Depends}\n"],
                             capture_output=True, text=True, check=True).stdout
    depends, provided = {}, {}
    for line in stanzas.splitlines():
        package, provides, needs = line.split("|", 2)
        depends[package] = [re.split(r"[ :(]", part.strip())[0] for part in re.split(r"[,|]", needs) if part.strip()]
        for name in re.split(r", *", provides):
            provided.setdefault(re.split(r"[ :(]", name)[0], []).append(package)
    found, todo = set(), list(names)
    while todo:
        name = todo.pop()
        for package in [name] if name in depends else provided.get(name, []):
            if package not in found:
                found.add(package)
                todo += depends[package]
    return found


def test_packages_are_those_of_the_build_root():
    with open(os.path.join(archive.TOP, "hack/packages"), encoding="utf-8") as f:
        root = closure(line.strip() for line in f if line.strip() and line[0] != "#")
    listed = packages()
    assert listed == sorted(set(listed)), "sorted, each once"
    assert not set(listed) - root, "not in hack/packages"


@pytest.mark.parametrize("name", archive.PRODUCT)
def test_packages_hold_all_that_the_images_have(name):
    document = json.loads(archive.made(name).files[archive.SBOM.format(name)][1])
    needed = {p["name"] for p in document["packages"] if p["supplier"] == "Organization: Debian"}
    missing = needed - closure(packages()) - ESSENTIAL
    assert not missing, f"deploy/Dockerfile must install {sorted(missing)} or what depends on them"


def test_packages_hold_the_commands():
    """Those of the RUN lines, of the recipes' program and of the build."""
    used = {"strip", "readelf", "ldd", "gcc", "g++", "ccache", "protoc", "protoc-gen-c", "pkg-config", "gzip"}
    for line in of("build", "RUN"):
        used |= {part.split()[0] for part in line.split("&&")} - {"apt-get"}
    assert {"cmake", "ninja", "python3"} <= used
    there = closure(packages()) | ESSENTIAL
    for command in used:
        path = os.path.realpath(shutil.which(command))
        owner = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=True).stdout.split(":")[0]
        assert owner in there, f"{command} is of {owner}"


@pytest.mark.parametrize("name", archive.PRODUCT)
def test_stage_starts_like_the_image(name):
    config = archive.made(name).config["config"]
    assert of(name, "COPY") == [f"--from=build /out/{name}/ /"]
    assert [json.loads(rest) for rest in of(name, "ENTRYPOINT")] == [config["Entrypoint"]]
    assert of(name, "USER") == [config["User"]]
    assert of(name, "ENV") == config["Env"]
    assert of(name, "WORKDIR") == [config["WorkingDir"]]
    [labels] = of(name, "LABEL")
    assert dict(word.split("=", 1) for word in shlex.split(labels)) == config["Labels"]
    assert any(f"image.py tree {name} /out/{name}" in rest for rest in of("build", "RUN"))


def test_base_is_the_build_roots_suite():
    with open(os.path.join(archive.TOP, "hack/buildroot"), encoding="utf-8") as f:
        [suite] = set(re.findall(r'2?>&1|mmdebstrap .*\\\n.* (trixie) "', f.read())) - {""}
    assert of("build", "FROM") == [f"debian:{suite} AS build"]
    assert [of(name, "FROM") for name in archive.PRODUCT] == [[f"scratch AS {name}"] for name in archive.PRODUCT]
