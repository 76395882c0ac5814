"""The counted tables of the registry in ``schema``: what ``count`` makes of models and mentions."""

from __future__ import annotations

import pyarrow as pa

from peft_census.columns import Column

RULE = Column(
    "rule",
    pa.string(),
    "Name of the rule: words joined by `/`, as in `blog/split/people`; see docs/method.md.",
    nullable=False,
)

SHARE = (
    Column("numerator", pa.float64(), "Votes for the technique.", "votes", nullable=False),
    Column(
        "base",
        pa.float64(),
        "All votes: cards, authors, clusters or downloads, as the rule has it.",
        "votes",
        nullable=False,
    ),
    Column("cards", pa.int64(), "Cards that the rule counts.", "cards", nullable=False),
    Column("share", pa.float64(), "numerator / base; null where the base is zero.", "fraction"),
    Column("low", pa.float64(), "Lower bound of the interval that takes cards as independent.", "fraction"),
    Column("high", pa.float64(), "Upper bound of it.", "fraction"),
    Column("method", pa.string(), "How the interval was made.", nullable=False),
)

_TECHNIQUE = Column("technique", pa.string(), "Technique id.", nullable=False)
_MONTH = Column(
    "month", pa.string(), "Month of creation, `2025-04`; `before 2022-03` for the Hub's first day.", nullable=False
)
_CELLS = (
    Column("numerator", pa.float64(), "Votes for the technique.", "votes"),
    Column("base", pa.float64(), "All votes of the cell.", "votes"),
    Column("share", pa.float64(), "numerator / base; null where nothing is shown.", "fraction"),
    Column("low", pa.float64(), "Lower bound of the interval.", "fraction"),
    Column("high", pa.float64(), "Upper bound of the interval.", "fraction"),
    Column("method", pa.string(), "How the interval was made."),
)
_ENOUGH = Column("enough", pa.bool_(), "Whether there are cards enough to say something.", nullable=False)


def _count(name: str, meaning: str) -> Column:
    return Column(name, pa.int64(), meaning, "models", nullable=False)


