# SPDX-License-Identifier: Apache-2.0
"""What dpkg knows of the machine that the images are made on: whose a file is, and under what licence."""

import functools
import glob
import os
import re

DATABASE = "/var/lib/dpkg"
DOCUMENTS = "/usr/share/doc"

# Debian's short names of licences, and SPDX' for the same. What is not here is told by its text.
SPDX_NAMES = {
    "0BSD": "0BSD", "Apache-2": "Apache-2.0", "Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause",
    "BSD-2-Clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause",
    "BSL-1.0": "BSL-1.0", "CC0-1.0": "CC0-1.0", "Expat": "MIT", "MIT": "MIT", "FSFAP": "FSFAP", "ISC": "ISC",
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later",
    "MPL-2.0": "MPL-2.0", "OLDAP-2.8": "OLDAP-2.8", "Zlib": "Zlib", "curl": "curl",
}


class Package:
    """One installed binary package."""

    def __init__(self, stanza):
        self.stanza = stanza
        fields = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", stanza, re.M))
        self.name = fields["Package"]
        self.version = fields["Version"]
        self.architecture = fields["Architecture"]
        # "Source: name (version)" where they are not the binary's own.
        self.source = fields.get("Source", self.name)

    @property
    def copyright_file(self):
        return os.path.join(DOCUMENTS, self.name, "copyright")

    @functools.cache
    def _paragraphs(self):
        """debian/copyright's paragraphs; none when it is no machine-readable one."""
        with open(self.copyright_file, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if not re.match(r"Format(-Specification)?: *\S*copyright", text, re.I):
            return []
        return re.split(r"\n[ \t]*\n", text)

    def licences(self):
        """The licences of the files as debian/copyright names them, sorted."""
        files = [p for p in self._paragraphs() if re.search(r"^Files:", p, re.M | re.I)]
        return sorted({m.strip() for p in files for m in re.findall(r"^License: *(.+)$", p, re.M | re.I)})

    def _licence_text(self, licence):
        for paragraph in self._paragraphs():
            found = re.search(rf"^License: *{re.escape(licence)}[ \t]*\n((?:[ \t]+.*(?:\n|$))+)", paragraph, re.M | re.I)
            if found:
                return re.sub(r"^[ \t]+\.?", "", found.group(1), flags=re.M).strip()
        return f"See {self.copyright_file}"

    def spdx_licence(self):
        """The licences as an SPDX expression. Return: it, None without a machine-readable copyright; and
        name to text of those that SPDX' list does not have."""
        own = {}

        def name(licence):
            if licence in SPDX_NAMES:
                return SPDX_NAMES[licence]
            reference = "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", f"{self.name}-{licence}")
            own[reference] = (licence, self._licence_text(licence))
            return reference

        def expression(licence):
            words = re.split(r" (and|or) ", licence)
            text = " ".join(word.upper() if i % 2 else name(word) for i, word in enumerate(words))
            return f"({text})" if len(words) > 1 else text

        parts = {expression(licence) for licence in self.licences()}
        return " AND ".join(sorted(parts)) or None, own


@functools.cache
def packages():
    """Name to Package."""
    with open(os.path.join(DATABASE, "status"), encoding="utf-8") as f:
        stanzas = [s for s in f.read().split("\n\n") if "\nStatus: install ok installed\n" in s]
    return {p.name: p for p in map(Package, stanzas)}


@functools.cache
def _owners():
    owners = {}
    for path in sorted(glob.glob(os.path.join(DATABASE, "info", "*.list"))):
        package = os.path.basename(path)[:-len(".list")].split(":")[0]
        with open(path, encoding="utf-8") as f:
            for line in f:
                owners[merged(line.rstrip("\n"))] = package
    return owners


def merged(path):
    """The path below /usr: dpkg's lists may still name the folders that are links into it."""
    return re.sub(r"^/(bin|sbin|lib|lib64)(/|$)", r"/usr/\1\2", path)


def owner(path):
    """The Package that installed the file, or an error: nothing of unknown origin gets into an image."""
    name = _owners().get(merged(path))
    if name is None:
        raise SystemExit(f"{path}: no Debian package owns it, so it may not go into an image")
    return packages()[name]
