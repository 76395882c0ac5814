"""The tables of cards: what sources give, and what the tagger finds in it."""

from __future__ import annotations

import pyarrow as pa

from peft_census.snapshot.schema.column import STRINGS, TIME, Column, Public, Table

LOCATIONS = ("front_matter", "heading", "prose", "table", "code", "link", "citation", "name")
EVIDENCE_LEVELS = ("named", "tagged", "configured")
POLARITIES = ("affirmed", "negated")
FORMS = ("alias", "class", "option", "file", "paper", "title", "config", "correction")
STATUSES = ("text", "no_card", "gated", "gone", "failed")
OTHER_STATUS = "other"
"""The status of an aggregate copy that takes the place of statuses of few models each."""
COVERAGE_STATUSES = (*STATUSES, "read", "incomplete", "refused", "missing", "skipped")
FRONT_MATTER_STATUSES = ("parsed", "none", "not_a_mapping", "invalid", "too_large")
CONFIG_STATUSES = ("parsed", "adapterhub", "unknown_type", "no_peft_type", "not_an_object", "not_json", "too_large")

_MODEL_COLUMNS = (
    Column("model_id", pa.string(), "Hub id of the model, `owner/name`.", nullable=False, public=Public.AS_IS),
    Column("author", pa.string(), "Owner of the repository, as the source gives it.", public=Public.OWNER),
    Column(
        "created_at",
        TIME,
        "When the repository was created. The Hub gives 2022-03-02 for everything older.",
        "UTC",
        public=Public.DAY,
    ),
    Column("last_modified", TIME, "Time of the last commit to the repository.", "UTC", public=Public.DAY),
    Column(
        "downloads",
        pa.int64(),
        "Downloads in the 30 days before the source was read.",
        "downloads",
        public=Public.AS_IS,
    ),
    Column("likes", pa.int64(), "Likes when the source was read.", "likes", public=Public.AS_IS),
    Column("library_name", pa.string(), "Library, as labelled by the Hub.", public=Public.LIBRARY),
    Column("pipeline_tag", pa.string(), "Task, as labelled by the Hub.", public=Public.TASK),
    Column(
        "tags",
        STRINGS,
        "Tags that the Hub computes. They are not evidence: the tagger reads the card itself.",
        public=Public.LICENCES,
    ),
    Column(
        "adapter_files",
        pa.int32(),
        "Files in the repository whose names are those of adapter weights or settings (`adapter_config.json`, "
        "`adapter_model.*`, `*lora*.safetensors`, `learned_embeds*` and others); null where the source does not list "
        "files.",
        "files",
        public=Public.AS_IS,
    ),
    Column("revision", pa.string(), "Commit at which the card was read; null for bulk dumps.", public=Public.COMMIT),
    Column(
        "status",
        pa.string(),
        "Whether the card could be read: `text`, it has text; `no_card`, it is absent, empty or a placeholder such as "
        "'Entry not found'; `gated`, its author restricts access; `gone`, it was listed but no longer exists; "
        "`failed`, it could not be read.",
        nullable=False,
        allowed=STATUSES,
        public=Public.AS_IS,
    ),
    Column(
        "reason",
        pa.string(),
        "Why there is no text, or what was repaired in the text; null where there is nothing to explain.",
        public=Public.REASON,
    ),
)

