"""A random sample of a snapshot's cards for people to label: drawn, written, and read back with labels.

In: a snapshot. Out: a JSON-lines file with one card a line and empty labels. The file does not hold the tagger's
labels, which would bias people, or the card's text. Read back, the file must still be a complete probability sample of
the snapshot; otherwise it is rejected.

Cards are drawn by stratum, because errors are rare and unevenly distributed: an even sample of the Hub would contain
few cards that cite another technique than LoRA. Each line keeps the size of its stratum and its probability of being
drawn, from which ``label_correction`` weights the labels.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import HEADLINE, Evidence, parse_rule
from peft_census.count.arrays import Ints
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.errors import BadInputError, UsageError, output_error
from peft_census.pipeline.evaluate import read_rows
from peft_census.snapshot.records import read_record, to_json
from peft_census.snapshot.snapshot import Snapshot

STRATA = {
    "A": "counted as LoRA alone",
    "B": "counted as another technique alone",
    "C": "counted as citing several techniques",
    "D": "mentions that do not count: names only, or techniques that are not PEFT",
    "E": "candidates, all rejected",
    "F": "no candidate",
}
"""Strata by letter, under rule ``exactly_one``. The file for labellers has the letter only."""

NO_CANDIDATE = "F"
"""The stratum where the tagger had nothing to judge, so that its cards are assumed to cite nothing."""

CHECKS = 0.05
"""The part of the labels that goes to this stratum, to check the assumption."""

MIN_LABELS = 20
"""Labels that every stratum gets if it has so many cards and the sample is large enough."""

NO_TEXT = -1
"""Code of models without a text; they are not drawn."""

LABELS = ("cited", "applied", "name_only", "negated")
"""The keys that the labeller fills in."""

_DRAW = "draw a sample with peft-census sample-gold."
_HINT = f"labels without known probabilities cannot be weighted: {_DRAW} data/gold/README.md describes the labels."


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """One line of the file: a card, its stratum, and its labels, which are None until a person fills them in.

    Other keys of a line are ignored. data/gold/README.md describes the labels; ``unread`` is True if the card no longer
    exists.
    """

    id: str = ""
    model_id: str
    revision: str | None = None
    sha256: str
    source: str = ""
    stratum: str
    stratum_cards: int
    probability: float
    snapshot_id: str
    cited: list[str] | None = None
    applied: list[str] | None = None
    name_only: list[str] | None = None
    negated: list[str] | None = None
    unspecified: bool = False
    sure: bool = True
    unread: bool = False
    note: str = ""


@dataclass(frozen=True)
class Label:
    """A person's labels of one card, as technique ids; ``place`` is its position in the population."""

    place: int
    model_id: str
    cited: frozenset[str]
    applied: frozenset[str]
    name_only: frozenset[str]
    negated: frozenset[str]

    @property
    def consistent(self) -> bool:
        """True if the labels do not contradict each other."""
        return (
            self.applied | self.negated <= self.cited
            and not self.name_only & self.cited
            and not self.applied & self.negated
        )


@dataclass(frozen=True)
class LabelledSample:
    """The labels of a complete sample, and the number of its cards that nobody could read."""

    labels: list[Label]
    unread: int


@dataclass(frozen=True)
class Population:
    """The cards that a sample is drawn from.

    Args:
        snapshot_id: id of the snapshot.
        models: ``model_id``, ``card_sha256`` and ``revision`` of all its models.
        strata: position in ``STRATA`` for each model, or ``NO_TEXT``.
    """

    snapshot_id: str
    models: pa.Table
    strata: Ints

    def sizes(self) -> dict[str, int]:
        """Returns the number of cards of each stratum that has any, by letter."""
        counts = np.bincount(self.strata[self.strata != NO_TEXT], minlength=len(STRATA))
        return {letter: int(n) for letter, n in zip(STRATA, counts, strict=True) if n}