COUNTED_TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "shares": (
        "The counted shares: one row for every technique under every rule.",
        (
            RULE,
            Column("population", pa.string(), "Which cards were considered.", nullable=False),
            Column("technique", pa.string(), "Technique id.", nullable=False),
            *SHARE,
            Column("author_low", pa.float64(), "Lower bound when cards of an author go together.", "fraction"),
            Column("author_high", pa.float64(), "Upper bound of it; null for techniques far down.", "fraction"),
            Column("author_method", pa.string(), "How that interval was made."),
            Column("effective_n", pa.float64(), "Independent cards that would tell as much.", "cards"),
            Column("unread_low", pa.float64(), "Share if no unread card voted for it.", "fraction"),
            Column("unread_high", pa.float64(), "Share if all did; null where cards weigh unequally.", "fraction"),
        ),
    ),
    "sensitivity": (
        "The headline's technique under every combination of rules that makes sense (a specification curve), by share.",
        (
            RULE,
            Column("technique", pa.string(), "Technique id.", nullable=False),
            *SHARE,
            Column("enough", pa.bool_(), "Whether there are cards enough to take part in the range.", nullable=False),
        ),
    ),
    "origin": (
        "Where the evidence stands and who wrote it: cards that cite each technique (rule any), by zone.",
        (
            RULE,
            _TECHNIQUE,
            Column(
                "zone",
                pa.string(),
                "Zone of the card, `configuration` for adapter_config.json, or `anywhere`.",
                nullable=False,
            ),
            Column("cards", pa.int64(), "Cards that cite it there.", "cards", nullable=False),
            Column("people", pa.int64(), "Those where a person wrote some of it.", "cards", nullable=False),
            Column("tools_only", pa.int64(), "Those where tools wrote all of it.", "cards", nullable=False),
        ),
    ),
    "agreement": (
        "Cited against configured, for models whose adapter_config.json could be read and has a known type.",
        (
            Column("variants", pa.string(), "`rolled_up` or `split`.", nullable=False),
            _TECHNIQUE,
            _count("listed", "Models that the source lists."),
            _count("checked", "Models of which card and configuration can be compared."),
            _count("cites_and_is", "The card cites it and the configuration has it."),
            _count("cites_but_is_not", "The card cites it, the configuration has it not."),
            _count("is_but_does_not_cite", "The configuration has it, the card is silent."),
            _count("neither", "Neither."),
            Column(
                "citing_that_are",
                pa.float64(),
                "Part of those that cite it; null without any.",
                "fraction",
            ),
            Column("citing_that_are_low", pa.float64(), "Lower bound.", "fraction"),
            Column("citing_that_are_high", pa.float64(), "Upper bound.", "fraction"),
            Column(
                "being_that_cite",
                pa.float64(),
                "Part of those that are it; null without any.",
                "fraction",
            ),
            Column("being_that_cite_low", pa.float64(), "Lower bound.", "fraction"),
            Column("being_that_cite_high", pa.float64(), "Upper bound.", "fraction"),
            Column("method", pa.string(), "How the intervals were made.", nullable=False),
        ),
    ),
    "breakdown": (
        "Shares within groups of cards. A cell of fewer than 5 cards or 3 authors is suppressed, and where one alone "
        "would be, the next smallest with it.",
        (
            RULE,
            Column("dimension", pa.string(), "What the cards are grouped by.", nullable=False),
            Column("value", pa.string(), "The group; `other` for the rest of a long list.", nullable=False),
            Column("suppressed", pa.bool_(), "Whether the cell is hidden; it then has one row.", nullable=False),
            Column("technique", pa.string(), "Technique id; null where suppressed."),
            *_CELLS,
        ),
    ),
    "monthly": (
        "Share by month of creation. A month without cards is a row without share: a gap, never a zero.",
        (RULE, _MONTH, _TECHNIQUE, *_CELLS, _ENOUGH),
    ),
    "adoption": (
        "Cards citing each technique, summed up by months since its paper and since its first PEFT release "
        "(rule any/split).",
        (
            _TECHNIQUE,
            Column("anchor", pa.string(), "What age is counted from.", nullable=False, allowed=("paper", "release")),
            Column("age", pa.int32(), "Below zero for cards older than the anchor.", "months", nullable=False),
            _MONTH,
            _count("cards", "Cards of that month that cite it."),
            _count("cumulative", "Cards up to and with that month."),
        ),
    ),
    "milestones": (
        "How many months a technique took to 1, 10, 100 and 1,000 cards (rule any/split).",
        (
            _TECHNIQUE,
            Column("paper_month", pa.string(), "Month of the paper."),
            Column("released", pa.string(), "Day of the first PEFT release with it."),
            Column("paper_to_release", pa.int32(), "From paper to release.", "months"),
            _count("cards", "The number to reach."),
            Column("reached", pa.string(), "Month in which it was reached; null where it was not."),
            Column("from_paper", pa.int32(), "From paper to that month.", "months"),
            Column("from_release", pa.int32(), "From release to that month.", "months"),
        ),
    ),
    "concentration": (
        "How far votes gather on few techniques, whole (`all`) and by month.",
        (
            RULE,
            Column("month", pa.string(), "Month of creation, or `all`.", nullable=False),
            Column("base", pa.float64(), "All votes.", "votes", nullable=False),
            Column("techniques", pa.int32(), "Techniques with a vote.", "techniques", nullable=False),
            Column("hhi", pa.float64(), "Sum of squared shares (Herfindahl-Hirschman); null without enough cards."),
            Column("effective_number", pa.float64(), "1 / hhi.", "techniques"),
            Column("shannon_number", pa.float64(), "exp of Shannon's entropy.", "techniques"),
            _ENOUGH,
        ),
    ),
    "popular": (
        "Share of cards that cite a technique beside what PEFT's benchmark measured for it: two facts, no cause.",
        (
            Column("task", pa.string(), "Task of the benchmark.", nullable=False),
            Column("experiment", pa.string(), "Name of the run.", nullable=False),
            Column("technique", pa.string(), "Technique id; null for full fine-tuning."),
            Column("variant", pa.string(), "What sets the run apart within its type."),
            RULE,
            Column("cards", pa.float64(), "Cards that cite the technique.", "cards"),
            Column("base", pa.float64(), "Cards that cite any.", "cards", nullable=False),
            Column("share", pa.float64(), "cards / base.", "fraction"),
            Column("metric", pa.string(), "What `value` is; higher is better.", nullable=False),
            Column("value", pa.float64(), "Result of the run.", nullable=False),
            Column("memory_max_bytes", pa.int64(), "Largest accelerator memory.", "bytes"),
            Column("trainable_params", pa.int64(), "Parameters that were trained.", "parameters"),
            Column("on_front", pa.bool_(), "Whether no run of the task is better in result and memory."),
        ),
    ),
}
