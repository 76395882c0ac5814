"""A hostile day: crashes, full disks, bad networks, bad files, nonsense input.

Short in the normal test run; ``make hostile`` runs the campaign (``HOSTILE=full``), ``make fuzz`` the fuzzers.
"""

from __future__ import annotations

import os
from collections import Counter

FULL = os.environ.get("HOSTILE") == "full"
SEED = int(os.environ.get("HOSTILE_SEED", "1"))


def sized(short: int, full: int) -> int:
    """Returns how often to do something: ``short`` in the normal run, ``full`` in the campaign."""
    return full if FULL else short


DONE: Counter[str] = Counter()
"""What the campaign did, by kind; printed at its end, so that the figures in the docs come from a command."""
