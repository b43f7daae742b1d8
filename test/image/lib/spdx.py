# SPDX-License-Identifier: Apache-2.0
"""Check an SBOM against SPDX 2.3's rules for JSON, and against the image and dpkg."""

import hashlib
import json
import os
import re
import subprocess

import archive as oci

ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Names of SPDX' list that occur; another one is looked up there before it is added.
KNOWN = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "FSFAP", "GPL-2.0-only",
    "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-2.0-only", "LGPL-2.0-or-later",
    "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MPL-2.0", "OLDAP-2.8",
    "Zlib", "curl",
}
# Files that no Debian package has, by what they must belong to. The last are made of packages' own.
OURS = {"nvmetcp-csi": {"usr/bin/nvmetcp-controller", "usr/bin/nvmetcp-node", "usr/share/doc/nvmetcp-csi/LICENSE"}}
MADE = {"etc/passwd", "etc/group", "etc/nsswitch.conf"}


def check_document(document):
    """Required fields, identifiers, licence expressions, verification codes."""
    assert (document["spdxVersion"], document["dataLicense"], document["SPDXID"]) == (
        "SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    assert document["name"] and re.fullmatch(r"https://\S+[^#]", document["documentNamespace"])
    assert TIME.fullmatch(document["creationInfo"]["created"])
    assert all(re.match(r"(Tool|Person|Organization): \S", c) for c in document["creationInfo"]["creators"])
    elements = document["packages"] + document["files"]
    ids = [element["SPDXID"] for element in elements]
    assert len(ids) == len(set(ids)) and all(ID.fullmatch(i) for i in ids)
    for relation in document["relationships"]:
        assert relation["spdxElementId"] in {*ids, "SPDXRef-DOCUMENT"} and relation["relatedSpdxElement"] in ids
        assert relation["relationshipType"] in ("DESCRIBES", "CONTAINS", "STATIC_LINK")
    assert [r["spdxElementId"] for r in document["relationships"] if r["relationshipType"] == "DESCRIBES"] == [
        "SPDXRef-DOCUMENT"]
    for file in document["files"]:
        assert file["fileName"].startswith("./") and file["licenseConcluded"] and file["copyrightText"]
        assert {c["algorithm"] for c in file["checksums"]} == {"SHA1", "SHA256"}
    references = {}
    for text in document["hasExtractedLicensingInfos"]:
        assert re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", text["licenseId"]) and text["extractedText"].strip()
        assert references.setdefault(text["licenseId"], text) is text, f"{text['licenseId']}: told twice"
    sums = {file["SPDXID"]: file["checksums"][0]["checksumValue"] for file in document["files"]}
    for package in document["packages"]:
        check_package(package, references)
        held = sorted(sums[r["relatedSpdxElement"]] for r in document["relationships"] if r["relatedSpdxElement"] in sums
                      and r["relationshipType"] == "CONTAINS" and r["spdxElementId"] == package["SPDXID"])
        assert package["filesAnalyzed"] == bool(held), f"{package['name']}: filesAnalyzed"
        assert package.get("packageVerificationCode", {}).get("packageVerificationCodeValue") == (
            hashlib.sha1("".join(held).encode()).hexdigest() if held else None), package["name"]


def check_package(package, references):
    for field in ("name", "versionInfo", "supplier", "downloadLocation", "licenseConcluded", "licenseDeclared",
                  "copyrightText", "primaryPackagePurpose"):
        assert package[field], f"{package['name']}: no {field}"
    licence = package["licenseDeclared"]
    if licence != "NOASSERTION":
        words = re.sub(r"[()]", " ", licence).split()
        names = [word for word in words if word not in ("AND", "OR")]
        assert all(name in KNOWN or name in references for name in names), f"{package['name']}: {licence}"
        # Balanced, and names and operators take turns.
        assert licence.count("(") == licence.count(")") and words[1::2] == [w for w in words if w in ("AND", "OR")]
    for reference in package.get("externalRefs", []):
        assert reference["referenceCategory"] == "PACKAGE-MANAGER" and reference["referenceType"] == "purl"
        assert re.fullmatch(r"pkg:(deb/debian|golang)/[^\s@]+@\S+", reference["referenceLocator"])


def dpkg_owners(paths):
    """Path to the package that dpkg names for it, where it knows one."""
    done = subprocess.run(["dpkg", "-S", *("/" + p for p in paths)], capture_output=True, text=True, check=False)
    owners = {}
    for line in done.stdout.splitlines():
        packages, _, path = line.rpartition(": ")
        owners[path.lstrip("/")] = packages.split(",")[0].split(":")[0]
    return owners


def check_against_image(document, image, name):
    """Every file of the image is listed once, as it is, under the package that it comes from."""
    files = {n: data for n, (m, data) in image.files.items() if m.isfile()}
    assert files.pop(oci.SBOM.format(name)) == json.dumps(document, indent=1).encode() + b"\n", "the one inside differs"
    listed = {f["fileName"][2:]: f for f in document["files"]}
    assert set(listed) == set(files)
    packages = {p["SPDXID"]: p for p in document["packages"]}
    holders = {}
    for r in document["relationships"]:
        if r["relationshipType"] == "CONTAINS" and r["relatedSpdxElement"] not in packages:
            holders.setdefault(r["relatedSpdxElement"], []).append(packages[r["spdxElementId"]])
    known = dpkg_owners(files)
    versions = dict(line.split() for line in subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"], capture_output=True, text=True, check=True
    ).stdout.splitlines())
    for path, data in files.items():
        sums = {c["algorithm"]: c["checksumValue"] for c in listed[path]["checksums"]}
        assert sums == {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}, path
        [holder] = holders[listed[path]["SPDXID"]]
        if path in known and path not in MADE:
            assert (holder["name"], holder["versionInfo"]) == (known[path], versions[known[path]]), path
        else:
            check_not_debians(path, holder, versions)


def check_not_debians(path, holder, versions):
    """A file that dpkg does not know is of a known kind."""
    purpose = holder["primaryPackagePurpose"]
    if path in MADE or path.startswith("var/lib/dpkg/status.d/"):
        assert purpose == "CONTAINER", path
    elif path == "etc/ssl/certs/ca-certificates.crt":
        assert holder["name"] == "ca-certificates"
    elif re.fullmatch(r"usr/share/doc/[^/]+/copyright", path):
        # Below a link to another package's folder.
        assert os.path.dirname(path).rpartition("/")[2] == holder["name"] and holder["name"] in versions
    elif path in OURS["nvmetcp-csi"]:
        assert holder["name"] == "nvmetcp-csi" and holder["licenseDeclared"] == "Apache-2.0"
    else:
        # The one program of an image made from a Go module, in its root folder.
        assert "/" not in path and holder["externalRefs"][0]["referenceLocator"].startswith("pkg:golang/"), path
