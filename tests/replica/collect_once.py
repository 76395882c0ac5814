"""One collection in a process of its own, for tests that kill it.

Run: ``python collect_once.py RAW_FOLDER``; the endpoints come from the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from peft_census.collect.instrument import InstrumentConfig, InstrumentRun
from peft_census.collect.instruments import collect

CLASSES = {"lora": "LoraConfig", "loha": "LoHaConfig", "ia3": "IA3Config"}
CONFIG = InstrumentConfig(("github", "civitai"), readings=3, sample=30, seed=1)

if __name__ == "__main__":
    gaps = collect(InstrumentRun(CONFIG, CLASSES, {}, Path(sys.argv[1]))).gaps
    sys.exit(3 if gaps else 0)
