"""The counted tables of the registry in ``schema``: what ``count`` makes of models and mentions."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from peft_census.snapshot.schema.column import Column, Public

_column = partial(Column, public=Public.AS_IS)
"""A column of a counted table: its values are numbers and words of the census, so that the public copy keeps it."""

RULE = _column(
    "rule",
    pa.string(),
    "Name of the rule: words joined by `/`, as in `exactly_one/variants_separate/human_only`; see docs/method.md.",
    nullable=False,
)

SHARE = (
    _column("numerator", pa.float64(), "Votes for the technique.", "votes", nullable=False),
    _column(
        "base",
        pa.float64(),
        "All votes: cards, authors, clusters or downloads, as the rule has it.",
        "votes",
        nullable=False,
    ),
    _column("cards", pa.int64(), "Cards that the rule counts.", "cards", nullable=False),
    _column("share", pa.float64(), "numerator / base; null where the base is zero.", "fraction"),
    _column("low", pa.float64(), "Lower bound of the interval that takes cards as independent.", "fraction"),
    _column("high", pa.float64(), "Upper bound of it.", "fraction"),
    _column("method", pa.string(), "How the interval was made.", nullable=False),
)

_TECHNIQUE = _column("technique", pa.string(), "Technique id.", nullable=False)
_MONTH = _column(
    "month", pa.string(), "Month of creation, `2025-04`; `before 2022-03` for the Hub's first day.", nullable=False
)
_CELLS = (
    _column("numerator", pa.float64(), "Votes for the technique.", "votes"),
    _column("base", pa.float64(), "All votes of the cell.", "votes"),
    _column("share", pa.float64(), "numerator / base; null where nothing is shown.", "fraction"),
    _column("low", pa.float64(), "Lower bound of the interval.", "fraction"),
    _column("high", pa.float64(), "Upper bound of the interval.", "fraction"),
    _column("method", pa.string(), "How the interval was made."),
)
_ENOUGH = _column("enough", pa.bool_(), "Whether there are cards enough to say something.", nullable=False)


def _count(name: str, meaning: str) -> Column:
    return _column(name, pa.int64(), meaning, "models", nullable=False)


COUNTED_TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "shares": (
        "The counted shares: one row for every technique under every rule.",
        (
            RULE,
            _column("population", pa.string(), "Which cards were considered.", nullable=False),
            _column("technique", pa.string(), "Technique id.", nullable=False),
            *SHARE,
            _column("author_low", pa.float64(), "Lower bound when cards of an author go together.", "fraction"),
            _column("author_high", pa.float64(), "Upper bound of it; null for techniques far down.", "fraction"),
            _column("author_method", pa.string(), "How that interval was made."),
            _column("effective_n", pa.float64(), "Independent cards that would tell as much.", "cards"),
            _column("unread_low", pa.float64(), "Share if no unread card voted for it.", "fraction"),
            _column("unread_high", pa.float64(), "Share if all did; null where cards weigh unequally.", "fraction"),
        ),
    ),
    "sensitivity": (
        "The headline's technique under every combination of rules that makes sense (a specification curve), by share.",
        (
            RULE,
            _column("technique", pa.string(), "Technique id.", nullable=False),
            *SHARE,
            _column("enough", pa.bool_(), "Whether there are cards enough to take part in the range.", nullable=False),
        ),
    ),
    "authorship": (
        "Where the evidence stands and who wrote it: cards that cite each technique (rule any), by location.",
        (
            RULE,
            _TECHNIQUE,
            _column(
                "location",
                pa.string(),
                "Location of the card, `configuration` for adapter_config.json, or `anywhere`.",
                nullable=False,
            ),
            _column("cards", pa.int64(), "Cards that cite it there.", "cards", nullable=False),
            _column("human", pa.int64(), "Those where a person wrote some of it.", "cards", nullable=False),
            _column("generated_only", pa.int64(), "Those where tools wrote all of it.", "cards", nullable=False),
        ),
    ),
    "agreement": (
        "Cited against configured, for models whose adapter_config.json could be read and has a known type.",
        (
            _column("variants", pa.string(), "`variants_grouped` or `split`.", nullable=False),
            _TECHNIQUE,
            _count("listed", "Models that the source lists."),
            _count("checked", "Models of which card and configuration can be compared."),
            _count("cites_and_is", "The card cites it and the configuration has it."),
            _count("cites_but_is_not", "The card cites it, the configuration has it not."),
            _count("is_but_does_not_cite", "The configuration has it, the card is silent."),
            _count("neither", "Neither."),
            _column(
                "citing_that_are",
                pa.float64(),
                "Part of those that cite it; null without any.",
                "fraction",
            ),
            _column("citing_that_are_low", pa.float64(), "Lower bound.", "fraction"),
            _column("citing_that_are_high", pa.float64(), "Upper bound.", "fraction"),
            _column(
                "being_that_cite",
                pa.float64(),
                "Part of those that are it; null without any.",
                "fraction",
            ),
            _column("being_that_cite_low", pa.float64(), "Lower bound.", "fraction"),
            _column("being_that_cite_high", pa.float64(), "Upper bound.", "fraction"),
            _column("method", pa.string(), "How the intervals were made.", nullable=False),
        ),
    ),
    "breakdown": (
        "Shares within groups of cards. A cell of fewer than 5 cards or 3 authors is suppressed, and where one alone "
        "would be, the next smallest with it.",
        (
            RULE,
            _column("dimension", pa.string(), "What the cards are grouped by.", nullable=False),
            _column("value", pa.string(), "The group; `other` for the rest of a long list.", nullable=False),
            _column("suppressed", pa.bool_(), "Whether the cell is hidden; it then has one row.", nullable=False),
            _column("technique", pa.string(), "Technique id; null where suppressed."),
            *_CELLS,
        ),
    ),
    "monthly": (
        "Share by month of creation. A month without cards is a row without share: a gap, never a zero.",
        (RULE, _MONTH, _TECHNIQUE, *_CELLS, _ENOUGH),
    ),
    "adoption": (
        "Cards citing each technique, summed up by months since its paper and since its first PEFT release "
        "(rule any/variants_separate).",
        (
            _TECHNIQUE,
            _column("anchor", pa.string(), "What age is counted from.", nullable=False, allowed=("paper", "release")),
            _column("age", pa.int32(), "Below zero for cards older than the anchor.", "months", nullable=False),
            _MONTH,
            _count("cards", "Cards of that month that cite it."),
            _count("cumulative", "Cards up to and with that month."),
        ),
    ),
    "milestones": (
        "How many months a technique took to 1, 10, 100 and 1,000 cards (rule any/variants_separate).",
        (
            _TECHNIQUE,
            _column("paper_month", pa.string(), "Month of the paper."),
            _column("released", pa.string(), "Day of the first PEFT release with it."),
            _column("paper_to_release", pa.int32(), "From paper to release.", "months"),
            _count("cards", "The number to reach."),
            _column("reached", pa.string(), "Month in which it was reached; null where it was not."),
            _column("from_paper", pa.int32(), "From paper to that month.", "months"),
            _column("from_release", pa.int32(), "From release to that month.", "months"),
        ),
    ),
    "concentration": (
        "How far votes gather on few techniques, whole (`all`) and by month.",
        (
            RULE,
            _column("month", pa.string(), "Month of creation, or `all`.", nullable=False),
            _column("base", pa.float64(), "All votes.", "votes", nullable=False),
            _column("techniques", pa.int32(), "Techniques with a vote.", "techniques", nullable=False),
            _column("hhi", pa.float64(), "Sum of squared shares (Herfindahl-Hirschman); null without enough cards."),
            _column("effective_number", pa.float64(), "1 / hhi.", "techniques"),
            _column("shannon_number", pa.float64(), "exp of Shannon's entropy.", "techniques"),
            _ENOUGH,
        ),
    ),
    "popular": (
        "Share of cards that cite a technique beside what PEFT's benchmark measured for it: two facts, no cause.",
        (
            _column("task", pa.string(), "Task of the benchmark.", nullable=False),
            _column("experiment", pa.string(), "Name of the run.", nullable=False),
            _column("technique", pa.string(), "Technique id; null for full fine-tuning."),
            _column("variant", pa.string(), "What sets the run apart within its type."),
            RULE,
            _column("cards", pa.float64(), "Cards that cite the technique.", "cards"),
            _column("base", pa.float64(), "Cards that cite any.", "cards", nullable=False),
            _column("share", pa.float64(), "cards / base.", "fraction"),
            _column("metric", pa.string(), "What `value` is; higher is better.", nullable=False),
            _column("value", pa.float64(), "Result of the run.", nullable=False),
            _column("memory_max_bytes", pa.int64(), "Largest accelerator memory.", "bytes"),
            _column("trainable_params", pa.int64(), "Parameters that were trained.", "parameters"),
            _column("on_front", pa.bool_(), "Whether no run of the task is better in result and memory."),
        ),
    ),
}
