"""How fast and how lean tagging is, as ratios in one run against what one would otherwise do.

    make bench         small, a table on the terminal
    make bench-full    as many cards as the public dump has, and what only shows at that size; writes RESULTS.md

The cards are made up (``benchmarks/cards.py``). The other ways give less: a count of cards, no place, location, guard,
polarity or reading. Those that would take hours at full size are measured on a part and said per card.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cards import write_cards
from benchmarks.measure import Cost, costs, machine, run

FULL, LARGE, SMALL = 667_424, 3_000_000, 100_000
PART = 5_000
"""Cards for the ways that are slow."""
PANDAS_NAMES = 12
RESULTS = Path(__file__).with_name("RESULTS.md")
CLI = ("-m", "peft_census")


@cache
def names() -> tuple[str, ...]:
    """Returns every name that the taxonomy knows, in lower case."""
    from peft_census.tag import load_taxonomy

    aliases = (alias for technique in load_taxonomy().techniques.values() for alias in technique.aliases)
    return tuple(sorted({alias.text.lower() for alias in aliases}))


def alternation() -> str:
    """Returns one pattern for all names, for engines without look-arounds; word boundaries are ASCII in all."""
    return "(?:" + "|".join(re.sub(r"([^\w\s-])", r"\\\1", name) for name in names()) + ")"


def with_tag(file: Path, out: Path, jobs: int) -> None:
    """This tagger: Parquet of cards in, Parquet of mentions with all evidence out."""
    from peft_census.pipeline.mentions import write_mentions
    from peft_census.pipeline.sources import make_source
    from peft_census.pipeline.tagging import TagOptions

    write_mentions(make_source(str(file)), out, tag_options=TagOptions(jobs))


def with_decoding(file: Path) -> None:
    """Decodes the column of cards, a row group at a time, and does nothing with it."""
    for _ in pq.ParquetFile(file).iter_batches(4096, columns=["card"]):
        pass


def with_duckdb(file: Path, threads: int) -> int:
    """Counts cards that match in DuckDB."""
    import duckdb

    with duckdb.connect(config={"threads": threads}) as database:
        query = "SELECT count(*) FROM read_parquet(?) WHERE regexp_matches(card, ?)"
        row = database.execute(query, [str(file), rf"(?i)\b{alternation()}\b"]).fetchone()
    return int(row[0]) if row else 0


def with_polars(file: Path) -> int:
    """Counts cards that match in Polars, which uses every core."""
    import polars as pl

    pattern = rf"(?i)(?-u:\b){alternation()}(?-u:\b)"
    return int(pl.scan_parquet(file).select(pl.col("card").str.contains(pattern).sum()).collect().item())


def with_pandas(file: Path) -> int:
    """Counts matches of some names in pandas, a name at a time, as a notebook would."""
    import pandas as pd

    cards = pd.read_parquet(file, columns=["card"])["card"]
    some = names()[:: len(names()) // PANDAS_NAMES][:PANDAS_NAMES]
    return int(sum(cards.str.contains(rf"\b{re.escape(name)}\b", case=False, regex=True).sum() for name in some))


def with_python(file: Path) -> int:
    """Finds all names in every card with one regular expression of Python's."""
    pattern = re.compile(rf"\b{alternation()}\b", re.IGNORECASE)
    cards = pq.read_table(file, columns=["card"])["card"].to_pylist()
    return sum(len(pattern.findall(card)) for card in cards if card)


Row = tuple[str, str, float, Cost]


def compare(n: int, folder: Path, times: int = 5) -> tuple[list[Row], Path]:
    """Returns every way with its figures for ``n`` cards (slow ones from fewer), and the file of cards."""
    file, few = folder / f"cards-{n}.parquet", folder / "few.parquet"
    write_cards(n, file)
    part = min(n, PART)
    write_cards(part, few)

    scale, per_name = n / part, len(names()) / PANDAS_NAMES
    ways: list[tuple[str, str, float, Callable[[], object]]] = [
        ("", "tag, 2 processes, all evidence", 1, lambda: with_tag(file, folder / "out.parquet", 2)),
        ("", "tag, 1 process, all evidence", 1, lambda: with_tag(file, folder / "one.parquet", 1)),
        ("a", "decode the column of cards only", 1, lambda: with_decoding(file)),
        ("b", "DuckDB regexp_matches, 2 threads", 1, lambda: with_duckdb(file, 2)),
        ("b", "DuckDB regexp_matches, 1 thread", 1, lambda: with_duckdb(file, 1)),
        ("c", "Polars str.contains, all threads", scale, lambda: with_polars(few)),
        ("d", "pandas str.contains, name by name", scale * per_name, lambda: with_pandas(few)),
        ("e", "Python re.findall, card by card", scale, lambda: with_python(few)),
    ]
    found = costs([work for *_, work in ways], times)
    rows = [
        (letter, name, factor, Cost(one.wall * factor, one.cpu * factor))
        for (letter, name, factor, _), one in zip(ways, found, strict=True)
    ]
    if (folder / "out.parquet").read_bytes() != (folder / "one.parquet").read_bytes():
        raise RuntimeError("two processes gave other bytes than one")
    return rows, file


