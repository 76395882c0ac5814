"""How right the tagger is: labelled cards against what the tagger says of them.

In: a JSON-lines file, one labelled card a line: ``id``, ``model_id``, ``text``, ``cited``, ``applied``, and
optionally ``name_only``, ``negated``, ``sure`` (gzip when the name ends in ``.gz``). Out: precision, recall and
F1 for cited and applied, the share of cards with exactly the right set, agreement on "exactly one technique",
and every disagreement with its evidence.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_census.errors import BadInputError, UsageError
from peft_census.pipeline.explain import describe_rejection
from peft_census.settings import bundled
from peft_census.snapshot.files import write_atomically
from peft_census.snapshot.manifest import GoldScores
from peft_census.snapshot.records import read_record
from peft_census.tag import Mention, TaggedCard, read_card

Sets = tuple[set[str], set[str]]
"""Labels and predictions of one card."""


@dataclass(frozen=True)
class Scored:
    """One labelled card beside its reading."""

    label: dict[str, Any]
    reading: TaggedCard

    @property
    def cited(self) -> Sets:
        """Techniques cited: by the label, and with a mention outside location ``name``."""
        return set(self.label["cited"]), {m.technique for m in self.reading.mentions if m.location != "name"}

    @property
    def applied(self) -> Sets:
        """Techniques applied: by the label, and with a mention read as applied."""
        return set(self.label["applied"]), {m.technique for m in self.reading.mentions if m.applied}


SCORES = "scores.json"
"""Name of the file in ``data/gold`` that keeps the figures of record."""


def read_labels(file: Path, texts: Path | None = None) -> list[dict[str, Any]]:
    """Returns the labelled cards of ``file`` that have a text.

    Args:
        file: the labels.
        texts: another such file that holds the texts, found by ``sha256``; for labels kept without texts.

    Raises:
        UsageError: there is no such file.
        BadInputError: a line is not a labelled card.
    """
    known = {label["sha256"]: label["text"] for label in read_labels(texts)} if texts else {}
    labels = []
    for number, label in read_rows(file):
        if "text" not in label and label.get("sha256") in known:
            label["text"] = known[label["sha256"]]
        labels.append(_label(label, file, number))
    return [label for label in labels if label["text"]]


def read_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Returns the objects of a JSON-lines file (gzip when its name ends in ``.gz``) with their line numbers.

    Raises:
        UsageError: there is no such file.
        BadInputError: a line is not an object.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file", "name a JSON-lines file of labelled cards.")
    rows = []
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for number, line in enumerate(data.decode().split("\n"), 1):
            if line.strip():
                rows.append((number, json.loads(line)))
    except (ValueError, OSError, EOFError) as error:
        raise BadInputError(
            f"{file}: not labelled cards in JSON lines ({error})", "see data/gold/README.md."
        ) from error
    for number, row in rows:
        if not isinstance(row, dict):
            raise BadInputError(f"{file}, line {number}: not a labelled card", "a line is one JSON object.")
    return rows


def _label(label: Any, file: Path, number: int) -> dict[str, Any]:
    fits = isinstance(label, dict) and all(
        isinstance(label.get(key), list) and all(isinstance(t, str) for t in label[key]) for key in ("cited", "applied")
    )
    if not fits or not isinstance(label.get("text"), str | None) or "text" not in label:
        raise BadInputError(
            f"{file}, line {number}: not a labelled card",
            "it needs text (a string; or sha256, and --texts) and cited, applied (lists of ids).",
        )
    return dict(label)


def score(labels: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the figures for ``labels``, ready for JSON; ``disagreements`` lists every card that differs."""
    cards = [Scored(label, read_card(label.get("model_id") or "", label["text"])) for label in labels]
    ones = [(len(gold) == 1, len(found) == 1) for gold, found in (c.cited for c in cards)]
    both = sum(g and f for g, f in ones)
    found_one, gold_one = sum(f for _, f in ones), sum(g for g, _ in ones)
    return {
        "cards": len(cards),
        "cited": figures(c.cited for c in cards),
        "applied": figures(c.applied for c in cards),
        "exact_set": _ratio(sum(gold == found for gold, found in (c.cited for c in cards)), len(cards)),
        "exactly_one": {"precision": _ratio(both, found_one), "recall": _ratio(both, gold_one)},
        "per_technique": _per_technique(cards),
        "disagreements": [d for c in cards if (d := _disagreement(c))],
    }


def figures(pairs: Iterable[Sets]) -> dict[str, float]:
    """Returns micro-averaged precision, recall and F1 over (labels, predictions)."""
    right = wrong = missed = 0
    for gold, found in pairs:
        right += len(gold & found)
        wrong += len(found - gold)
        missed += len(gold - found)
    return {
        "precision": _ratio(right, right + wrong),
        "recall": _ratio(right, right + missed),
        "f1": _ratio(2 * right, 2 * right + wrong + missed),
    }


