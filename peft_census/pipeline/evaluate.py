"""Scores the tagger on labelled cards.

In: a JSON-lines file with one labelled card a line (gzip when its name ends in ``.gz``); data/gold/README.md describes
its keys. Out: ``Scores``, and the file of recorded scores.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peft_census.count.scores import CardPairs, Disagreement, Pair, Scores, scores
from peft_census.errors import BadInputError, UsageError
from peft_census.pipeline.explain import describe_rejection
from peft_census.pipeline.frames import filled
from peft_census.snapshot.files import bundled, write_atomically
from peft_census.snapshot.manifest import GoldScores, PrecisionRecall
from peft_census.snapshot.records import read_record, to_json
from peft_census.tag import Mention, TaggedCard, load_taxonomy, read_card

SCORES = "scores.json"
"""The file in ``data/gold`` that holds the recorded scores."""

_RECORDED = ("cards", "cited", "applied", "negated", "exact_set", "exactly_one")
ENOUGH = 20
"""Labelled cards of a technique from which its recall is recorded."""
_HINT = "a line needs text (a string; or sha256, and --texts) and cited, applied (lists of ids)."


@dataclass(frozen=True)
class LabelledCard:
    """One labelled card; ``text`` is None for a model without a card. Other keys of its line are ignored."""

    text: str | None
    cited: list[str]
    applied: list[str]
    negated: list[str] = field(default_factory=list)
    id: str | int | None = None
    model_id: str | None = None
    sha256: str | None = None
    sure: bool = True
    note: str = ""


def read_labels(file: Path, texts: Path | None = None) -> list[LabelledCard]:
    """Returns the labelled cards of ``file`` that have a text. A ``frame`` is one card for each name of a technique.

    Args:
        file: the labels.
        texts: a file of labelled cards with texts, found by ``sha256``, for labels without texts.

    Raises:
        UsageError: there is no such file.
        BadInputError: a line is not a labelled card.
    """
    known = {card.sha256: card.text for card in read_labels(texts)} if texts else {}
    cards = []
    for number, row in read_rows(file):
        if isinstance(frame := row.get("frame"), str):
            cards += [LabelledCard(text, [name], [name], id=row.get("id")) for name, text in filled(frame)]
            continue
        if "text" not in row and row.get("sha256") in known:
            row["text"] = known[row["sha256"]]
        cards.append(read_record(LabelledCard, row, f"{file}, line {number}", hint=_HINT))
    return [card for card in cards if card.text]


def read_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Returns the objects of a JSON-lines file with their line numbers.

    Raises:
        UsageError: there is no such file.
        BadInputError: the file is not text, or a line is not a JSON object.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file", "name a JSON-lines file of labelled cards.")
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        lines = data.decode("utf-8-sig").split("\n")
    except (ValueError, OSError, EOFError) as error:
        raise BadInputError(f"{file}: not readable as UTF-8 text ({error})", "see data/gold/README.md.") from error
    return [(number, _parse(file, number, line)) for number, line in enumerate(lines, 1) if line.strip()]


def _parse(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadInputError(f"{file}, line {number}: not JSON ({error})", "a line is one JSON object.") from error
    if not isinstance(row, dict):
        raise BadInputError(f"{file}, line {number}: not a labelled card", "a line is one JSON object.")
    return row


def score(cards: list[LabelledCard]) -> Scores:
    """Returns the tagger's scores on ``cards``.

    A technique counts as negated if a mention outside names negates it and no mention applies it.
    """
    compared, disagreements = [], []
    for card in cards:
        tagged = read_card(card.model_id or "", card.text or "")
        cited = frozenset(m.technique for m in tagged.mentions if m.location != "name")
        applied = frozenset(m.technique for m in tagged.mentions if m.applied)
        negated = frozenset(m.technique for m in tagged.mentions if m.polarity == "negated" and m.location != "name")
        pairs = CardPairs(
            cited=Pair(frozenset(card.cited), cited),
            applied=Pair(frozenset(card.applied), applied),
            negated=Pair(frozenset(card.negated), negated - applied),
        )
        compared.append(pairs)
        if pairs.differing:
            disagreements.append(_disagreement(card, tagged, pairs))
    return scores(compared, disagreements)


def _disagreement(card: LabelledCard, tagged: TaggedCard, pairs: CardPairs) -> Disagreement:
    techniques = pairs.differing
    return Disagreement(
        id=card.id,
        model_id=card.model_id,
        sure=card.sure,
        note=card.note,
        cited=pairs.cited.difference(),
        applied=pairs.applied.difference(),
        negated=pairs.negated.difference(),
        evidence=[_evidence(m) for m in tagged.mentions if m.technique in techniques],
        rejected=[
            f"{r.matched!r} at {r.start}: {describe_rejection(r)}" for r in tagged.rejected if r.technique in techniques
        ],
    )


def _evidence(mention: Mention) -> str:
    use = "applied" if mention.applied else mention.polarity
    return f"{mention.technique} {use}, {mention.location} at {mention.start}: {mention.matched!r} ({mention.cue})"


def save_scores(result: Scores, name: str, file: Path) -> None:
    """Writes the main figures of ``result`` under ``name`` into ``file``; other entries of ``file`` stay.

    Raises:
        BadInputError: ``file`` holds something else.
        OutputError: it cannot be written.
    """
    try:
        recorded = json.loads(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
    except ValueError:
        recorded = None
    if not isinstance(recorded, dict):
        raise BadInputError(f"{file} does not hold recorded scores", "give --record another file.")
    recall = {t: row.cited.recall for t, row in result.per_technique.items() if row.cards >= ENOUGH}
    recorded[name] = {key: value for key, value in to_json(result).items() if key in _RECORDED} | {"recall": recall}
    write_atomically(file, json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def scores_of_record() -> dict[str, GoldScores]:
    """Returns the recorded scores by gold set; every snapshot's manifest holds them."""
    file = bundled("gold") / SCORES
    return read_record(dict[str, GoldScores], json.loads(file.read_text(encoding="utf-8")), file)


def score_rows() -> list[str]:
    """Returns the recorded scores as rows of the README's table."""
    return [
        f"| `{name}` | {s.cards} | {s.cited.precision:.3f}/{s.cited.recall:.3f} | "
        f"{s.applied.precision:.3f}/{s.applied.recall:.3f} | {_f1(s.negated)} | {s.exact_set:.3f} | "
        f"{_lora_and_lowest(s)} |"
        for name, s in sorted(scores_of_record().items())
    ]


def _f1(scores: PrecisionRecall | None) -> str:
    return "–" if scores is None or scores.f1 is None else f"{scores.f1:.3f}"


def _lora_and_lowest(scores: GoldScores) -> str:
    """Returns the recall of LoRA and the lowest recall of a technique that is counted; a dash without those."""
    facts = load_taxonomy().techniques
    counted = {t: recall for t, recall in scores.recall.items() if facts[t].kind != "not_peft"}
    if len(counted) < len(facts) / 2:
        return "–"
    lowest = min(counted, key=lambda t: (counted[t], t))
    return f"{counted['lora']:.3f}/{counted[lowest]:.3f}"
