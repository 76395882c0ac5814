"""One card's evidence in words: what it cites, why, what was rejected, and how each rule counts it.

In: a snapshot and a model id, or a card. Out: facts for machines and text for people.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import STANDARD, Evidence
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot
from peft_census.tag import load_taxonomy, read_card
from peft_census.tag.disambiguation import RejectedCandidate, Rejection

_REJECTIONS = {
    Rejection.EXAMPLE_PROMPT: "an example prompt in the front matter",
    Rejection.EXCLUDED_BY_CONTEXT: "the text around it excludes the technique",
    Rejection.NO_SUPPORTING_CONTEXT: "the text around it does not indicate the technique",
}


def explain_file(file: Path) -> tuple[dict[str, Any], str]:
    """Returns facts and text for the card in ``file``.

    Raises:
        UsageError: there is no such file.
        BadInputError: it is no text.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file", "name a README.md.")
    try:
        with file.open(encoding="utf-8", newline="") as stream:  # offsets point into the text as it is
            card = stream.read()
    except (UnicodeDecodeError, OSError) as error:
        raise BadInputError(f"{file}: cannot be read as UTF-8 text ({error})", "save it as UTF-8.") from error
    reading = read_card("", card)
    mentions = [asdict(m) for m in reading.mentions]
    facts = {
        "card": str(file),
        "front_matter": reading.front_matter,
        "generators": reading.generators,
        "mentions": mentions,
        "rejected": [{**asdict(r), "why": describe_rejection(r)} for r in reading.rejected],
        "counted": how_counted(mentions, load_taxonomy().facts()),
    }
    quoted = [_quote(card, m) for m in mentions]
    return facts, _text(str(file), facts, quoted)


def explain_model(snapshot: Snapshot, model_id: str) -> tuple[dict[str, Any], str]:
    """Returns facts and text for a model of ``snapshot``.

    Raises:
        UsageError: the snapshot does not list the model.
    """
    models = snapshot.table("models")
    row = models.filter(pc.equal(models["model_id"], model_id)).to_pylist()
    if not row:
        raise UsageError(f"snapshot {snapshot.id} lists no model {model_id!r}", _near(models, model_id))
    table = snapshot.table("mentions")
    absent = dict.fromkeys(arrow_schema("mentions").names)  # a public copy lacks some columns
    mentions = [absent | row for row in table.filter(pc.equal(table["model_id"], model_id)).to_pylist()]
    facts = {
        "model_id": model_id,
        "snapshot_id": snapshot.id,
        "status": row[0]["status"],
        "reason": row[0]["reason"],
        "front_matter": row[0]["front_matter"],
        "generators": row[0]["generators"],
        "mentions": mentions,
        "counted": how_counted(mentions, snapshot.manifest.taxonomy.techniques),
    }
    return facts, _text(model_id, facts, [m["matched"] for m in mentions])


def _near(models: pa.Table, model_id: str) -> str:
    """Returns what to try instead of an id that is not in ``models``."""
    ids = models["model_id"]
    part = re.escape(model_id.strip().rstrip("/").rpartition("huggingface.co/")[2])
    like = ids.filter(pc.match_substring_regex(ids, part, ignore_case=True)).slice(0, 3).to_pylist()
    if like:
        return f"did you mean {' or '.join(like)}?"
    return "ids are owner/name as on the Hub; --snapshot names another snapshot."


def describe_rejection(rejected: RejectedCandidate) -> str:
    """Returns why a candidate is not a mention, in words."""
    rule = f" (disambiguation rule {rejected.disambiguation_rule})" if rejected.disambiguation_rule else ""
    return _REJECTIONS[rejected.reason] + rule


def how_counted(mentions: list[dict[str, Any]], facts: Techniques) -> list[dict[str, Any]]:
    """Returns, for every standard rule, the votes of one card by technique; weights come from other cards."""
    rows = [{**m, "model_id": "card"} for m in mentions]
    evidence = Evidence(
        pa.table({"model_id": ["card"]}), pa.Table.from_pylist(rows, schema=arrow_schema("mentions")), facts
    )
    return [{"rule": rule.name, "votes": evidence.votes(rule).totals()} for rule in STANDARD]


def _text(title: str, facts: dict[str, Any], quoted: list[str]) -> str:
    lines = [title]
    if facts.get("status", "text") != "text":
        lines.append(f"  no card to read: {facts['status']}" + (f" ({facts['reason']})" if facts["reason"] else ""))
    if facts["generators"]:
        lines.append(f"  written in part by: {', '.join(facts['generators'])}")
    if not facts["mentions"] and not facts.get("rejected"):
        why = "  cites nothing, so no rule counts it"
        return "\n".join([*lines, why if facts.get("status", "text") == "text" else "  no rule counts it"])
    lines.append("")
    if not facts["mentions"]:
        lines.append("mentions: none")
    for mention, quote in zip(facts["mentions"], quoted, strict=True):
        lines += _mention_lines(mention, quote)
    for rejected in facts.get("rejected", [])[:40]:
        lines.append(
            f"rejected: {rejected['technique']} at {rejected['start']} ({rejected['matched']!r}): {rejected['why']}"
        )
    lines += ["", "counted"]
    for vote in facts["counted"]:
        told = ", ".join(f"{t} {v:.2f}".removesuffix(".00") for t, v in vote["votes"].items()) or "not counted"
        lines.append(f"  {vote['rule']:<20} {told}")
    return "\n".join(lines)


def _mention_lines(mention: dict[str, Any], quote: str) -> list[str]:
    said = "denied" if mention["polarity"] == "negated" else "applied" if mention["applied"] else "cited"
    if (mention["correction"] or "").startswith("not_cited"):
        said = "not cited, by correction; does not count"
    elif mention["location"] == "name":
        said = "in a name only, does not count"
    where = mention["location"] or "adapter_config.json"
    place = f" at {mention['start']}–{mention['end']}" if mention["start"] is not None else ""
    lines = [f"{mention['technique']}: {said}", f"    {mention['evidence_level']} in {where}{place}: {quote}"]
    why = [f"read as: {mention['cue']}" if mention["cue"] else "", f"recognised as {mention['form']}"]
    why.append(f"admitted by guard {mention['disambiguation_rule']}" if mention["disambiguation_rule"] else "")
    why.append(f"written by {mention['generator']}" if mention["generator"] else "")
    why.append(f"correction: {mention['correction']}" if mention["correction"] else "")
    return [*lines, "    " + "; ".join(w for w in why if w)]


def _quote(card: str, mention: dict[str, Any]) -> str:
    """Returns the mention with a little of its surroundings, on one line."""
    start, end = mention["start"], mention["end"]
    if start is None:
        return str(mention["matched"])
    before, after = card[max(0, start - 50) : start], card[end : end + 50]
    return " ".join(f"…{before}»{card[start:end]}«{after}…".split())
