# SPDX-License-Identifier: Apache-2.0
"""Write an image as an OCI layout in a tar: the same content gives the same bytes, so the same digest."""

import gzip
import hashlib
import io
import json
import tarfile

import tree

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Nothing in an image says when it was made.
NO_TIME = "1970-01-01T00:00:00Z"


def _tar(members):
    """The bytes of a tar of (TarInfo, bytes); all is root's, and of no time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _layer(files):
    kinds = {tree.FILE: tarfile.REGTYPE, tree.FOLDER: tarfile.DIRTYPE, tree.LINK: tarfile.SYMTYPE}
    for path in sorted(files.entries):
        entry = files.entries[path]
        info = tarfile.TarInfo(path.lstrip("/"))
        info.type, info.mode = kinds[entry.kind], entry.mode
        info.linkname = entry.target or ""
        yield info, entry.read() if entry.kind == tree.FILE else b""


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(kind, data, **more):
    return {"mediaType": kind, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), **more}


def write(out, files, run, labels, references, architecture):
    """Write the archive. `run` is the config's part that says how to start. Return: the manifest's digest."""
    layer = _tar(_layer(files))
    packed = gzip.compress(layer, compresslevel=9, mtime=0)
    config = _json({
        "architecture": architecture, "os": "linux", "created": NO_TIME,
        "config": {**run, "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": NO_TIME, "created_by": "hack/image"}],
    })
    manifest = _json({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config), "layers": [_descriptor(LAYER, packed)],
    })
    index = _json({
        "schemaVersion": 2, "mediaType": INDEX,
        # Two names for the same thing: containerd reads the first, others the second.
        "manifests": [_descriptor(MANIFEST, manifest, platform={"architecture": architecture, "os": "linux"}, annotations={
            "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference,
        }) for reference in references],
    })
    blobs = {hashlib.sha256(data).hexdigest(): data for data in (packed, config, manifest)}
    members = [("oci-layout", _json({"imageLayoutVersion": "1.0.0"})), ("index.json", index)]
    members += [(f"blobs/sha256/{digest}", blobs[digest]) for digest in sorted(blobs)]
    with open(out, "wb") as f:
        f.write(_tar((tarfile.TarInfo(name), data) for name, data in members))
    return "sha256:" + hashlib.sha256(manifest).hexdigest()
