"""The counted tables: what ``count`` computes from models, mentions and instruments."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from peft_census.snapshot.schema.column import Column, Public, Table
from peft_census.snapshot.schema.effect_counts import EFFECT_COUNTS
from peft_census.snapshot.schema.instrument_counts import INSTRUMENT_COUNTS

_column = partial(Column, public=Public.AS_IS)
"""A column of numbers and fixed words, which the public copy keeps."""

_RULE = _column(
    "rule",
    pa.string(),
    "Name of the rule: words joined by `/`, as in `exactly_one/variants_separate/human_only`; see docs/method.md.",
    nullable=False,
)
_TECHNIQUE = _column("technique", pa.string(), "Technique id.", nullable=False)
_MONTH = _column(
    "month",
    pa.string(),
    "Month of creation, `2025-04`; `before 2022-03` for everything older than the Hub's dates, `not known` for cards "
    "without a date.",
    nullable=False,
)
_INTERVAL = (
    _column(
        "low",
        pa.float64(),
        "Lower bound of the interval to quote, which takes the cards of an author as correlated.",
        "fraction",
    ),
    _column("high", pa.float64(), "Upper bound of it.", "fraction"),
    _column("method", pa.string(), "How it was computed, or why there is none."),
    _column(
        "effective_n",
        pa.float64(),
        "Number of independent cards that would give an interval of the same width.",
        "cards",
    ),
    _column(
        "wilson_low",
        pa.float64(),
        "Lower bound of Wilson's interval, which takes cards as independent: too narrow where authors have many cards.",
        "fraction",
    ),
    _column("wilson_high", pa.float64(), "Upper bound of it.", "fraction"),
)
SHARE_COLUMNS = (
    _column("numerator", pa.float64(), "Votes for the technique.", "votes", nullable=False),
    _column(
        "base",
        pa.float64(),
        "All votes: a count of cards, authors, clusters of near-duplicates or downloads, depending on the rule.",
        "votes",
        nullable=False,
    ),
    _column("cards", pa.int64(), "Cards that count under the rule.", "cards", nullable=False),
    _column("share", pa.float64(), "numerator / base; null where the base is zero.", "fraction"),
    *_INTERVAL,
)
_CELLS = (
    _column("numerator", pa.float64(), "Votes for the technique.", "votes"),
    _column("base", pa.float64(), "All votes of the cell.", "votes"),
    _column("cards", pa.int64(), "Cards of the cell that count under the rule.", "cards"),
    _column("share", pa.float64(), "numerator / base; null where the cell is suppressed or empty.", "fraction"),
    *_INTERVAL,
)
_ENOUGH = _column("enough", pa.bool_(), "Whether effective_n is at least 30.", nullable=False)


def _models(name: str, meaning: str) -> Column:
    return _column(name, pa.int64(), meaning, "models", nullable=False)


def _agreeing(name: str, meaning: str) -> tuple[Column, ...]:
    return (
        _column(name, pa.float64(), meaning, "fraction"),
        _column(f"{name}_low", pa.float64(), "Lower bound of its interval, clustered by author.", "fraction"),
        _column(f"{name}_high", pa.float64(), "Upper bound of it.", "fraction"),
        _column(f"{name}_method", pa.string(), "How it was computed.", nullable=False),
        _column(f"{name}_effective_n", pa.float64(), "Its effective sample size.", "models"),
    )


COUNTED_TABLES: dict[str, Table] = {
    "shares": Table(
        "Shares: one row for every rule and technique.",
        (
            _RULE,
            _column("population", pa.string(), "Which cards were considered.", nullable=False),
            _TECHNIQUE,
            *SHARE_COLUMNS,
            _column("unread_low", pa.float64(), "Share if no unread card voted for the technique.", "fraction"),
            _column(
                "unread_high",
                pa.float64(),
                "Share if all unread cards did; null where cards have different weights.",
                "fraction",
            ),
        ),
    ),
    "rule_changes": Table(
        "The headline's share, and five shares with one option of its rule changed: variants separate, without text of "
        "card generators, per author, names included, applied only.",
        (_RULE, _TECHNIQUE, *SHARE_COLUMNS, _ENOUGH),
    ),
    "sensitivity": Table(
        "The headline's technique under every sensible combination of options (a specification curve), ordered by "
        "share. Rules with equal numerator, base and cards are one row.",
        (
            _RULE,
            _TECHNIQUE,
            *SHARE_COLUMNS,
            _ENOUGH,
            _column("rules", pa.int64(), "Rules that give these counts; `rule` is the shortest.", nullable=False),
        ),
    ),
    "funnel": Table(
        "What models have and what their cards say, counted in the same models. It is shown beside the headline, never "
        "inside it. Only for models whose files the source lists, or whose adapter_config.json was read.",
        (
            _column(
                "population",
                pa.string(),
                "Which models: `files_listed`, those whose files the source lists; `adapter_files`, those of them with "
                "an adapter file; `configured`, those whose adapter_config.json was read and has a known type; "
                "`adapter_files_and_configured`, both.",
                nullable=False,
                allowed=("files_listed", "adapter_files", "configured", "adapter_files_and_configured"),
            ),
            _column(
                "step",
                pa.string(),
                "What is counted: `adapter_files`, has an adapter file; `card`, has a card with text; `cites`, its "
                "card cites a technique (rule any); `applies`, its card says that it was trained "
                "with one (rule any/applied_only); `cites_configured`, its card cites the one configured.",
                nullable=False,
                allowed=("adapter_files", "card", "cites", "applies", "cites_configured"),
            ),
            _models("models", "Models of the population that reach the step."),
            _models("base", "Models of the population."),
            _column("share", pa.float64(), "models / base.", "fraction", nullable=False),
            *_INTERVAL,
        ),
    ),
    "agreement": Table(
        "Cited and configured techniques compared, for models whose adapter_config.json could be read and has a known "
        "type.",
        (
            _column("variants", pa.string(), "`variants_grouped` or `variants_separate`.", nullable=False),
            _TECHNIQUE,
            _models("listed", "Models that the source lists."),
            _models("checked", "Models whose card and configuration can be compared."),
            _models("cites_and_is", "The card cites the technique and the configuration has it."),
            _models("cites_but_is_not", "The card cites the technique but the configuration does not have it."),
            _models(
                "not_tellable", "The card cites the technique, and no configuration shows it, as for QLoRA and LoRA+."
            ),
            _models("is_but_does_not_cite", "The configuration has the technique but the card does not cite it."),
            _models("neither", "Neither has the technique."),
            *_agreeing(
                "citing_that_are",
                "Of the models whose card cites it, the fraction whose configuration has it; null where there are none "
                "or no configuration shows it.",
            ),
            *_agreeing(
                "being_that_cite",
                "Of the models whose configuration has it, the fraction whose card cites it; null where there are "
                "none.",
            ),
        ),
    ),
    "breakdown": Table(
        "Shares within groups of cards. A cell of fewer than 5 cards or 3 authors is suppressed; where only one cell "
        "of a dimension is, the next smallest is suppressed too.",
        (
            _RULE,
            _column("dimension", pa.string(), "What the cards are grouped by.", nullable=False),
            _column("value", pa.string(), "The group; `other` for the rest of a long list.", nullable=False),
            _column("suppressed", pa.bool_(), "Whether the cell is suppressed; if so it has one row.", nullable=False),
            _column("technique", pa.string(), "Technique id; null where the cell is suppressed."),
            *_CELLS,
        ),
    ),
    "authorship": Table(
        "Where cards cite each technique, and whether people or card generators wrote it (rule any).",
        (
            _RULE,
            _TECHNIQUE,
            _column(
                "location",
                pa.string(),
                "Part of the card, or `anywhere`.",
                nullable=False,
            ),
            _column("cards", pa.int64(), "Cards that cite the technique there.", "cards", nullable=False),
            _column("human", pa.int64(), "Of these, cards where a person wrote a mention.", "cards", nullable=False),
            _column(
                "generated_only",
                pa.int64(),
                "Of these, cards where card generators wrote all mentions.",
                "cards",
                nullable=False,
            ),
        ),
    ),
    "generated": Table(
        "Cards that cite the headline's technique only in text of card generators, before and after PEFT's cards began "
        "to tag it; the same for all other techniques together (rule any).",
        (
            _RULE,
            _column("technique", pa.string(), "The headline's technique; null for all others together."),
            _column("period", pa.string(), "When the model was created.", nullable=False),
            _column("cards", pa.int64(), "Cards that cite it.", "cards", nullable=False),
            _column("generated_only", pa.int64(), "Of these, cards that only generators make cite it.", "cards"),
            _column("share", pa.float64(), "generated_only / cards.", "fraction"),
            *_INTERVAL,
        ),
    ),
    "monthly": Table(
        "Shares by month of creation. A month without cards is a row without a share, which is a gap and not a zero.",
        (_RULE, _MONTH, _TECHNIQUE, *_CELLS, _ENOUGH),
    ),
    "adoption": Table(
        "Cards that cite each technique, cumulated by months since its paper and since its first PEFT release (rule "
        "any/variants_separate).",
        (
            _TECHNIQUE,
            _column("anchor", pa.string(), "What age is counted from.", nullable=False, allowed=("paper", "release")),
            _column("age", pa.int32(), "Age; negative before the anchor, null where it is not known.", "months"),
            _MONTH,
            _column(
                "period",
                pa.string(),
                "`complete`; `left_censored`: older than the Hub's dates; `undated`: all cards without a date; "
                "`partial`: the last month of the snapshot, which is not over. Only complete months can be compared.",
                nullable=False,
                allowed=("complete", "left_censored", "undated", "partial"),
            ),
            _models("cards", "Cards of that month that cite the technique."),
            _models("cumulative", "Cards up to and including that month; in the undated row, all cards."),
            _column("base", pa.float64(), "Cards of that month that cite any technique.", "cards"),
            _column("share", pa.float64(), "cards / base; null where the base is zero.", "fraction"),
            *_INTERVAL,
        ),
    ),
    "milestones": Table(
        "How many months a technique took to be cited by 1, 10, 100 and 1,000 cards (rule any/variants_separate).",
        (
            _TECHNIQUE,
            _column("paper_month", pa.string(), "Month of the paper, `2021-06`."),
            _column("released", pa.string(), "Day of the first PEFT release with the technique."),
            _column("paper_to_release", pa.int32(), "From paper to release.", "months"),
            _models("cards", "The number of cards to reach."),
            _column(
                "reached", pa.string(), "Month in which it was reached by cards with a date; null where it was not."
            ),
            _column("left_censored", pa.bool_(), "Whether that was before the Hub's dates begin.", nullable=False),
            _column("from_paper", pa.int32(), "From paper to that month.", "months"),
            _column("from_release", pa.int32(), "From release to that month.", "months"),
            _column("undated", pa.int64(), "Cards that cite the technique and have no date; in no month.", "models"),
        ),
    ),
    "concentration": Table(
        "How concentrated votes are on few techniques, in all months (`all`) and by month.",
        (
            _RULE,
            _column("month", pa.string(), "Month of creation, or `all`.", nullable=False),
            _column("base", pa.float64(), "All votes.", "votes", nullable=False),
            _column("techniques", pa.int32(), "Techniques with a vote.", "techniques", nullable=False),
            _column(
                "hhi", pa.float64(), "Sum of squared shares (Herfindahl-Hirschman); null where there are too few cards."
            ),
            _column("effective_number", pa.float64(), "1 / hhi.", "techniques"),
            _column("shannon_number", pa.float64(), "exp of the Shannon entropy of the shares.", "techniques"),
            _column("enough", pa.bool_(), "Whether base is at least 30.", nullable=False),
        ),
    ),
    "popular": Table(
        "Share of cards that cite a technique, next to what PEFT's benchmark measured for it, one row for each run. "
        "It shows no cause.",
        (
            _column("task", pa.string(), "Task of the benchmark.", nullable=False),
            _column("experiment", pa.string(), "Name of the run.", nullable=False),
            _column("technique", pa.string(), "What the run counts as under the rule; null for full fine-tuning."),
            _column(
                "variant",
                pa.string(),
                "Technique id of the variant that was run, or PEFT's name of it; null for the plain technique.",
            ),
            _RULE,
            _column("cards", pa.float64(), "Cards that cite the technique.", "cards"),
            _column("base", pa.float64(), "Cards that cite any technique.", "cards", nullable=False),
            _column("share", pa.float64(), "cards / base.", "fraction"),
            _column("metric", pa.string(), "What `value` is; higher is better.", nullable=False),
            _column("value", pa.float64(), "Result of the run.", nullable=False),
            _column(
                "value_low",
                pa.float64(),
                "Lower bound of `value` (Wilson 95%) by the size of the test set: the error of another test set, not "
                "of another seed or other settings. Null where the size is not known.",
            ),
            _column("value_high", pa.float64(), "Upper bound of `value`."),
            _column(
                "runs",
                pa.int64(),
                "Runs of the technique in the task. The best of many runs is higher by chance.",
                "runs",
                nullable=False,
            ),
            _column("best", pa.bool_(), "Whether no run of the technique in the task is better.", nullable=False),
            _column("memory_max_bytes", pa.int64(), "Highest accelerator memory.", "bytes"),
            _column("trainable_params", pa.int64(), "Trained parameters.", "parameters"),
            _column(
                "on_front",
                pa.bool_(),
                "Whether no run of the task is better in result and memory; null where the memory is not known.",
            ),
        ),
    ),
    **EFFECT_COUNTS,
    **INSTRUMENT_COUNTS,
}
