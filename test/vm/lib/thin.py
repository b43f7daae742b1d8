# SPDX-License-Identifier: Apache-2.0
"""A pool "pool" in a thin pool of LVM, made by the commands that docs/target.md has for it."""

import os
import re

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/target.md")
# Its entry in the configuration.
POOL = {"name": "pool", "type": "lvmthin", "path": "/srv/pool", "vg": "vg0", "thinPool": "pool"}
# The first thin volume brings a layer of the pool that stays for good: no volume's leftover.
FIRST = "lvm lvcreate --yes -V 4m -T vg0/pool -n first && lvm lvremove --yes vg0/first\n"


def commands(disk, apt=True):
    """Lines of a shell that make it on @disk, once used; the page's pool is named "fast". A machine without
    a system of its own has the packages and no apt."""
    with open(PAGE) as page:
        found = re.search(r"^```\n(apt install lvm2 .*?)^```$", page.read(), re.MULTILINE | re.DOTALL)[1]
    if not apt:
        found = found.partition("\n")[2]
    return "export DEBIAN_FRONTEND=noninteractive\n" + found.replace("/dev/…", disk).replace("fast", "pool") + FIRST
