# SPDX-License-Identifier: Apache-2.0
"""Read an OCI archive, believing nothing that its bytes do not prove, and look for what no image may have."""

import functools
import gzip
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import tarfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
SBOM = "usr/share/doc/nvmetcp-csi/{}.spdx.json"


def recipes(folder):
    """The names of the recipes in a folder of the tree."""
    return sorted(name[:-len(".toml")] for name in os.listdir(os.path.join(TOP, folder)) if name.endswith(".toml"))


PRODUCT = recipes("deploy/image/recipes")
CLUSTER = recipes("test/image/recipes")


class Archive:
    """An image of build/image. `files` is path to (TarInfo, bytes), with paths as in the layer."""

    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as tar:
            self.members = tar.getmembers()
            content = {m.name: tar.extractfile(m).read() for m in self.members}
        assert json.loads(content.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
        self.index = json.loads(content.pop("index.json"))
        self._blobs = content
        self._used = set()
        manifests = {entry["digest"]: entry for entry in self.index["manifests"]}
        assert len(manifests) == 1, "one image under several names, not several images"
        self.digest, entry = manifests.popitem()
        self.manifest = json.loads(self._blob(entry))
        self.config = json.loads(self._blob(self.manifest["config"]))
        assert len(self.manifest["layers"]) == len(self.config["rootfs"]["diff_ids"]) == 1
        packed = self._blob(self.manifest["layers"][0])
        self.layer = gzip.decompress(packed)
        assert self.config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(self.layer).hexdigest()]
        assert self._used == set(self._blobs), "a blob that nothing refers to"
        self.size = sum(len(blob) for blob in self._blobs.values())
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            self.files = {m.name: (m, tar.extractfile(m).read() if m.isfile() else b"") for m in tar}

    def _blob(self, descriptor):
        algorithm, _, digest = descriptor["digest"].partition(":")
        name = f"blobs/{algorithm}/{digest}"
        data = self._blobs[name]
        assert hashlib.sha256(data).hexdigest() == digest and len(data) == descriptor["size"], name
        self._used.add(name)
        return data

    @property
    def references(self):
        return [entry["annotations"]["io.containerd.image.name"] for entry in self.index["manifests"]]

    def programs(self):
        """All executable files that are no shared libraries, and links are not followed."""
        return {name for name, (m, _) in self.files.items()
                if m.isfile() and m.mode & 0o111 and not re.search(r"\.so(\.[0-9.]+)?$", name)}

    def unpack(self, folder):
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            tar.extractall(folder, filter="fully_trusted")
        os.chmod(folder, 0o755)
        return str(folder)


@functools.cache
def _said(names):
    """What hack/image says for each of the names."""
    done = subprocess.run([os.path.join(TOP, "hack/image"), *names], stdout=subprocess.PIPE, text=True, check=True)
    return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}


@functools.cache
def made(name):
    """The image, as hack/image has just made it together with its like."""
    size, digest, reference = _said(tuple(PRODUCT if name in PRODUCT else CLUSTER))[name]
    archive = Archive(os.path.join(TOP, "build/image", name + ".tar"))
    assert digest == archive.digest and reference == archive.references[0]
    assert int(size) == os.path.getsize(archive.path)
    return archive


def chroot(root, *command, user="0:0", check=True):
    """Run a program of an unpacked image, with /proc as every container has it. Return: what it said."""
    script = 'mount -t proc proc "$2/proc" && exec chroot "--userspec=$1" "$2" "${@:3}"'
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "bash", user, root,
                           *command], stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    assert not check or done.returncode == 0, f"{command}: status {done.returncode}: {done.stdout}"
    return done.stdout


def check_layout(archive):
    """What a registry and a runtime expect, beyond the digests, which reading it has checked."""
    assert archive.index["schemaVersion"] == archive.manifest["schemaVersion"] == 2
    assert archive.index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert archive.manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    for entry in archive.index["manifests"]:
        assert entry["mediaType"] == archive.manifest["mediaType"]
        assert entry["platform"] == {"os": archive.config["os"], "architecture": archive.config["architecture"]}
        names = set(entry["annotations"].values())
        assert len(names) == 1 and re.fullmatch(r"[a-z0-9.]+\.[a-z]+/[a-z0-9./-]+:v?[0-9][0-9a-z.-]*", names.pop())
    assert archive.manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert archive.manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    labels = archive.config["config"]["Labels"]
    for label in ("title", "description", "version", "licenses"):
        assert labels["org.opencontainers.image." + label]


def check_harmless(archive):
    """No time, no other owner, no setuid, nothing that anyone may write but /tmp, no device, parents first."""
    assert all((m.mtime, m.uid, m.gid) == (0, 0, 0) for m in archive.members)
    names = list(archive.files)
    assert names == sorted(names)
    for name, (m, _) in archive.files.items():
        assert (m.mtime, m.uid, m.gid, m.uname, m.gname) == (0, 0, 0, "", ""), name
        assert m.isfile() or m.isdir() or m.issym(), f"{name}: is neither file, folder nor link"
        assert not m.mode & (stat.S_ISUID | stat.S_ISGID), f"{name}: setuid or setgid"
        assert m.issym() or not m.mode & stat.S_IWOTH or (name, m.mode) == ("tmp", 0o1777), f"{name}: anyone may write"
        assert os.path.dirname(name) == "" or os.path.dirname(name) in archive.files, f"{name}: no folder for it"
        assert not name.startswith(("src/", "cache/", "home/")), name


def check_links(archive, root):
    """Each link leads to something in the image."""
    for name, (m, _) in archive.files.items():
        if m.issym():
            # "/" is a link's root in the container.
            target = os.path.join(root, os.path.dirname(name), m.linkname) if m.linkname[0] != "/" else root + m.linkname
            assert os.path.exists(target), f"{name}: leads to {m.linkname}, which is not there"


def check_libraries(archive, root):
    """The loader in the image finds all libraries of every dynamic ELF file there. Return: how many it looked at."""
    looked = 0
    for name, (m, data) in archive.files.items():
        if not m.isfile() or data[:4] != b"\x7fELF" or "ld-linux" in name:
            continue
        if "DYNAMIC" not in subprocess.run(["readelf", "-lW", os.path.join(root, name)], capture_output=True,
                                           text=True, check=True).stdout:
            continue
        said = chroot(root, "/lib64/ld-linux-x86-64.so.2", "--list", "/" + name, check=False)
        assert "not found" not in said and "/lib64/ld-linux-x86-64.so.2 (0x" in said, f"{name}: {said}"
        looked += 1
    return looked
