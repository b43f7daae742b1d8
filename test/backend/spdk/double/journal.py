# SPDX-License-Identifier: Apache-2.0
"""The disks' contents in a file, so that a killed double comes back with its lvols.

One line of JSON a change, appended by one write: a line is there whole or not at all, and what one
change does to several lvols is on one line. So a change costs the same however many lvols there
are. At start the lines are folded into one; a torn last line, of a machine that lost power, is
dropped. Without a path nothing is kept, but a restart within the process still finds it all.
"""

import json
import os


class Journal:
    def __init__(self, path=None):
        self.path = path
        self.stores, self.lvols = {}, {}
        self.fd = -1
        if path:
            self._read()
            self._fold()

    def _read(self):
        try:
            with open(self.path, encoding="ascii") as f:
                lines = f.readlines()
        except FileNotFoundError:
            return
        for number, line in enumerate(lines):
            try:
                change = json.loads(line)
            except ValueError:
                if number == len(lines) - 1:
                    return
                raise SystemExit("%s:%d: not a line that the double wrote: remove the file to start with empty disks"
                                 % (self.path, number + 1)) from None
            self._apply(change)

    def _apply(self, change):
        self.stores.update((kept["uuid"], kept) for kept in change.get("stores", ()))
        self.lvols.update((kept["uuid"], kept) for kept in change.get("lvols", ()))
        for each in change.get("gone", ()):
            self.lvols.pop(each, None)
            self.stores.pop(each, None)

    def _fold(self):
        if self.fd >= 0:
            os.close(self.fd)
        new = self.path + ".new"
        with open(new, "w", encoding="ascii") as f:
            json.dump({"stores": list(self.stores.values()), "lvols": list(self.lvols.values())}, f)
            f.write("\n")
        os.replace(new, self.path)
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def write(self, **change):
        change = {key: list(value) for key, value in change.items() if value}
        self._apply(change)
        if self.fd >= 0:
            line = (json.dumps(change) + "\n").encode()
            if os.write(self.fd, line) != len(line):
                raise OSError("%s: the disk of the state file is full" % self.path)

    def wipe(self):
        """Empty disks."""
        self.stores, self.lvols = {}, {}
        if self.path:
            self._fold()
