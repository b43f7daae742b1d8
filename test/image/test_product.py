# SPDX-License-Identifier: Apache-2.0
"""The images that people install: what is in them, that it runs there, and that nothing else is."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import archive
import pytest
import spdx

MIB = 1024 * 1024
NONROOT = "65532:65532"


@pytest.fixture(scope="module", params=archive.PRODUCT)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Name to the folder where the image is unpacked."""
    return {name: archive.made(name).unpack(tmp_path_factory.mktemp(name)) for name in archive.PRODUCT}


def test_there_are_two():
    assert archive.PRODUCT == ["controller", "node"]


def test_layout(name):
    image = archive.made(name)
    archive.check_layout(image)
    with open(os.path.join(archive.TOP, "CMakeLists.txt"), encoding="utf-8") as f:
        version = re.search(r"^project\(\S+ VERSION (\S+)", f.read(), re.M).group(1)
    assert image.references == [f"ghcr.io/nvmetcp-csi/{name}:{version}"]
    assert image.config["config"]["Labels"]["org.opencontainers.image.version"] == version
    assert image.config["config"]["Entrypoint"] == [f"/usr/bin/nvmetcp-{name}"]


def test_nothing_harmful(name, roots):
    image = archive.made(name)
    archive.check_harmless(image)
    archive.check_links(image, roots[name])


@pytest.mark.parametrize("which,budget", [("controller", 15 * MIB), ("node", 60 * MIB)])
def test_size(which, budget):
    size = archive.made(which).size
    print(f"{which}: {size / MIB:.1f} MiB of {budget // MIB} MiB")
    assert size <= budget


def test_programs():
    """Only what is needed, so no shell either."""
    assert archive.made("controller").programs() == {"usr/bin/nvmetcp-controller"}
    assert archive.made("node").programs() == {
        "usr/bin/nvmetcp-node", "usr/sbin/mke2fs", "usr/sbin/mkfs.xfs", "usr/sbin/e2fsck"}
    for which in archive.PRODUCT:
        for shell in ("sh", "bash", "dash", "busybox"):
            assert not any(os.path.basename(path) == shell for path in archive.made(which).files), which


def test_node_has_what_it_runs():
    """The programs of the image are those that the sources name where they start a program."""
    named = set()
    for path in glob.glob(os.path.join(archive.TOP, "node/**/*.c"), recursive=True):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if "spawn_run(&" in text:
            found = {word for word in re.findall(r'(?:add\(args, |argv\[\] = \{)"([^"]+)"', text) if shutil.which(word)}
            assert found, f"{path}: starts a program, but which?"
            named |= found
    there = {os.path.basename(path) for path in archive.made("node").files if path.startswith("usr/sbin/")}
    assert named and there == named | {"mke2fs"}  # which mkfs.ext4 is a link to


def test_modules_of_any_distribution_can_be_read():
    """Debian and Fedora compress kernel modules with xz, Ubuntu and SUSE with zstd; libkmod opens these when needed."""
    files = archive.made("node").files
    assert {"liblzma.so.5", "libzstd.so.1"} <= {os.path.basename(path) for path in files}
    assert files["usr/lib/modules"][0].isdir()


def test_libraries(name, roots):
    assert archive.check_libraries(archive.made(name), roots[name]) > 10


def test_users():
    assert archive.made("controller").config["config"]["User"] == NONROOT
    assert archive.made("node").config["config"]["User"] == "0:0"
    passwd = archive.made("controller").files["etc/passwd"][1].decode()
    assert "nonroot:x:65532:65532:" in passwd and passwd.count("/sbin/nologin\n") == passwd.count("\n")