CARD_TABLES: dict[str, Table] = {
    "cards": Table(
        "What sources give to the tagger, one row for each model. It is not stored in snapshots, because card texts "
        "are not republished.",
        (
            *_MODEL_COLUMNS,
            Column("card", pa.string(), "Text of README.md with its front matter; null where there is no text."),
            Column(
                "adapter_config",
                pa.string(),
                "Text of adapter_config.json, where the source reads a declared sample of these files.",
            ),
        ),
    ),
    "models": Table(
        "Every model that the source lists, with or without a card.",
        (
            *_MODEL_COLUMNS,
            Column(
                "card_chars",
                pa.int32(),
                "Length of the card; null where there is no text.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "card_sha256",
                pa.string(),
                "SHA-256 of the card's UTF-8 bytes; null where there is no text.",
                public=Public.SHA256,
            ),
            Column(
                "unread_chars",
                pa.int32(),
                "Characters beyond the limits of the tagger, which were not searched; 0 for nearly every card, null "
                "where there is no text.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "front_matter",
                pa.string(),
                "Whether the YAML block could be parsed. Null for cards without a candidate mention, whose block is "
                "not parsed.",
                allowed=FRONT_MATTER_STATUSES,
                public=Public.AS_IS,
            ),
            Column(
                "generators",
                STRINGS,
                "Card generators that wrote the card or a part of it; empty where there are none.",
                public=Public.GENERATOR,
            ),
            Column(
                "base_model",
                pa.string(),
                "First base model in the front matter, else in the Hub's tags, else in the configuration. For cards "
                "without a candidate mention only the tags were read.",
                public=Public.BASE_MODEL,
            ),
            Column(
                "languages",
                STRINGS,
                "Languages in the front matter, as written. Null for cards without a candidate mention.",
                public=Public.LANGUAGES,
            ),
            Column(
                "near_duplicate",
                pa.string(),
                "Cards with the same value are near-duplicates: they cite the same techniques in almost the same text. "
                "Null for cards without a mention.",
                public=Public.CLUSTER,
            ),
            Column(
                "config_status",
                pa.string(),
                "Result of reading adapter_config.json; null where the source did not give the file.",
                allowed=CONFIG_STATUSES,
                public=Public.AS_IS,
            ),
            Column(
                "config_base_model",
                pa.string(),
                "Base model in adapter_config.json. It may be a path on a computer.",
                public=Public.BASE_MODEL,
            ),
            Column(
                "config_peft_version",
                pa.string(),
                "Release of PEFT that wrote adapter_config.json; PEFT records it since 0.18.0.",
                public=Public.VERSION,
            ),
            Column(
                "config_unknown_type",
                pa.string(),
                "The `peft_type` in adapter_config.json, where the taxonomy does not have it.",
            ),
            Column(
                "config_rank",
                pa.int32(),
                "`r` in adapter_config.json; of AdaLoRA the first rank, `init_r`.",
            ),
            Column(
                "config_alpha",
                pa.float64(),
                "`lora_alpha` in adapter_config.json, or `alpha` of LoHa, LoKr and others.",
            ),
            Column(
                "config_target_modules",
                STRINGS,
                "Names of the tuned modules in adapter_config.json, sorted; one pattern, or `all-linear`, where the "
                "file has a string.",
            ),
        ),
    ),
    "mentions": Table(
        "Every place where a card names a technique, with the evidence. Rows with location `name` do not count as "
        "citing.",
        (
            Column("model_id", pa.string(), "Hub id of the card's model.", nullable=False, public=Public.AS_IS),
            Column("technique", pa.string(), "Technique id of the taxonomy.", nullable=False, public=Public.AS_IS),
            Column(
                "evidence_level",
                pa.string(),
                "Where the evidence is: `named` in the text of the card, `tagged` in its front matter, `configured` in "
                "adapter_config.json.",
                nullable=False,
                allowed=EVIDENCE_LEVELS,
                public=Public.AS_IS,
            ),
            Column(
                "location",
                pa.string(),
                "Part of the card; null for `configured`. `name` is inside a repository id, file name, URL or the name "
                "of the model itself, and does not count as citing.",
                allowed=LOCATIONS,
                public=Public.AS_IS,
            ),
            Column(
                "start",
                pa.int32(),
                "Position of the first character: `card[start:end] == matched`. Null for `configured`.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "end",
                pa.int32(),
                "Position after the last character. Null for `configured`.",
                "characters",
                public=Public.AS_IS,
            ),
            Column(
                "matched",
                pa.string(),
                "The matched text, at most 200 characters.",
                nullable=False,
                public=Public.TECHNIQUE_NAME,
            ),
            Column(
                "form",
                pa.string(),
                "What the matched text is: a name (`alias`), a configuration `class`, an API `option`, a `file` "
                "name, an arXiv id (`paper`), a paper `title`, a `config` key or a declared `correction`.",
                nullable=False,
                allowed=FORMS,
                public=Public.AS_IS,
            ),
            Column(
                "disambiguation_rule",
                pa.string(),
                "The rule that accepted an ambiguous name as this technique; null for unambiguous names.",
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
                "Whether the card says here that its model was trained with the technique.",
                nullable=False,
                public=Public.AS_IS,
            ),
            Column("cue", pa.string(), "The rule that decided `polarity` and `applied`; null where none did."),
            Column(
                "generator",
                pa.string(),
                "The card generator that wrote this place; `template` for a sentence that recurs in cards of several "
                "authors; null for a person.",
                public=Public.GENERATOR,
            ),
            Column(
                "sentence",
                pa.int64(),
                "Hash of the sentence or line without the mention, names, numbers and links. Null for tags, names, "
                "citations, configurations and short sentences.",
            ),
            Column("correction", pa.string(), "Reason of the declared correction that changed this row."),
        ),
    ),
    "coverage": Table(
        "What could be read and what could not. What could not be read is a gap, not a zero.",
        (
            Column("source", pa.string(), "Source of cards, or instrument.", nullable=False, public=Public.SOURCE),
            Column(
                "status",
                pa.string(),
                "For cards as in `models`, and `missing`, the listing lacks them. For instruments: `read`; "
                "`incomplete` or `refused`, the answer is not used; `missing`, there is no answer; `skipped`, the "
                "instrument did not run.",
                nullable=False,
                allowed=(*COVERAGE_STATUSES, OTHER_STATUS),
                public=Public.AS_IS,
            ),
            Column(
                "reason", pa.string(), "As in `models`; null where there is nothing to explain.", public=Public.REASON
            ),
            Column(
                "n",
                pa.int64(),
                "How many.",
                "models; for instruments readings, models or runs",
                nullable=False,
                public=Public.AS_IS,
            ),
        ),
    ),
}
