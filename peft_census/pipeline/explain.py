"""Explains one card: what it cites, on which evidence, which candidates were rejected, and how each rule counts it.

In: a card, or a snapshot and a model id. Out: a ``FileExplanation`` or ``ModelExplanation``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import STANDARD, Evidence
from peft_census.errors import BadInputError, UsageError
from peft_census.publish.text.explanation import (
    ExplainedMention,
    FileExplanation,
    ModelExplanation,
    Rejected,
    RuleVotes,
)
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.records import read_record
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot
from peft_census.tag import load_taxonomy, read_card
from peft_census.tag.disambiguation import RejectedCandidate, Rejection

_REJECTIONS = {
    Rejection.EXAMPLE_PROMPT: "an example prompt in the front matter",
    Rejection.EXCLUDED_BY_CONTEXT: "the text around it excludes the technique",
    Rejection.NO_SUPPORTING_CONTEXT: "the text around it does not indicate the technique",
}

_CONTEXT = 50
"""Characters quoted on each side of a mention."""


def explain_file(file: Path) -> FileExplanation:
    """Returns the explanation of the card in ``file``; ``-`` is standard input.

    Raises:
        UsageError: there is no such file.
        BadInputError: it is not text.
    """
    card = _read_text(file)
    tagged = read_card("", card)
    mentions = [ExplainedMention(**asdict(mention)) for mention in tagged.mentions]
    return FileExplanation(
        card=str(file),
        front_matter=tagged.front_matter,
        generators=tagged.generators,
        mentions=[replace(mention, quote=_quote(card, mention)) for mention in mentions],
        rejected=[Rejected(r.technique, r.start, r.end, r.matched, describe_rejection(r)) for r in tagged.rejected],
        counted=how_counted(mentions, load_taxonomy().facts()),
    )


def explain_model(snapshot: Snapshot, model_id: str) -> ModelExplanation:
    """Returns the explanation of a model of ``snapshot``.

    Raises:
        UsageError: the snapshot does not list the model.
    """
    models = snapshot.table("models")
    rows = models.filter(pc.equal(models["model_id"], model_id)).to_pylist()
    if not rows:
        raise UsageError(f"snapshot {snapshot.id} lists no model {model_id!r}", _suggestion(models, model_id))
    table = snapshot.table("mentions")
    absent = dict.fromkeys(arrow_schema("mentions").names)  # a public copy lacks some columns
    mentions = [
        read_record(ExplainedMention, absent | row, snapshot.path)
        for row in table.filter(pc.equal(table["model_id"], model_id)).to_pylist()
    ]
    return ModelExplanation(
        model_id=model_id,
        snapshot_id=snapshot.id,
        status=rows[0]["status"],
        reason=rows[0]["reason"],
        front_matter=rows[0]["front_matter"],
        generators=rows[0]["generators"],
        mentions=[replace(mention, quote=mention.matched) for mention in mentions],
        counted=how_counted(mentions, snapshot.manifest.taxonomy.techniques),
    )


def describe_rejection(rejected: RejectedCandidate) -> str:
    """Returns why a candidate is not a mention, in words."""
    rule = f" (disambiguation rule {rejected.disambiguation_rule})" if rejected.disambiguation_rule else ""
    return _REJECTIONS[rejected.reason] + rule


def how_counted(mentions: list[ExplainedMention], facts: Techniques) -> list[RuleVotes]:
    """Returns the votes of one card under every standard rule. Weights that depend on other cards are left out."""
    rows = [{**asdict(mention), "model_id": "card"} for mention in mentions]
    table = pa.Table.from_pylist(rows, schema=arrow_schema("mentions"))
    evidence = Evidence(pa.table({"model_id": ["card"]}), table, facts)
    return [RuleVotes(rule.name, evidence.votes(rule).totals()) for rule in STANDARD]


def _read_text(file: Path) -> str:
    """Returns the text of ``file`` with its line ends unchanged, because offsets refer to them."""
    if str(file) != "-" and (file.is_dir() or not file.exists()):
        raise UsageError(f"{file} is not a file", "name a README.md, or - for standard input.")
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except (UnicodeDecodeError, OSError) as error:
        raise BadInputError(f"{file}: cannot be read as UTF-8 text ({error})", "save it as UTF-8.") from error


def _suggestion(models: pa.Table, model_id: str) -> str:
    """Returns what to try instead of an id that is not in ``models``."""
    ids = models["model_id"]
    part = re.escape(model_id.strip().rstrip("/").rpartition("huggingface.co/")[2])
    similar = ids.filter(pc.match_substring_regex(ids, part, ignore_case=True)).slice(0, 3).to_pylist()
    if similar:
        return f"did you mean {' or '.join(similar)}?"
    return "ids are owner/name as on the Hub; --snapshot names another snapshot."


def _quote(card: str, mention: ExplainedMention) -> str:
    """Returns the mention with its context on one line."""
    start, end = mention.start, mention.end
    if start is None or end is None:
        return mention.matched
    before, after = card[max(0, start - _CONTEXT) : start], card[end : end + _CONTEXT]
    return " ".join(f"…{before}»{card[start:end]}«{after}…".split())