def population_of(snapshot: Snapshot, evidence: Evidence) -> Population:
    """Returns the cards of ``snapshot`` with their strata.

    Raises:
        UsageError: the snapshot is a public copy, which may lack models.
    """
    if snapshot.manifest.public:
        raise UsageError(
            f"snapshot {snapshot.id} is a public copy: a sample is drawn from the snapshot it was made from",
            "name that snapshot with --snapshot.",
        )
    models = snapshot.table("models", ["model_id", "status", "front_matter", "card_sha256", "revision"])
    strata = np.full(models.num_rows, NO_TEXT, dtype=np.int64)
    letters = {letter: i for i, letter in enumerate(STRATA)}
    text = pc.equal(models["status"], "text").to_numpy()
    candidates = models["front_matter"].is_valid().to_numpy()
    mentioned = pc.is_in(models["model_id"], snapshot.table("mentions", ["model_id"])["model_id"]).to_numpy()
    cited, one = evidence.votes(parse_rule("any")), evidence.votes(HEADLINE)
    strata[:] = letters["F"]
    strata[candidates] = letters["E"]
    strata[mentioned] = letters["D"]
    strata[cited.cards] = letters["C"]
    strata[one.cards] = letters["B"]
    strata[one.cards[one.of(HEADLINE_TECHNIQUE) > 0]] = letters["A"]
    strata[~text] = NO_TEXT
    return Population(snapshot.id, models.select(["model_id", "card_sha256", "revision"]), strata)


