"""Every column of every table, described once.

From this registry come the Arrow schemas that readers and writers use, the checks that run before
anything is written, and ``docs/data-dictionary.md``. A column that is not here does not exist.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from peft_census.errors import SnapshotError
from peft_census.snapshot.schema.column import STRINGS, TIME, Column, Public
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.schema.instruments import INSTRUMENT_TABLES

SCHEMA_VERSION = 2
"""Raised when a column is renamed, removed or changes its meaning."""

LOCATIONS = ("front_matter", "heading", "prose", "table", "code", "link", "citation", "name")
EVIDENCE_LEVELS = ("named", "tagged", "configured")
POLARITIES = ("affirmed", "negated")
FORMS = ("alias", "class", "option", "file", "paper", "title", "config", "correction")
STATUSES = ("text", "no_card", "gated", "gone", "failed")
COVERAGE_STATUSES = (*STATUSES, "read", "incomplete", "refused", "missing", "skipped")
OTHER_STATUS = "other"
"""Statuses of fewer than five models each, taken together in an aggregate copy."""


_MODEL_COLUMNS = (
    Column("model_id", pa.string(), "Hub id of the model, `owner/name`.", nullable=False, public=Public.AS_IS),
    Column("author", pa.string(), "Owner of the repository as the source gives it.", public=Public.OWNER),
    Column("created_at", TIME, "Creation of the repository; the Hub's floor is 2022-03-02.", "UTC", public=Public.DAY),
    Column("last_modified", TIME, "Last commit of the repository.", "UTC", public=Public.DAY),
    Column(
        "downloads",
        pa.int64(),
        "Downloads over the 30 days before the source was read.",
        "downloads",
        public=Public.AS_IS,
    ),
    Column("likes", pa.int64(), "Likes when the source was read.", "likes", public=Public.AS_IS),
    Column("library_name", pa.string(), "Library as labelled by the Hub.", public=Public.LIBRARY),
    Column("pipeline_tag", pa.string(), "Task as labelled by the Hub.", public=Public.TASK),
    Column(
        "tags",
        STRINGS,
        "The Hub's computed tags; not evidence (the tagger reads the card itself).",
        public=Public.LICENCES,
    ),
    Column("revision", pa.string(), "Commit at which the card was read; null for bulk dumps.", public=Public.COMMIT),
    Column(
        "status",
        pa.string(),
        "Whether the card could be read: `text`; `no_card` (absent, empty or a placeholder such as "
        "'Entry not found'); `gated`; `gone`; `failed`.",
        nullable=False,
        allowed=STATUSES,
        public=Public.AS_IS,
    ),
    Column(
        "reason",
        pa.string(),
        "Why there is no text, or what was mended in it; null when nothing was.",
        public=Public.REASON,
    ),
)

TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "cards": (
        "What sources hand to the tagger, one row a model. Never stored in a snapshot: card texts are not republished.",
        (
            *_MODEL_COLUMNS,
            Column("card", pa.string(), "README.md as read, front matter included; null without text."),
            Column("adapter_config", pa.string(), "Text of adapter_config.json where a source declares a sample."),
        ),
    ),
    "models": (
        "One row for every model the source listed, with or without a card.",
        (
            *_MODEL_COLUMNS,
            Column(
                "card_chars", pa.int32(), "Length of the card; null without text.", "characters", public=Public.AS_IS
            ),
            Column(
                "card_sha256",
                pa.string(),
                "SHA-256 of the card's UTF-8 bytes; null without text.",
                public=Public.SHA256,
            ),
            Column(
                "unread_chars",
                pa.int32(),
                "Characters beyond the tagger's limits that were not searched; 0 for nearly every card, "
                "null without text.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "front_matter",
                pa.string(),
                "Parse status of the YAML block. Only cards with a candidate mention are parsed; null for others.",
                allowed=("parsed", "none", "not_a_mapping", "invalid", "too_large"),
                public=Public.AS_IS,
            ),
            Column(
                "generators",
                STRINGS,
                "Tools that wrote the card or a block of it; empty when none was found.",
                public=Public.GENERATOR,
            ),
            Column(
                "base_model",
                pa.string(),
                "First base model that the card's front matter names, else the Hub's tags, else the configuration. "
                "Only for cards with a candidate mention.",
                public=Public.BASE_MODEL,
            ),
            Column(
                "languages",
                STRINGS,
                "Languages that the front matter names, as written; null as above.",
                public=Public.LANGUAGES,
            ),
            Column(
                "near_duplicate",
                pa.string(),
                "Cards with the same value differ only in names, numbers and links. Only for cards with a mention.",
                public=Public.CLUSTER,
            ),
            Column(
                "config_status",
                pa.string(),
                "What became of reading adapter_config.json; null where the source gave none.",
                allowed=(
                    "parsed",
                    "adapterhub",
                    "unknown_type",
                    "no_peft_type",
                    "not_an_object",
                    "not_json",
                    "too_large",
                ),
                public=Public.AS_IS,
            ),
            Column(
                "config_base_model",
                pa.string(),
                "Base model that adapter_config.json names; may be a local path.",
                public=Public.BASE_MODEL,
            ),
            Column(
                "config_peft_version",
                pa.string(),
                "PEFT release that wrote it; PEFT tells since 0.18.0.",
                public=Public.VERSION,
            ),
            Column("config_unknown_type", pa.string(), "The `peft_type` of a file whose type the taxonomy lacks."),
        ),
    ),
    "mentions": (
        "One row for every place where a card cites a technique, with the evidence.",
        (
            Column("model_id", pa.string(), "The card's model.", nullable=False, public=Public.AS_IS),
            Column("technique", pa.string(), "Technique id of the taxonomy.", nullable=False, public=Public.AS_IS),
            Column(
                "evidence_level",
                pa.string(),
                "Evidence ladder: `named` in the text, `tagged` in the front matter, `configured` in "
                "adapter_config.json.",
                nullable=False,
                allowed=EVIDENCE_LEVELS,
                public=Public.AS_IS,
            ),
            Column(
                "location",
                pa.string(),
                "Part of the card; `name` is inside a repository id, file name, URL or the model's own name and "
                "does not count as citing. Null for `configured`.",
                allowed=LOCATIONS,
                public=Public.AS_IS,
            ),
            Column(
                "start",
                pa.int32(),
                "First character: `card[start:end] == matched`. Null for `configured`.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "end",
                pa.int32(),
                "One past the last character. Null for `configured`.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "matched",
                pa.string(),
                "The text matched, at most 200 characters; in a public copy the technique's name.",
                nullable=False,
                public=Public.TECHNIQUE_NAME,
            ),
            Column(
                "form",
                pa.string(),
                "What was recognised: a name (`alias`), a config `class`, an API `option`, a `file` name, "
                "an arXiv id (`paper`), a paper `title`, a `config` key or a declared `correction`.",
                nullable=False,
                allowed=FORMS,
                public=Public.AS_IS,
            ),
            Column(
                "disambiguation_rule", pa.string(), "The guard that admitted an ambiguous name; null for plain names."
            ),
            Column(
                "polarity",
                pa.string(),
                "`negated` where the card says that the technique was not used.",
                nullable=False,
                allowed=POLARITIES,
                public=Public.AS_IS,
            ),
            Column(
                "applied",
                pa.bool_(),
                "Whether this place says that this model was trained with the technique.",
                nullable=False,
                public=Public.AS_IS,
            ),
            Column("cue", pa.string(), "The rule that decided polarity and applied; null where none did."),
            Column(
                "generator", pa.string(), "The tool that wrote this place; null for a person.", public=Public.GENERATOR
            ),
            Column("correction", pa.string(), "Reason of the declared correction that touched this row."),
        ),
    ),
    "coverage": (
        "What the source listed and could or could not read. A gap is a gap, never a zero.",
        (
            Column("source", pa.string(), "Source of cards, or instrument.", nullable=False, public=Public.SOURCE),
            Column(
                "status",
                pa.string(),
                "Cards: as in `models`. Instruments: `read`; `incomplete` and `refused` answers, not used; "
                "`missing`: could not be had; `skipped`: not run. In an aggregate copy `other`: statuses of few models "
                "taken together.",
                nullable=False,
                allowed=(*COVERAGE_STATUSES, OTHER_STATUS),
                public=Public.AS_IS,
            ),
            Column("reason", pa.string(), "As in `models`; null when nothing needs saying.", public=Public.REASON),
            Column(
                "n",
                pa.int64(),
                "How many.",
                "models; readings, models or runs of an instrument",
                nullable=False,
                public=Public.AS_IS,
            ),
        ),
    ),
    **COUNTED_TABLES,
    **INSTRUMENT_TABLES,
}


def columns_of(table: str, public: bool = False) -> tuple[Column, ...]:
    """Returns the columns of ``table`` (a key of ``TABLES``), or those that the public copy keeps."""
    _, columns = TABLES[table]
    return tuple(c for c in columns if not public or c.public is not Public.DROPPED)


@cache
def arrow_schema(table: str, public: bool = False) -> pa.Schema:
    """Returns the Arrow schema of ``table`` (a key of ``TABLES``), or what the public copy keeps of it."""
    columns = columns_of(table, public)
    return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in columns])


def check(table: str, data: pa.Table | pa.RecordBatch, public: bool = False) -> None:
    """Raises SnapshotError unless ``data`` fits ``table``: columns, types, nulls and allowed values."""
    columns = columns_of(table, public)
    if data.schema.names != [c.name for c in columns]:
        raise SnapshotError(
            f"table {table}: columns are {data.schema.names}", "see peft_census/snapshot/schema/__init__.py."
        )
    for column in columns:
        values = data.column(column.name)
        if values.type != column.type:
            raise SnapshotError(f"table {table}, column {column.name}: type is {values.type}, not {column.type}")
        if not column.nullable and values.null_count:
            raise SnapshotError(f"table {table}, column {column.name}: {values.null_count} nulls")
        if column.allowed:
            strange = {v for v in values.unique().to_pylist() if v is not None} - set(column.allowed)
            if strange:
                raise SnapshotError(f"table {table}, column {column.name}: unexpected {sorted(strange)}")


def data_dictionary() -> str:
    """Returns ``docs/data-dictionary.md`` as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `peft_census/snapshot/schema/__init__.py` by `make docs`; do not edit.",
        f"Schema version {SCHEMA_VERSION}. Times are UTC; offsets count characters (Unicode code points).",
    ]
    for table, (meaning, columns) in TABLES.items():
        lines += [
            "",
            f"## {table}",
            "",
            meaning,
            "",
            "| column | type | unit | null | public copy | meaning |",
            "|---|---|---|---|---|---|",
        ]
        for c in columns:
            allowed = f" One of: {', '.join(f'`{a}`' for a in c.allowed)}." if c.allowed else ""
            null = "yes" if c.nullable else "no"
            lines.append(f"| `{c.name}` | {c.type} | {c.unit} | {null} | {c.public.value} | {c.meaning}{allowed} |")
    return "\n".join(lines) + "\n"