def test_authorities():
    """Debian's, all of them, and none that this machine has besides."""
    def certificates(text):
        return set(re.findall(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", text))

    wanted = set()
    for path in glob.glob("/usr/share/ca-certificates/mozilla/*.crt"):
        with open(path, encoding="ascii") as f:
            wanted |= certificates(f.read())
    bundle = archive.made("controller").files["etc/ssl/certs/ca-certificates.crt"][1].decode()
    assert len(wanted) > 100 and certificates(bundle) == wanted


def test_programs_run(roots):
    version = archive.made("controller").config["config"]["Labels"]["org.opencontainers.image.version"]
    for which, user in (("controller", NONROOT), ("node", "0:0")):
        assert f"nvmetcp-{which}:" in archive.chroot(roots[which], f"/usr/bin/nvmetcp-{which}", "--help", user=user)
        assert version in archive.chroot(roots[which], f"/usr/bin/nvmetcp-{which}", "--version", user=user)
    for command in (["mkfs.ext4", "-V"], ["mkfs.xfs", "-V"], ["e2fsck", "-V"]):
        assert re.search(r"\d\.\d", archive.chroot(roots["node"], *command)), command


def test_filesystems_are_made(roots):
    """With the features that mke2fs.conf gives, and what e2fsck finds clean."""
    for fstype in ("ext4", "xfs"):
        with open(os.path.join(roots["node"], "tmp", fstype), "wb") as f:
            f.truncate(512 * MIB)
        archive.chroot(roots["node"], f"mkfs.{fstype}", "-q", f"/tmp/{fstype}")
        said = subprocess.run(["blkid", "-p", "-s", "TYPE", "-o", "value", os.path.join(roots["node"], "tmp", fstype)],
                              capture_output=True, text=True, check=True).stdout
        assert said.strip() == fstype
    assert "clean" in archive.chroot(roots["node"], "e2fsck", "-p", "/tmp/ext4")
    features = subprocess.run(["dumpe2fs", "-h", os.path.join(roots["node"], "tmp/ext4")], capture_output=True,
                              text=True, check=True).stdout
    assert "metadata_csum" in features and "has_journal" in features


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_controller_serves_on_a_read_only_root(roots, tmp_path):
    """As the pod has it: not root, nothing to write but the socket's folder."""
    config = {"instance": "image", "backends": [{"name": "far", "type": "linux", "url": "https://127.0.0.1:1",
                                                 "tokenFile": "/run/token"}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "token").write_text("image\n")
    port = free_port()
    script = """root=$1 from=$2 port=$3
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        mount -t tmpfs tmpfs "$root/run"
        mkdir "$root/run/csi" && chown 65532:65532 "$root/run/csi"
        cp "$from"/* "$root/run"
        chmod 0640 "$root/run/token" && chgrp 65532 "$root/run/token"
        exec chroot --userspec=65532:65532 "$root" /usr/bin/nvmetcp-controller --config /run/config.json \
            --endpoint unix:///run/csi/csi.sock --http-address 127.0.0.1:$port"""
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh",
                           roots["controller"], str(tmp_path), str(port)],
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            metrics = fetch(process, f"http://127.0.0.1:{port}/metrics")
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=30)[1]
    assert process.returncode == 0, said
    assert "nvmetcp_" in metrics or "csi_plugin" in metrics, metrics


def fetch(process, url):
    """What the URL answers, as soon as it does; the process must live until then."""
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, process.stderr.read()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < deadline, f"{url}: no answer"
            time.sleep(0.05)


def test_sbom(name):
    with open(os.path.join(archive.TOP, "build/image", f"{name}.spdx.json"), encoding="utf-8") as f:
        document = json.load(f) if archive.made(name) else None
    spdx.check_document(document)
    spdx.check_against_image(document, archive.made(name), name)
    linked = {r["relatedSpdxElement"] for r in document["relationships"] if r["relationshipType"] == "STATIC_LINK"}
    names = {p["name"] for p in document["packages"] if p["SPDXID"] in linked}
    assert {"libgrpc-dev", "libabsl-dev", "libre2-dev"} <= names, "what is linked statically counts, too"


def test_licences_come_along(name):
    """Each Debian package in the image, linked statically or not, has its copyright there; scanners find each file's."""
    files = archive.made(name).files
    document = json.loads(files[archive.SBOM.format(name)][1])
    for package in document["packages"]:
        if package["supplier"] == "Organization: Debian":
            assert files[f"usr/share/doc/{package['name']}/copyright"][1], package["name"]
    for path, (m, data) in files.items():
        if path.startswith("var/lib/dpkg/status.d/") and m.isfile():
            assert data.startswith(f"Package: {os.path.basename(path)}\n".encode())
    assert "var/lib/dpkg/status.d/libc6" in files and "etc/os-release" in files