def record(result: dict[str, Any], name: str, file: Path) -> None:
    """Writes the figures of ``result`` under ``name`` into ``file``, beside those that are there.

    Raises:
        BadInputError: ``file`` holds something else.
        OutputError: it cannot be written.
    """
    try:
        scores = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:
        scores = None
    if not isinstance(scores, dict):
        raise BadInputError(f"{file} does not hold figures of record", "give --record another file.")
    scores[name] = {key: result[key] for key in ("cards", "cited", "applied", "exact_set", "exactly_one")}
    write_atomically(file, json.dumps(scores, indent=1, sort_keys=True) + "\n")


def scores_of_record() -> dict[str, GoldScores]:
    """Returns the recorded scores by gold set; every snapshot's manifest holds them."""
    file = bundled("gold") / SCORES
    return read_record(dict[str, GoldScores], json.loads(file.read_text(encoding="utf-8")), file)


def score_rows() -> list[str]:
    """Returns the figures of record as rows of the README's table."""
    return [
        f"| `{name}` | {s.cards} | {s.cited.precision:.3f} | {s.cited.recall:.3f} | "
        f"{s.applied.precision:.3f} | {s.applied.recall:.3f} | {s.exact_set:.3f} |"
        for name, s in sorted(scores_of_record().items())
    ]


def _per_technique(cards: list[Scored]) -> dict[str, Any]:
    names = sorted({t for c in cards for pair in (c.cited, c.applied) for side in pair for t in side})
    labelled = Counter(t for c in cards for t in c.cited[0])
    table = {}
    for name in names:
        only = {name}
        table[name] = {
            "cards": labelled[name],
            "cited": figures((gold & only, found & only) for gold, found in (c.cited for c in cards)),
            "applied": figures((gold & only, found & only) for gold, found in (c.applied for c in cards)),
        }
    return table


def _disagreement(card: Scored) -> dict[str, Any] | None:
    (cited, found_cited), (applied, found_applied) = card.cited, card.applied
    if cited == found_cited and applied == found_applied:
        return None
    concerned = (cited ^ found_cited) | (applied ^ found_applied)
    return {
        "id": card.label.get("id"),
        "model_id": card.label.get("model_id"),
        "sure": card.label.get("sure", True),
        "note": card.label.get("note", ""),
        "cited": {"missed": sorted(cited - found_cited), "wrong": sorted(found_cited - cited)},
        "applied": {"missed": sorted(applied - found_applied), "wrong": sorted(found_applied - applied)},
        "evidence": [_evidence(m) for m in card.reading.mentions if m.technique in concerned],
        "rejected": [
            f"{r.matched!r} at {r.start}: {describe_rejection(r)}"
            for r in card.reading.rejected
            if r.technique in concerned
        ],
    }


def _evidence(mention: Mention) -> str:
    said = "applied" if mention.applied else mention.polarity
    return f"{mention.technique} {said}, {mention.location} at {mention.start}: {mention.matched!r} ({mention.cue})"


def _ratio(part: float, whole: float) -> float:
    """Returns part / whole to six decimals; 1.0 where there was nothing to find and nothing was found."""
    return round(part / whole, 6) if whole else 1.0


def gold_text(result: dict[str, Any]) -> str:
    """Returns the figures and disagreements for a terminal."""
    lines = [f"{result['cards']} labelled cards", f"{'':<12} precision  recall     F1"]
    for measure in ("cited", "applied"):
        f = result[measure]
        lines.append(f"{measure:<12} {f['precision']:<10.4f} {f['recall']:<10.4f} {f['f1']:.4f}")
    one = result["exactly_one"]
    lines.append(f"{'exactly one':<12} {one['precision']:<10.4f} {one['recall']:.4f}")
    lines.append(f"exact set    {result['exact_set']:.4f}")
    lines += ["", "technique                  cards  cited P   R        applied P R"]
    for name, row in result["per_technique"].items():
        c, a = row["cited"], row["applied"]
        lines.append(
            f"{name:<26.26} {row['cards']:>5}  {c['precision']:<8.3f} {c['recall']:<8.3f}  "
            f"{a['precision']:<8.3f} {a['recall']:<8.3f}"
        )
    lines += ["", f"{len(result['disagreements'])} cards differ"]
    for d in result["disagreements"]:
        unsure = "" if d["sure"] else " (label unsure)"
        lines.append(f"{d['id']} {d['model_id'] or ''}{unsure} {d['note']}".rstrip())
        for measure in ("cited", "applied"):
            for kind in ("missed", "wrong"):
                if d[measure][kind]:
                    lines.append(f"    {measure} {kind}: {', '.join(d[measure][kind])}")
        lines += [f"      {line}" for line in [*d["evidence"][:4], *d["rejected"][:2]]]
    return "\n".join(lines)
