# SPDX-License-Identifier: Apache-2.0
"""The images that a cluster for tests needs besides ours: well made, rightly named, and with what is run in them."""

import json
import os
import re
import subprocess
import time

import archive
import pytest
import spdx

SIDECARS = {"csi-provisioner", "csi-attacher", "csi-resizer", "csi-snapshotter", "snapshot-controller"}


@pytest.fixture(scope="module", params=archive.CLUSTER)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Name to the folder where the image is unpacked."""
    return {name: archive.made(name).unpack(tmp_path_factory.mktemp(name)) for name in archive.CLUSTER}


def test_well_made(name, roots):
    image = archive.made(name)
    archive.check_layout(image)
    archive.check_harmless(image)
    archive.check_links(image, roots[name])
    looked = archive.check_libraries(image, roots[name])
    assert (looked > 10) == (name == "glibc-dns-testing"), "all others are static"


def test_sbom(name):
    document = json.loads(archive.made(name).files[archive.SBOM.format(name)][1])
    spdx.check_document(document)
    spdx.check_against_image(document, archive.made(name), name)


def module_folder(module, path):
    return subprocess.run(["go", "-C", os.path.join(archive.TOP, "test/kubernetes/go", module), "list", "-m", "-f",
                           "{{.Dir}}", path], capture_output=True, text=True, check=True).stdout.strip()


def test_names_are_those_that_the_upstream_suite_asks_for():
    with open(os.path.join(module_folder("kubernetes", "k8s.io/kubernetes"), "test/utils/image/manifest.go"),
              encoding="utf-8") as f:
        wanted = set(re.findall(r'= Config\{list\.PromoterE2eRegistry, ("[^"]+", "[^"]+")\}', text := f.read()))
    pause = re.search(r'configs\[Pause\] = Config\{list\.GcRegistry, "pause", "([^"]+)"\}', text).group(1)
    assert f"registry.k8s.io/pause:{pause}" in archive.made("pause").references
    for name in set(archive.CLUSTER) - SIDECARS - {"pause"}:
        [reference] = archive.made(name).references
        path, version = reference.removeprefix("registry.k8s.io/e2e-test-images/").split(":")
        assert f'"{path}", "{version}"' in wanted, reference


@pytest.mark.parametrize("name", sorted(SIDECARS))
def test_sidecars(name, roots):
    """Their names, and that their versions are those of the modules that they are built from."""
    image = archive.made(name)
    [reference] = image.references
    path, _, version = reference.rpartition(":")
    assert path == f"registry.k8s.io/sig-storage/{name}"
    assert image.config["config"]["Entrypoint"] == [f"/{name}"] and image.programs() == {name}
    repository = {"snapshot-controller": "external-snapshotter", "csi-snapshotter": "external-snapshotter"}.get(
        name, name.replace("csi-", "external-"))
    document = json.loads(image.files[archive.SBOM.format(name)][1])
    assert any(re.fullmatch(rf"github\.com/kubernetes-csi/{repository}/v\d+", p["name"]) and p["versionInfo"] == version
               for p in document["packages"])
    assert "-leader-election" in archive.chroot(roots[name], f"/{name}", "--help", user="65532:65532", check=False)


def test_pause(roots):
    assert "pause.c" in archive.chroot(roots["pause"], "/pause", "-v")
    assert archive.made("pause").programs() == {"pause"}
    assert archive.made("pause").config["config"]["User"] == "65535:65535"


@pytest.mark.parametrize("name", ["busybox", "nginx", "agnhost", "glibc-dns-testing"])
def test_shell_commands_of_the_upstream_suite(name, roots):
    """What its storage specs run in these pods: files written, summed, compared, looked at, made executable."""
    archive.chroot(roots[name], "/bin/sh", "-ec", """
        cd /tmp
        echo aGVsbG8= | base64 -d | sha256sum | grep -Fq 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
        dd if=/etc/passwd of=one bs=64 count=1
        cp one two
        diff one two
        test "$(stat -f -c %s /tmp)" -gt 0 && test "$(stat -c %s one)" -gt 0
        echo 'ls /tmp' > script.sh; chmod u+x script.sh; ./script.sh | grep -q one
        head -c 3 one && sync && rm -f one two && [ ! -f one ]
        """)


def test_direct_reads_of_the_upstream_suite(roots):
    """The specs with several pods on one volume ask for a dd that knows these."""
    archive.chroot(roots["glibc-dns-testing"], "/bin/sh", "-ec", """
        dd if=/etc/passwd of=/tmp/x oflag=nocache bs=64 count=1
        blockdev --version""")
    said = archive.chroot(roots["glibc-dns-testing"], "/usr/bin/dd", "--help")
    assert "direct" in said and "nocache" in said


def test_agnhost(roots):
    """Its own programs, and the tool with which the suite enters a node's namespaces."""
    said = archive.chroot(roots["agnhost"], "/agnhost", "--help")
    assert "mounttest" in said and "netexec" in said
    assert archive.made("agnhost").config["config"]["Entrypoint"] == ["/agnhost"]
    applets = archive.made("agnhost").files
    assert "usr/bin/nsenter" in applets and "usr/bin/sh" in applets


def test_containerd_takes_them(tmp_path):
    """All archives, by the real thing; each is then there under its full names."""
    programs = subprocess.run([os.path.join(archive.TOP, "hack/gotools"), "containerd"], stdout=subprocess.PIPE,
                              text=True, check=True).stdout.split()[1]
    (tmp_path / "config.toml").write_text(
        f"version = 3\nroot = '{tmp_path}/root'\nstate = '{tmp_path}/state'\n[grpc]\naddress = '{tmp_path}/socket'\n")
    ctr = [os.path.join(programs, "ctr"), "--address", f"{tmp_path}/socket", "--namespace", "k8s.io"]
    names = archive.PRODUCT + archive.CLUSTER
    with open(tmp_path / "log", "w", encoding="utf-8") as log, \
            subprocess.Popen([os.path.join(programs, "containerd"), "--config", tmp_path / "config.toml"],
                             stdout=log, stderr=log) as daemon:
        try:
            deadline = time.monotonic() + 30
            while subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode != 0:
                assert daemon.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
            for name in names:
                done = subprocess.run([*ctr, "images", "import", "--local", "--digests=false", "--snapshotter", "native",
                                       archive.made(name).path], capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{name}: {done.stderr}"
            there = subprocess.run([*ctr, "images", "list"], capture_output=True, text=True, check=True).stdout
        finally:
            daemon.terminate()
    listed = {line.split()[0]: line.split()[2] for line in there.splitlines()[1:]}
    for name in names:
        for reference in archive.made(name).references:
            assert listed.get(reference) == archive.made(name).digest, reference
