"""A random sample of a snapshot's cards for people to label.

In: a snapshot. Out: a JSON-lines file in the format of the gold sets (``gold.py``), one card a line, labels empty
(null). It holds neither the tagger's opinion, so that nobody is led, nor the card's text. ``gold_sample_labels``
reads it when it comes back.

Cards are drawn by stratum. What goes wrong is rare and does not go wrong everywhere alike: an even sample of the
Hub would be read for days and hold three cards that name another technique than LoRA. Each line keeps its
stratum's size and its probability of being drawn, from which every label gets its right weight again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import HEADLINE, Evidence, parse_rule
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.errors import UsageError, output_error
from peft_census.snapshot.snapshot import Snapshot

Ints = npt.NDArray[np.int64]

STRATA = {
    "A": "counted as LoRA alone",
    "B": "counted as another technique alone",
    "C": "counted as citing several techniques",
    "D": "mentions that do not count: names only, or no technique of PEFT's kind",
    "E": "places that might have named a technique, all refused",
    "F": "no place that could name any technique",
}
"""Strata by their letter, which is all that a labeller sees; by rule ``exactly_one``."""

SHARES = {"A": 0.30, "B": 0.15, "C": 0.15, "D": 0.15, "E": 0.15, "F": 0.10}
"""How labels are divided among the strata, beyond the least each one gets."""

SILENT = "F"
"""The stratum where the tagger had nothing to judge."""

LEAST = 20
"""Labels that every stratum gets where it has so many cards and the sample is large enough."""

NO_TEXT = -1
"""Code of models without a card to read; they are not drawn."""

EMPTY = ("cited", "applied", "name_only", "negated")
"""What the labeller fills in: lists of technique ids, null until then."""


@dataclass(frozen=True)
class Population:
    """The cards that a sample is drawn from.

    Args:
        snapshot_id: of the snapshot.
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
    """Returns a snapshot's cards with their strata.

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
    judged = models["front_matter"].is_valid().to_numpy()
    mentioned = pc.is_in(models["model_id"], snapshot.table("mentions", ["model_id"])["model_id"]).to_numpy()
    cited, alone = evidence.votes(parse_rule("any")), evidence.votes(HEADLINE)
    strata[:] = letters["F"]
    strata[judged] = letters["E"]
    strata[mentioned] = letters["D"]
    strata[cited.cards] = letters["C"]
    strata[alone.cards] = letters["B"]
    strata[alone.cards[alone.of(HEADLINE_TECHNIQUE) > 0]] = letters["A"]
    strata[~text] = NO_TEXT
    return Population(snapshot.id, models.select(["model_id", "card_sha256", "revision"]), strata)


def allocate(sizes: dict[str, int], n: int) -> dict[str, int]:
    """Returns how many labels each stratum gets: ``LEAST`` first, then by ``SHARES``; ``n`` in all.

    A stratum that is too small gives up its rest to the others, label by label, to the one furthest below its
    share (D'Hondt's method).
    """
    least = min(LEAST, n // len(sizes))
    taken = {letter: min(size, least) for letter, size in sizes.items()}
    for _ in range(n - sum(taken.values())):
        open_ones = [letter for letter in sizes if taken[letter] < sizes[letter]]
        next_one = min(open_ones, key=lambda letter: ((taken[letter] + 1) / SHARES[letter], letter))
        taken[next_one] += 1
    return taken


def draw(population: Population, n: int, seed: int) -> list[dict[str, Any]]:
    """Returns ``n`` lines to label, in random order; the same seed gives the same lines.

    Raises:
        UsageError: ``n`` is more than there are cards, or too few for two a stratum.
    """
    sizes = population.sizes()
    cards = sum(sizes.values())
    if n > cards:
        raise UsageError(
            f"a sample of {n:,} of {cards:,} cards with a text", f"snapshot {population.snapshot_id} has no more."
        )
    if n < min(cards, 2 * len(sizes)):
        raise UsageError(
            f"a sample of {n:,} is too small: there are {len(sizes)} strata, each needs two",
            "some hundred labels are needed before a corrected share says much.",
        )
    rng = np.random.default_rng(seed)
    lines = []
    for letter, labels in allocate(sizes, n).items():
        rows = np.flatnonzero(population.strata == list(STRATA).index(letter))
        known = {"stratum": letter, "stratum_cards": sizes[letter], "probability": labels / sizes[letter]}
        drawn = rng.choice(rows, labels, replace=False)
        models = population.models.take(drawn).to_pylist()
        lines += [_line(model, known | {"snapshot_id": population.snapshot_id}, n, seed) for model in models]
    return [{"id": f"s{i:04}", **lines[place]} for i, place in enumerate(rng.permutation(len(lines)))]


def _line(model: dict[str, Any], known: dict[str, Any], n: int, seed: int) -> dict[str, Any]:
    """Returns one line to label, without its id."""
    return {
        "model_id": model["model_id"],
        "revision": model["revision"],
        "sha256": model["card_sha256"],
        "source": f"sample of {n}, seed {seed}",
        **known,
        **dict.fromkeys(EMPTY),
        "unspecified": False,
        "sure": True,
        "unread": False,
        "note": "",
    }


def write_sample(lines: list[dict[str, Any]], file: Path) -> None:
    """Writes ``lines`` to a new file.

    Raises:
        UsageError: the file is there; it may hold labels already.
        OutputError: it cannot be written.
    """
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UsageError(f"{file} is there already and may hold labels", "choose another name for --out.") from error
    except OSError as error:
        raise output_error(file, error) from error
