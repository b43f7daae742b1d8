# SPDX-License-Identifier: Apache-2.0
"""What dpkg knows of the machine that the images are made on: whose a file is, and under what licence."""

import functools
import glob
import os
import re

DATABASE = "/var/lib/dpkg"
DOCUMENTS = "/usr/share/doc"

# Debian's short names of licences, and SPDX' for the same. What is not here is not guessed.
SPDX_NAMES = {
    "0BSD": "0BSD", "Apache-2": "Apache-2.0", "Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause",
    "BSD-2-Clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause",
    "BSL-1.0": "BSL-1.0", "CC0-1.0": "CC0-1.0", "Expat": "MIT", "MIT": "MIT", "FSFAP": "FSFAP", "ISC": "ISC",
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later",
    "MPL-2.0": "MPL-2.0", "OLDAP-2.8": "OLDAP-2.8", "X11": "X11", "Zlib": "Zlib", "curl": "curl",
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

    def licences(self):
        """The licences as debian/copyright names them, sorted; none when it is no machine-readable one."""
        with open(self.copyright_file, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if not re.match(r"Format(-Specification)?: *\S*copyright", text, re.I):
            return []
        paragraphs = re.split(r"\n[ \t]*\n", text)
        files = [p for p in paragraphs if re.search(r"^Files:", p, re.M | re.I)]
        return sorted({m.strip() for p in files for m in re.findall(r"^License: *(.+)$", p, re.M | re.I)})

    def spdx_licence(self):
        """The licences as one SPDX expression, None where one of them has no SPDX name here."""
        parts = []
        for licence in self.licences():
            words = re.split(r" (and|or) ", licence)
            names = [SPDX_NAMES.get(word) for word in words[::2]]
            if None in names or len(set(words[1::2])) > 1:
                return None
            joint = f" {words[1].upper()} " if len(words) > 1 else ""
            parts.append(f"({joint.join(names)})" if joint else names[0])
        return " AND ".join(sorted(set(parts))) or None


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
