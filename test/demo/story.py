# SPDX-License-Identifier: Apache-2.0
"""How a demo tells what it does."""

import sys
import time

COLOUR = sys.stdout.isatty()


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


class Story:
    """The screen: a numbered line a step with its time, details below it."""

    def __init__(self):
        self.number = 0
        self.start = time.monotonic()
        self.began = 0.0

    def step(self, title):
        self.done()
        self.number += 1
        print(bold(f"{self.number:3}  {title}"), flush=True)
        self.began = time.monotonic()

    def done(self):
        if self.began:
            print(f"       {time.monotonic() - self.began:.1f} s\n", flush=True)
        self.began = 0.0

    def total(self):
        """Seconds since the first word."""
        return time.monotonic() - self.start

    @staticmethod
    def tell(text):
        for line in str(text).strip().splitlines():
            print(f"       {line}", flush=True)
