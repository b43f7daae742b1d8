# SPDX-License-Identifier: Apache-2.0
"""The list of what is in an image, as SPDX 2.3 in JSON."""

import hashlib
import json
import re
import urllib.parse
from dataclasses import dataclass

import debian
import tree

UNKNOWN = "NOASSERTION"
NO_TIME = "1970-01-01T00:00:00Z"
NAMESPACE = "https://spdx.org/spdxdocs/nvmetcp-csi/"


@dataclass(frozen=True)
class Component:
    """Anything with a name and a version that files come from, or that is linked into them."""
    name: str
    version: str
    licence: str = UNKNOWN
    purl: str = ""
    supplier: str = UNKNOWN
    comment: str = ""
    purpose: str = "LIBRARY"
    # ((reference, (name, text)), ...) of licences that SPDX' list does not have.
    texts: tuple = ()

    @property
    def spdx_id(self):
        return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]+", "-", f"{self.name}-{self.version}")


def of_debian(package):
    """The component for a Debian package."""
    licence, texts = package.spdx_licence()
    quoted = urllib.parse.quote
    return Component(
        package.name, package.version, licence or UNKNOWN,
        f"pkg:deb/debian/{quoted(package.name)}@{quoted(package.version)}?arch={package.architecture}&distro=debian-13",
        "Organization: Debian", f"source package {package.source}", texts=tuple(sorted(texts.items())))


def of_go(path, version):
    """The component for a Go module."""
    return Component(path, version, purl=f"pkg:golang/{path}@{version}")


def _verification_code(files):
    """SPDX' code over the files of one package."""
    sums = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def _file(number, path, entry):
    data = entry.read()
    return {
        "SPDXID": f"SPDXRef-File-{number}", "fileName": "." + path,
        "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
                      {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()}],
        "licenseConcluded": UNKNOWN, "copyrightText": UNKNOWN,
    }


def _package(component, files):
    package = {
        "SPDXID": component.spdx_id, "name": component.name, "versionInfo": component.version,
        "supplier": component.supplier, "downloadLocation": UNKNOWN, "filesAnalyzed": bool(files),
        "licenseConcluded": UNKNOWN, "licenseDeclared": component.licence, "copyrightText": UNKNOWN,
        "primaryPackagePurpose": component.purpose,
    }
    if files:
        package["packageVerificationCode"] = {"packageVerificationCodeValue": _verification_code(files)}
        package["licenseInfoFromFiles"] = [UNKNOWN]
    if component.comment:
        package["comment"] = component.comment
    if component.purl:
        package["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                    "referenceLocator": component.purl}]
    return package


def document(name, image, files, linked):
    """The document. `image` is the component that all else is in, and that files of no package belong to;
    `linked` says for a component what is linked into its programs. Return: the text."""
    held, all_files = {image: []}, []
    for path in sorted(files.entries):
        entry = files.entries[path]
        if entry.kind != tree.FILE:
            continue
        owner = of_debian(entry.owner) if isinstance(entry.owner, debian.Package) else entry.owner or image
        described = _file(len(all_files) + 1, path, entry)
        all_files.append(described)
        held.setdefault(owner, []).append(described)
    for parts in linked.values():
        for part in parts:
            held.setdefault(part, [])
    others = sorted((c for c in held if c is not image), key=lambda c: c.spdx_id)

    def relation(one, kind, other):
        return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}

    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", image.spdx_id)]
    relations += [relation(image.spdx_id, "CONTAINS", c.spdx_id) for c in others]
    relations += [relation(c.spdx_id, "CONTAINS", f["SPDXID"]) for c in [image, *others] for f in held[c]]
    relations += [relation(c.spdx_id, "STATIC_LINK", part.spdx_id)
                  for c in sorted(linked, key=lambda c: c.spdx_id)
                  for part in sorted(linked[c], key=lambda p: p.spdx_id)]
    texts = [{"licenseId": reference, "name": called, "extractedText": text}
             for c in others for reference, (called, text) in c.texts]
    content = {"packages": [_package(c, held[c]) for c in [image, *others]], "files": all_files,
               "relationships": relations, "hasExtractedLicensingInfos": texts}
    mark = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    return json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"{NAMESPACE}{name}-{mark}",
        "creationInfo": {"created": NO_TIME, "creators": ["Tool: nvmetcp-csi-hack-image"]},
        **content,
    }, indent=1) + "\n"
