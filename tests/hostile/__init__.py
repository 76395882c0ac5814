"""Tests with crashes, full disks, network faults, damaged files and random input.

``make test`` runs the fast tests, ``make campaigns`` the rest in a short form, ``make hostile`` all of them in the
long form (``HOSTILE=full``), ``make fuzz`` the fuzzers.
"""

from __future__ import annotations

import os
from collections import Counter

FULL = os.environ.get("HOSTILE") == "full"
SEED = int(os.environ.get("HOSTILE_SEED", "1"))


def sized(short: int, full: int) -> int:
    """Returns ``full`` in the long form, else ``short``."""
    return full if FULL else short


DONE: Counter[str] = Counter()
"""Number of actions of each kind, printed after the last test; the figures in the docs come from it."""
