"""LoRA's share where its authors had a choice: cards of the PEFT library, in months when it had other types.

PEFT's soft prompts are for language models only. So a card counts if, before its month, PEFT had released another type
than LoRA: any for tasks of text, and one that is not a soft prompt for all other tasks and where the task is not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Bools
from peft_census.count.cells import STORED, Groups, monthly
from peft_census.count.evidence import Evidence
from peft_census.count.groups import month, month_number, task
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.count.shares import ENOUGH
from peft_census.snapshot.schema import arrow_schema

LIBRARY = "peft"
TEXT, OTHERS = "text", "not text"
SOFT_PROMPT = "soft prompt"
"""The family of types that only language models take."""

_TEXT_TASKS = pa.array(
    "feature-extraction fill-mask question-answering sentence-similarity summarization table-question-answering "
    "text-classification text-generation text-ranking text2text-generation token-classification translation "
    "zero-shot-classification".split()
)


def choice(evidence: Evidence) -> pa.Table:
    """Returns the ``choice`` table: LoRA's share of the cards that count, in all and by month, by kind of task."""
    rows: list[dict[str, Any]] = []
    known = {"created_at", "pipeline_tag", "library_name"} <= set(evidence.models.schema.names)
    for kind in (TEXT, OTHERS) if known else ():
        released = alternatives(evidence, kind)
        among = evidence.among(_had_choice(evidence, kind, released))
        for rule in STORED:
            for cell in Groups(among, among.votes(rule), ()).cells(HEADLINE_TECHNIQUE):
                enough = cell["effective_n"] >= ENOUGH
                whole = {"rule": rule.name, "technique": HEADLINE_TECHNIQUE, "enough": enough, "alternatives": None}
                rows.append({"task": kind, "month": "all"} | whole | cell)
        rows += [
            {"task": kind, "alternatives": _before(released, month_number(row["month"]))} | row
            for row in monthly(among).to_pylist()
            if row["technique"] == HEADLINE_TECHNIQUE
        ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("choice"))


def alternatives(evidence: Evidence, kind: str) -> list[int]:
    """Returns the months in which PEFT released its types other than LoRA that tasks of this kind can take."""
    dates = [
        month_number(fact.released)
        for name, fact in evidence.facts.items()
        if fact.kind == "peft_type" and name != HEADLINE_TECHNIQUE and (kind == TEXT or fact.family != SOFT_PROMPT)
    ]
    return [date for date in dates if date is not None]


def _before(released: list[int], at: int | None) -> int | None:
    return None if at is None else sum(date < at for date in released)


def _had_choice(evidence: Evidence, kind: str, released: list[int]) -> Bools:
    months = month(evidence).dictionary_encode()
    ready = np.array(
        [bool(_before(released, month_number(name))) for name in months.dictionary.to_pylist()], dtype=bool
    )
    when: Bools = ready[months.indices.to_numpy(zero_copy_only=False)]
    text: Bools = pc.is_in(task(evidence), value_set=_TEXT_TASKS).to_numpy(zero_copy_only=False) == (kind == TEXT)
    return when & text & evidence.is_status("library_name", LIBRARY)