def allocate(sizes: dict[str, int], n: int) -> dict[str, int]:
    """Returns the number of labels of each stratum, by letter; ``n`` in all.

    Every stratum gets ``MIN_LABELS``, and the one without candidates ``CHECKS`` of the labels. Each other label goes to
    the stratum where it lowers the variance of the corrected share most. This is Neyman's optimal allocation in whole
    numbers (Wright 2012, The American Statistician 66:217-224), with one error rate assumed for all strata, because
    their rates are not known: labels are then proportional to the cards. A stratum with too few cards leaves its other
    labels to the rest.
    """
    minimum = min(MIN_LABELS, n // len(sizes))
    labels = {letter: min(size, minimum) for letter, size in sizes.items()}
    if NO_CANDIDATE in sizes and len(sizes) > 1:
        labels[NO_CANDIDATE] = min(sizes[NO_CANDIDATE], max(minimum, round(CHECKS * n)))
    for _ in range(n - sum(labels.values())):
        available = [letter for letter in sizes if labels[letter] < sizes[letter]]
        judged = [letter for letter in available if letter != NO_CANDIDATE] or available
        labels[max(judged, key=lambda letter: (_gain(sizes[letter], labels[letter]), letter))] += 1
    return labels


def _gain(cards: int, labels: int) -> float:
    """Returns how much one more label of a stratum lowers the standard error, up to a factor."""
    return cards / math.sqrt(labels * (labels + 1)) if labels else math.inf


def draw(population: Population, n: int, seed: int) -> list[SampleRow]:
    """Returns ``n`` rows to label, in random order; the same seed gives the same rows.

    Raises:
        UsageError: ``n`` is more than the number of cards, or less than two for each stratum.
    """
    sizes = population.sizes()
    cards = sum(sizes.values())
    if n > cards:
        raise UsageError(
            f"a sample of {n:,} of {cards:,} cards with a text", f"snapshot {population.snapshot_id} has no more."
        )
    if n < min(cards, 2 * len(sizes)):
        raise UsageError(
            f"a sample of {n:,} is too small: each of {len(sizes)} strata needs two",
            "a corrected share needs some hundred labels.",
        )
    rng = np.random.default_rng(seed)
    rows = []
    for letter, labels in allocate(sizes, n).items():
        places = np.flatnonzero(population.strata == list(STRATA).index(letter))
        rows += [
            SampleRow(
                model_id=model["model_id"],
                revision=model["revision"],
                sha256=model["card_sha256"],
                source=f"sample of {n}, seed {seed}",
                stratum=letter,
                stratum_cards=sizes[letter],
                probability=labels / sizes[letter],
                snapshot_id=population.snapshot_id,
            )
            for model in population.models.take(rng.choice(places, labels, replace=False)).to_pylist()
        ]
    return [replace(rows[place], id=f"s{i:04}") for i, place in enumerate(rng.permutation(len(rows)))]


def write_sample(rows: list[SampleRow], file: Path) -> None:
    """Writes ``rows`` to a new file.

    Raises:
        UsageError: the file exists; it may hold labels.
        OutputError: it cannot be written.
    """
    text = "".join(json.dumps(to_json(row), ensure_ascii=False) + "\n" for row in rows)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UsageError(f"{file} exists and may hold labels", "choose another name for --out.") from error
    except OSError as error:
        raise output_error(file, error) from error


def read_sample(file: Path, population: Population) -> LabelledSample:
    """Returns the labels in ``file``.

    Raises:
        UsageError: there is no such file, or it was drawn from another snapshot.
        BadInputError: the file is not a complete probability sample of ``population``, lines are not labelled, or
            labels contradict each other.
    """
    rows = {n: read_record(SampleRow, row, f"{file}, line {n}", hint=_HINT) for n, row in read_rows(file)}
    if not rows:
        raise BadInputError(f"{file} is empty", _DRAW)
    for row in rows.values():
        if row.snapshot_id != population.snapshot_id:
            raise UsageError(
                f"{file} was drawn from snapshot {row.snapshot_id}, not {population.snapshot_id}",
                f"count that snapshot: --snapshot {row.snapshot_id}.",
            )
    _check_labelled(file, rows)
    labels = _labels(file, rows, population)
    _check_strata(file, rows, population, labels)
    read = [label for n, label in labels.items() if not rows[n].unread]
    return LabelledSample(read, len(rows) - len(read))


def _check_labelled(file: Path, rows: dict[int, SampleRow]) -> None:
    missing = [n for n, row in rows.items() if not row.unread and any(getattr(row, key) is None for key in LABELS)]
    if missing:
        raise BadInputError(
            f"{file}: {len(missing):,} of {len(rows):,} lines are not labelled, the first is line {missing[0]} "
            f"({rows[missing[0]].model_id})",
            f"fill {', '.join(LABELS)} with lists ([] for none), or set unread to true where the card is gone.",
        )


def _labels(file: Path, rows: dict[int, SampleRow], population: Population) -> dict[int, Label]:
    """Returns the labels by line, each with the place of its card in the population."""
    ids = pa.array([row.model_id for row in rows.values()], pa.string())
    places = pc.index_in(ids, population.models["model_id"].combine_chunks())
    digests = population.models["card_sha256"].take(places).to_pylist()
    labels: dict[int, Label] = {}
    lines: dict[int, int] = {}
    for (n, row), place, sha256 in zip(rows.items(), places.to_pylist(), digests, strict=True):
        label = Label(place, row.model_id, *(frozenset(getattr(row, key) or ()) for key in LABELS))
        if not row.unread and not label.consistent:
            raise BadInputError(
                f"{file}, line {n} ({row.model_id}): the labels contradict each other",
                "applied and negated are disjoint subsets of cited; name_only and cited are disjoint.",
            )
        if place is None or sha256 != row.sha256:
            raise BadInputError(
                f"{file}, line {n}: {row.model_id} is not a card of the snapshot, or not this one", "restore the line."
            )
        if place in lines:
            raise BadInputError(
                f"{file}, line {n}: {row.model_id} again, as in line {lines[place]}", "remove one line."
            )
        lines[place] = n
        labels[n] = label
    return labels


def _check_strata(file: Path, rows: dict[int, SampleRow], population: Population, labels: dict[int, Label]) -> None:
    """Checks that every stratum has all lines that were drawn from it, and that enough of its cards were read."""
    sizes, letters = population.sizes(), list(STRATA)
    drawn: dict[str, list[SampleRow]] = defaultdict(list)
    for n, row in rows.items():
        code = population.strata[labels[n].place]
        if code == NO_TEXT or letters[code] != row.stratum or sizes[row.stratum] != row.stratum_cards:
            raise BadInputError(
                f"{file}, line {n}: {row.model_id} is not in that stratum of the snapshot",
                "another release drew the sample, or the line was changed; draw a new sample.",
            )
        drawn[row.stratum].append(row)
    for letter, size in sizes.items():
        expected = {round(row.probability * size) for row in drawn[letter]}
        if expected != {len(drawn[letter])}:
            words = " or ".join(str(n) for n in sorted(expected)) or "more"
            raise BadInputError(
                f"{file}: {len(drawn[letter])} lines of stratum {letter}, but {words} were drawn",
                "restore the missing lines: without them the others are not a random sample.",
            )
        if sum(not row.unread for row in drawn[letter]) < min(2, size):
            raise BadInputError(f"{file}: fewer than two cards of stratum {letter} were read", "label more of them.")