def table(n: int, rows: list[Row]) -> str:
    """Returns the comparison as a Markdown table."""
    ours = rows[0][3]
    lines = [
        f"| {n:,} cards, {len(names())} names | | seconds | processor seconds | times `tag`'s seconds |",
        "|---|---|---:|---:|---:|",
    ]
    for letter, name, factor, found in rows:
        mark = "" if factor == 1 else f" (× {factor:,.0f})"
        lines.append(
            f"| {name}{mark} | {letter} | {found.wall:,.2f} | {found.cpu:,.2f} | {found.wall / ours.wall:,.2f} |"
        )
    return "\n".join(lines)


def verdicts(rows: list[Row]) -> list[tuple[str, str, str, bool]]:
    """Returns ``(measure, target, figure, held)`` for the targets that the comparison decides."""
    two, one, decode, duck, _, _, pandas, _ = (row[3].wall for row in rows)
    return [
        ("`tag` against (b) on two threads", "no slower", f"{two / duck:.2f} times as long", two <= duck),
        ("`tag` against (d)", "at least 40 times as fast", f"{pandas / two:,.0f} times", pandas >= 40 * two),
        ("`tag` against (a) on two cores", "at most 2.0 times", f"{two / decode:.1f} times", two <= 2 * decode),
        ("scaling from 1 to 2 processes", "at least 1.7 times", f"{one / two:.2f} times", one >= 1.7 * two),
    ]


def start_times(folder: Path, times: int = 7) -> list[tuple[str, str, str, bool]]:
    """Returns how long importing and asking for help take."""
    found = []
    for name, limit, command in (
        ("`import peft_census`", 0.2, ("-c", "import peft_census")),
        ("`peft-census --help`", 0.3, (*CLI, "--help")),
    ):
        took = statistics.median(run(*command, folder=folder)[0] for _ in range(times))
        found.append((name, f"under {limit} s", f"{took:.2f} s", took < limit))
    return found


def at_full_size(file: Path, folder: Path) -> list[tuple[str, str, str, bool]]:
    """Returns the figures that only show at full size: whole census, little changed, memory."""
    found = []
    changed = folder / "changed" / file.name  # the tag cache knows a source by its name
    changed.parent.mkdir()
    write_cards(FULL, changed, changed=0.01)
    for verb, limit in (("tag", 0.1), ("census", 0.1)):
        home = folder / f"home-{verb}"
        home.mkdir()
        outs = [("-o", name) for name in ("first", "second")]
        full, _ = run(*CLI, verb, "-s", file, *outs[0], "-q", folder=home)
        again, _ = run(*CLI, verb, "-s", changed, *outs[1], "-q", folder=home)
        if verb == "census":
            told = f"{full:.0f} s"
            found.append((f"whole census of {FULL:,} cards, first run", "under 300 s", told, full < 300))
        told = f"{again / full:.1%} ({again:.1f} of {full:.1f} s)"
        found.append((f"`{verb}` after 1% of cards changed", "under 10% of the full cost", told, again < limit * full))
    peaks = []
    for n in (SMALL, LARGE):
        cards = folder / f"memory-{n}.parquet"
        write_cards(n, cards)
        peaks.append(run(*CLI, "tag", "-s", cards, "-o", "mentions.parquet", "-q", folder=folder)[1])
        cards.unlink()
    told = f"{peaks[0]:.0f} and {peaks[1]:.0f} MB ({peaks[1] / peaks[0]:.2f} times), all processes"
    held = max(peaks) < 800 and abs(peaks[1] / peaks[0] - 1) <= 0.1
    found.append((f"peak memory of `tag`, {SMALL:,} and {LARGE:,} cards", "same within 10%, under 800 MB", told, held))
    return found


def main() -> None:
    """Prints the table; with --full writes RESULTS.md as well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} cards, and everything else; about half an hour")
    parser.add_argument("--cards", type=int, default=40_000, help="how many cards without --full")
    given = parser.parse_args()
    here = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n = FULL if given.full else given.cards
        rows, file = compare(n, folder)
        targets = verdicts(rows) + start_times(folder)
        targets += at_full_size(file, folder) if given.full else []
    lines = ["| measure | target | figure | |", "|---|---|---|---|"]
    lines += [f"| {m} | {target} | {told} | {'holds' if ok else '**missed**'} |" for m, target, told, ok in targets]
    text = f"{table(n, rows)}\n\n" + "\n".join(lines) + f"\n\n{here}.\n"
    print(text)
    if given.full:
        RESULTS.write_text(_HEAD + text, encoding="utf-8")


_HEAD = """# Tagging at full size

Written by `make bench-full`; what it means, and what the profile shows, is in [README.md](README.md). Medians of five
rounds in which all take turns, after one that does not count; one file of made-up cards, the same cores. (× n):
measured on a part of the cards (pandas also on a part of the names) and multiplied. A target that was missed is marked;
it stays in the table.

"""

if __name__ == "__main__":
    main()
