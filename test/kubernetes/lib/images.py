# SPDX-License-Identifier: Apache-2.0
"""The disk that every node starts from: containerd's folder with all images, and the programs.

Unpacking images in an emulated machine takes minutes, so containerd does it once on this one.
Programs start quicker from a disk than over 9p. The disk is kept in the cache by its content.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import time

import gotools

ARCHIVES = os.path.join(gotools.SRC, "build/image")
CACHE = os.environ.get("NVMETCP_CACHE", "/cache")
SIZE_MIB = 16384
PROGRAMS = {"containerd": ("containerd", "containerd-shim-runc-v2", "ctr"), "kubernetes": ("kubelet", "kube-proxy")}
KEEP = 3


def archives():
    found = sorted(glob.glob(os.path.join(ARCHIVES, "*.tar")))
    if not found:
        raise SystemExit("no images in build/image: run hack/image")
    return found


def key(paths):
    digest = hashlib.sha256("".join(gotools.folders()[module] for module in PROGRAMS).encode())
    for path in paths:
        with open(path, "rb") as f:
            digest.update(hashlib.file_digest(f, "sha256").digest())
    return digest.hexdigest()[:16]


def fill(folder, paths):
    """Run a containerd of our own on @folder just long enough to import @paths."""
    with tempfile.TemporaryDirectory() as run:
        socket, config = f"{run}/containerd.sock", f"{run}/config.toml"
        with open(config, "w") as f:
            f.write(f"version = 3\nroot = '{folder}'\nstate = '{run}/state'\n"
                    "disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.runtime']\n"
                    f"[grpc]\n  address = '{socket}'\n[ttrpc]\n  address = '{run}/ttrpc.sock'\n")
        ctr = [gotools.program("containerd", "ctr"), "--address", socket, "-n", "k8s.io"]
        with open(f"{folder}.log", "wb") as log:
            daemon = subprocess.Popen([gotools.program("containerd", "containerd"), "-c", config],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                end = time.monotonic() + 60
                while subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode != 0:
                    if daemon.poll() is not None or time.monotonic() > end:
                        raise SystemExit(f"containerd did not start; see {folder}.log")
                    time.sleep(0.1)
                for path in paths:
                    subprocess.run([*ctr, "images", "import", "--local", path], check=True, stdout=subprocess.DEVNULL,
                                   stderr=log)
            finally:
                daemon.terminate()
                daemon.wait()


def forget_old():
    disks = sorted(glob.glob(os.path.join(CACHE, "node-disk-*.img")), key=os.path.getmtime)
    for path in disks[:-KEEP]:
        os.unlink(path)


def node_disk():
    """The path of the disk, made if it is not there. A node gets a copy."""
    paths = archives()
    disk = os.path.join(CACHE, f"node-disk-{key(paths)}.img")
    with open(os.path.join(CACHE, "node-disk.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(disk):
            os.utime(disk)
            return disk
        work = f"{disk}.{os.getpid()}"
        # On a tmpfs: containerd's overlays cannot lie on the overlay that the build root is.
        with tempfile.TemporaryDirectory(dir="/tmp") as tree:
            os.makedirs(f"{tree}/containerd")
            fill(f"{tree}/containerd", paths)
            os.unlink(f"{tree}/containerd.log")
            os.makedirs(f"{tree}/programs")
            for module, names in PROGRAMS.items():
                for name in names:
                    shutil.copy(gotools.program(module, name), f"{tree}/programs")
            with open(work, "wb") as f:
                f.truncate(SIZE_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=1", "-d", tree, work], check=True)
        os.rename(work, disk)
        forget_old()
    return disk
