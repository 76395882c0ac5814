"""The labels that come back for a random sample of a snapshot's cards, and whether they still are one.

In: a file of ``gold_sample``, filled in by people. Out: its lines with their places in the snapshot. A file that
lost lines, mixes snapshots or is half labelled is refused: what is left of it is no random sample.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.errors import BadInputError, UsageError
from peft_census.pipeline.evaluate import read_rows
from peft_census.pipeline.label_sample import EMPTY, NO_TEXT, STRATA, Population

Rows = list[tuple[int, dict[str, Any]]]
"""Lines with their numbers in the file."""

_NEEDED: dict[str, type | tuple[type, ...]] = {
    "probability": (int, float),
    "snapshot_id": str,
    "stratum": str,
    "stratum_cards": int,
    "model_id": str,
    "sha256": str,
}


def read_sample(file: Path, population: Population) -> list[dict[str, Any]]:
    """Returns the lines of ``file``, each with its ``place`` in the population.

    Lines marked ``unread`` are among them, with whatever labels they have.

    Raises:
        UsageError: there is no such file, or it was drawn from another snapshot.
        BadInputError: no probability sample, lines that are missing or not labelled, labels that contradict
            themselves, cards that are not the snapshot's.
    """
    rows = read_rows(file)
    if not rows:
        raise BadInputError(f"{file} is empty", "draw a sample with peft-census sample-gold.")
    _check_origin(file, rows, population)
    _check_labelled(file, rows)
    _check_cards(file, rows, population)
    _check_strata(file, rows, population)
    return [line for _, line in rows]


def is_read(line: dict[str, Any]) -> bool:
    """Says whether somebody could read the card; where it is gone, its line says ``"unread": true``."""
    return line.get("unread") is not True


def _check_origin(file: Path, rows: Rows, population: Population) -> None:
    for number, line in rows:
        for key, kind in _NEEDED.items():
            if not isinstance(line.get(key), kind):
                raise BadInputError(
                    f"{file}, line {number}: no {key}; labels without known probabilities cannot be weighted",
                    "draw a sample with peft-census sample-gold.",
                )
        if line["snapshot_id"] != population.snapshot_id:
            raise UsageError(
                f"{file} was drawn from snapshot {line['snapshot_id']}, not {population.snapshot_id}",
                f"count that one: --snapshot {line['snapshot_id']}.",
            )


def _check_labelled(file: Path, rows: Rows) -> None:
    waiting = [(n, line) for n, line in rows if is_read(line) and any(line.get(key) is None for key in EMPTY)]
    if waiting:
        number, line = waiting[0]
        raise BadInputError(
            f"{file}: {len(waiting):,} of {len(rows):,} lines are not labelled, the first is line {number} "
            f"({line['model_id']})",
            f"fill {', '.join(EMPTY)} with lists ([] for none), or set unread to true where the card is gone.",
        )
    for number, line in rows:
        if not is_read(line):
            continue
        if not all(isinstance(line[k], list) and all(isinstance(t, str) for t in line[k]) for k in EMPTY):
            raise BadInputError(f"{file}, line {number}: labels are lists of technique ids", "see data/gold/README.md.")
        cited, applied, name_only, negated = (set(line[key]) for key in EMPTY)
        if not applied | negated <= cited or name_only & cited or applied & negated:
            raise BadInputError(
                f"{file}, line {number} ({line['model_id']}): the labels contradict one another",
                "applied and negated are parts of cited and share nothing; name_only shares nothing with cited.",
            )


def _check_cards(file: Path, rows: Rows, population: Population) -> None:
    ids = pa.array([line["model_id"] for _, line in rows], pa.string())
    places = pc.index_in(ids, population.models["model_id"].combine_chunks())
    digests = population.models["card_sha256"].take(places).to_pylist()
    seen: dict[int, int] = {}
    for (number, line), place, sha256 in zip(rows, places.to_pylist(), digests, strict=True):
        if place is None or sha256 != line["sha256"]:
            raise BadInputError(
                f"{file}, line {number}: {line['model_id']} is not that card of the snapshot", "restore the line."
            )
        if place in seen:
            raise BadInputError(
                f"{file}, line {number}: {line['model_id']} again, as in line {seen[place]}", "remove one."
            )
        seen[place] = number
        line["place"] = place


def _check_strata(file: Path, rows: Rows, population: Population) -> None:
    """Raises unless every stratum has all the lines that were drawn from it, of which enough were read."""
    sizes, letters = population.sizes(), list(STRATA)
    drawn: dict[str, list[dict[str, Any]]] = {letter: [] for letter in sizes}
    for number, line in rows:
        code = population.strata[line["place"]]
        if code == NO_TEXT or letters[code] != line["stratum"] or sizes[letters[code]] != line["stratum_cards"]:
            raise BadInputError(
                f"{file}, line {number}: {line['model_id']} is not in that stratum of the snapshot",
                "the sample was drawn by another release, or the line was changed; draw a new one.",
            )
        drawn[line["stratum"]].append(line)
    for letter, lines in drawn.items():
        expected = {round(line["probability"] * sizes[letter]) for line in lines}
        if expected != {len(lines)}:
            told = " or ".join(str(n) for n in sorted(expected)) or "more"
            raise BadInputError(
                f"{file}: {len(lines)} lines of stratum {letter}, but {told} were drawn",
                "restore the lines that are missing: what is left out by choice makes the rest no random sample.",
            )
        if sum(map(is_read, lines)) < min(2, sizes[letter]):
            raise BadInputError(f"{file}: fewer than two cards of stratum {letter} were read", "label more of them.")
