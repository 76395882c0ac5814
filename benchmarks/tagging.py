"""How fast and how lean tagging is, as ratios in one run against what one would otherwise do.

Run by ``make bench``. Cards are made up from the specimen and filler text, most of them naming no technique,
as on the Hub. Three ways over the same cards, in one process, best of three:

- this tagger, with zones, guards, polarity and evidence;
- pandas ``str.contains`` for each of twelve names, the usual notebook;
- one Python regular expression over every card.

Then the whole census as a process of its own on n and on 4n cards: peak memory must hardly grow (Linux only).
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

REPO = Path(__file__).resolve().parent.parent
NAMES = (
    "lora qlora dora adalora loha lokr ia3 prefix.tuning prompt.tuning p.tuning bottleneck.adapter textual.inversion"
).split()
FILLER = (
    "The data were split by document before training. Each answer was read by two people. Loss fell slowly after "
    "the second epoch and we stopped early. Use it at your own risk; the licence of the base model applies. "
).split()


def make_cards(n: int, seed: int = 7) -> pa.RecordBatch:
    """Returns ``n`` cards of 0.5 to 8 kB, one in twelve from the specimen."""
    rng = random.Random(seed)
    lines = (REPO / "data/specimen/cards.jsonl").read_text(encoding="utf-8").splitlines()
    specimen = [t for line in lines if (t := json.loads(line)["text"])]
    cards = []
    for i in range(n):
        filler = " ".join(rng.choices(FILLER, k=rng.randint(80, 1400)))
        cards.append(f"{rng.choice(specimen)}\n\n{filler}" if i % 12 == 0 else f"# Model {i}\n\n{filler}")
    return pa.RecordBatch.from_pydict({"model_id": [f"bench/m{i}" for i in range(n)], "card": cards})


def best(work: Callable[[], object], times: int = 3) -> float:
    """Returns the shortest of ``times`` durations of ``work``, in seconds."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return min(durations)


def speed(n: int = 20_000) -> None:
    """Prints the three ways beside one another."""
    from peft_census.tag import tag

    cards = make_cards(n)
    size = cards.nbytes / 1e6
    series = pd.Series(cards.column("card").to_pylist())
    one = re.compile(r"\b(?:" + "|".join(NAMES) + r")\b", re.IGNORECASE)
    ours = best(lambda: tag(cards))
    pandas = best(lambda: [series.str.contains(rf"\b{name}\b", case=False, regex=True).sum() for name in NAMES])
    plain = best(lambda: [bool(one.search(card)) for card in series])
    print(f"{n:,} cards, {size:.0f} MB, one process, best of three")
    print(f"  this tagger          {size / ours:8.1f} MB/s   1.00")
    print(f"  pandas str.contains  {size / pandas:8.1f} MB/s   {pandas / ours:.2f} times as long")
    print(f"  one re, yes or no    {size / plain:8.1f} MB/s   {plain / ours:.2f} times as long")


def memory(n: int = 20_000) -> None:
    """Prints the peak memory of a whole census on n and on 4n cards."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for factor in (1, 4):
            file = Path(folder, f"cards{factor}.parquet")
            table = pa.Table.from_batches([make_cards(n * factor)]).rename_columns(["modelId", "card"])
            pq.write_table(table, file, row_group_size=2_000)
            # The kernel's own high-water mark of the child: ru_maxrss would start from the parent's memory.
            code = (
                "import re, sys; from peft_census.cli import main\n"
                "try: main()\nexcept SystemExit: pass\n"
                "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()).group(1), file=sys.stderr)"
            )
            command = [sys.executable, "-c", code, "census", "-s", str(file), "-o", folder, "--quiet"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=True)
            peaks.append(int(done.stderr.split()[-1]) / 1024)
    print(f"peak memory of a census: {peaks[0]:.0f} MB on {n:,} cards, {peaks[1]:.0f} MB on {4 * n:,}", end=" ")
    print(f"({peaks[1] / peaks[0]:.2f} times)")


if __name__ == "__main__":
    speed()
    memory()
