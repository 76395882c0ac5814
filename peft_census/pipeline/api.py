"""The Python API, for notebooks and other programs: snapshots as data frames, shares, charts, and tagging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd
import pyarrow as pa

from peft_census.collect.card_columns import check_types, to_cards
from peft_census.count import HEADLINE, STANDARD, ShareQuery, TopQuery, count_shares, parse_rule
from peft_census.count.cells import TOP_VALUES
from peft_census.errors import UsageError
from peft_census.pipeline.compare import compare
from peft_census.pipeline.counting import count_groups, count_top, evidence_of
from peft_census.pipeline.explain import explain_model as explain_row
from peft_census.pipeline.history import history as shares_over_time
from peft_census.pipeline.settings import settings
from peft_census.publish.charts.notebook import Chart, draw_chart
from peft_census.publish.text.explanation import ModelExplanation
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot, find_snapshot
from peft_census.tag import TaggedCard, read_card, tag

T = TypeVar("T")


class Frames:
    """The tables of a snapshot as pandas data frames: ``models``, ``mentions``, ``coverage``, ``shares`` and so on.

    A table is read when it is first used. ``docs/data-dictionary.md`` describes the columns.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.id = snapshot.id
        self.path = snapshot.path
        self.manifest = snapshot.manifest

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self.manifest.tables:
            raise AttributeError(f"snapshot {self.id} has no table {name!r}; it has {', '.join(self.manifest.tables)}")
        frame: pd.DataFrame = self.snapshot.table(name).to_pandas()
        setattr(self, name, frame)
        return frame

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.manifest.tables]

    def __repr__(self) -> str:
        return f"<peft_census snapshot {self.id}: {', '.join(self.manifest.tables)}>"


def load_snapshot(id_or_path: str | Path = "latest", root: str | Path | None = None) -> Frames:
    """Returns a snapshot as pandas data frames.

    Args:
        id_or_path: a snapshot folder, an id, the start of an id, or ``latest``.
        root: the folder of snapshots; by default the one in the settings (``data/snapshots``), searched for from the
            working directory upwards.

    Raises:
        UsageError: no snapshot matches.
        SnapshotError: the snapshot is damaged or has another schema.
    """
    return Frames(find_snapshot(str(id_or_path), Path(root) if root else _root()))


def _root() -> Path:
    """Returns the folder of snapshots in the settings, searched for from the working directory upwards."""
    cwd = Path.cwd()
    folders = [folder / settings().snapshots for folder in (cwd, *cwd.parents)]
    return next((folder for folder in folders if folder.is_dir()), settings().snapshots)


def tag_cards(cards: T) -> T:
    """Returns the mentions in ``cards`` in the columns of the ``mentions`` table, as the same kind of object.

    Args:
        cards: a pandas, Polars or Arrow table with the columns ``card`` and ``model_id`` (or ``modelId``); or a list of
            texts, for which the result is a list of dictionaries. Without ids a card's id is its position.

    Raises:
        UsageError: there is no column ``card``, or it is not text.
    """
    if isinstance(cards, list):
        rows: Any = tag_cards(pa.table({"card": pa.array(cards, pa.string())})).to_pylist()
        return cast(T, rows)
    table = pa.Table.from_batches([cards]) if isinstance(cards, pa.RecordBatch) else pa.table(cards)
    if "card" not in table.column_names:
        raise UsageError(
            f"there is no column 'card', only {', '.join(table.column_names)}", "rename the column of texts."
        )
    ids = next((name for name in ("model_id", "modelId") if name in table.column_names), None)
    names = [*([ids] if ids else []), "card", *(["adapter_config"] if "adapter_config" in table.column_names else [])]
    table = table.select(names).rename_columns([("modelId" if name == ids else name) for name in names])
    if ids is None:
        table = table.add_column(0, "modelId", pa.array(map(str, range(len(table))), pa.string()))
    check_types(Path("cards"), table.schema)
    empty = pa.RecordBatch.from_pylist([], schema=arrow_schema("mentions"))
    batches = [empty, *(tag(to_cards(batch)) for batch in table.to_batches(max_chunksize=1_024))]
    mentions: Any = pa.Table.from_batches(batches)
    if isinstance(cards, pd.DataFrame):
        return cast(T, mentions.to_pandas())
    if isinstance(cards, pa.RecordBatch):
        return cast(T, pa.concat_batches(batches))
    same_kind: Any = type(cards)
    return cast(T, mentions if isinstance(cards, pa.Table) else same_kind(mentions))


def shares(
    snapshot: Frames | str | Path = "latest",
    rule: str | Sequence[str] | None = None,
    by: str | Sequence[str] = (),
    where: Mapping[str, str | Sequence[str]] | None = None,
    technique: str | Sequence[str] = (),
    top: int = TOP_VALUES,
) -> pd.DataFrame:
    """Returns shares with their intervals, one row for each rule, group and technique.

    Without ``by``, ``where`` and ``technique`` the result has the columns of the ``shares`` table and every technique.
    Otherwise it has ``rule``, a column for each dimension, ``technique``, ``numerator``, ``base``, ``cards``,
    ``share``, ``low``, ``high``, ``method``, ``effective_n``, ``wilson_low`` and ``wilson_high``.

    Args:
        snapshot: the result of ``load_snapshot``, or its first argument.
        rule: one name or several, such as ``exactly_one/variants_separate``; by default the standard rules, or the
            headline's rule for groups.
        by: one or two of month, quarter, year, task, library, base_model, base_family, language, licence, author,
            author_kind, downloads and generator.
        where: dimension to the value, or values, that the counted models have: ``{"task": "text-generation"}``.
        technique: technique ids; by default LoRA and the twelve with most votes.
        top: number of the largest values of each dimension that are shown; the rest are ``other``.

    Raises:
        UsageError: the snapshot, a rule, a dimension, a value or a technique does not exist; the message lists what
            does.
    """
    opened, names = _frames(snapshot).snapshot, _names(rule) if rule else ()
    if not (by or where or technique or top != TOP_VALUES):
        rules = [parse_rule(name) for name in names] or STANDARD
        return _frame(count_shares(evidence_of(opened), rules))
    query = ShareQuery(
        rules=tuple(map(parse_rule, names)) or (HEADLINE,),
        by=_names(by),
        where=_conditions(where),
        techniques=_names(technique),
        top=top,
    )
    return _frame(count_groups(opened, query))


def top(
    snapshot: Frames | str | Path = "latest",
    technique: str = "lora",
    by: str = "author",
    rule: str | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    sort: str = "votes",
    n: int = 20,
) -> pd.DataFrame:
    """Returns who holds the votes of a technique, and how much its share depends on each of them.

    The columns are ``rule``, ``technique``, the name ``by``, ``numerator`` (votes for the technique), ``base`` (all
    votes of the group), ``fraction`` (of the technique's votes), ``share_without`` (the technique's share without the
    group), ``influence`` (``share_without`` minus the share) and ``downloads``.

    Args:
        snapshot: the result of ``load_snapshot``, or its first argument.
        technique: technique id.
        by: ``model``, or one of the dimensions of ``shares``, such as author and base_model.
        rule: name of the rule; by default the headline's, with variants separate if the technique is a variant.
        where: as for ``shares``.
        sort: ``votes``; or ``influence``, for the groups without which the share changes most.
        n: length of the list.

    Raises:
        UsageError: the snapshot, the technique, a dimension, a value or the rule does not exist.
    """
    query = TopQuery(technique, by, parse_rule(rule) if rule else None, _conditions(where), sort, n)
    return _frame(count_top(_frames(snapshot).snapshot, query).table)


def history(folder: str | Path | None = None, rule: str | Sequence[str] = (), technique: str = "lora") -> pd.DataFrame:
    """Returns the share of a technique in all snapshots of a folder, one row for each snapshot and rule.

    Next to the share stand its interval, its base, the models listed and read, and the versions of the rules.
    ``data_changed`` and ``rules_changed`` say what differs from the snapshot before of the same source.

    Args:
        folder: a folder of snapshots; by default that of the settings.
        rule: one name or several; by default all rules that the snapshots hold.
        technique: technique id.

    Raises:
        UsageError: no snapshot can be read, or none holds the rule.
    """
    return _frame(shares_over_time(Path(folder) if folder else _root(), _names(rule), technique).table)


def diff(
    older: Frames | str | Path, newer: Frames | str | Path, rule: str = "exactly_one", technique: str = "lora"
) -> pd.DataFrame:
    """Returns why a share differs between two snapshots: one row for each group of cards.

    The columns are ``group``, ``cards``, ``before`` and ``after`` (the group's share in both snapshots) and
    ``contribution`` (its part of the difference, as a fraction; the parts add up).

    Args:
        older: the snapshot before, as for ``shares``.
        newer: the snapshot after.
        rule: a rule under which the weight of a card does not depend on other cards.
        technique: technique id.

    Raises:
        UsageError: a snapshot, the rule or the technique does not exist, or the snapshots are of two populations.
    """
    before, after = _frames(older).snapshot, _frames(newer).snapshot
    comparison = compare(before, after, parse_rule(rule), technique)
    if comparison.reasons:
        raise UsageError(
            f"{before.id} and {after.id} are of two populations: {'; '.join(comparison.reasons)}",
            "compare snapshots of one source; `peft-census diff` shows both shares.",
        )
    names = ("before", "after", "contribution")
    exact = ((part, (part.before.value, part.after.value, part.contribution)) for part in comparison.parts)
    return pd.DataFrame(
        [
            {"group": part.group, "cards": part.cards}
            | {name: None if value is None else float(value) for name, value in zip(names, values, strict=True)}
            for part, values in exact
        ],
        columns=["group", "cards", *names],
    )


def configurations(snapshot: Frames | str | Path = "latest") -> pd.DataFrame:
    """Returns the settings of adapters: one row for each ``adapter_config.json`` that was read.

    The columns are ``model_id``, ``author``, ``techniques`` (the type and its variants, as a list), ``rank``,
    ``alpha``, ``target_modules`` (a tuple), ``base_model`` and ``peft_version`` (null before PEFT 0.18.0). Empty where
    the source gave no configuration. The files are a declared sample, or what a dump holds.

    Raises:
        UsageError: the snapshot does not exist, or is a public copy, which has no settings.
    """
    frames = _frames(snapshot)
    if frames.snapshot.public:
        raise UsageError(f"{frames.id} is a public copy, which has no settings of adapters", "use the snapshot itself.")
    columns = ["rank", "alpha", "target_modules", "base_model", "peft_version"]
    models = frames.models[frames.models.config_status.isin(["parsed", "adapterhub"])]
    table = models[["model_id", "author", *(f"config_{name}" for name in columns)]].copy()
    table.columns = ["model_id", "author", *columns]
    modules = table.target_modules.map(lambda names: None if names is None else tuple(names))
    found = frames.mentions.query("evidence_level == 'configured'").groupby("model_id").technique.agg(list)
    table = table.assign(target_modules=modules, rank=table["rank"].astype("Int64"))
    table.insert(2, "techniques", table.model_id.map(found))
    return table.reset_index(drop=True)


def explain_model(model_id: str, snapshot: Frames | str | Path = "latest") -> ModelExplanation:
    """Returns what the card of a model in a snapshot cites, on what evidence, and how each rule counts it.

    Raises:
        UsageError: the snapshot does not exist or does not list the model.
    """
    return explain_row(_frames(snapshot).snapshot, model_id)


def _conditions(where: Mapping[str, str | Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    return {name: _names(values) for name, values in (where or {}).items()}


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def chart(snapshot: Frames | str | Path = "latest", name: str = "headline", dark: bool = False) -> Chart:
    """Returns a chart of a snapshot; a notebook displays it.

    Args:
        snapshot: the result of ``load_snapshot``, or its first argument.
        name: the name of the chart, such as ``headline``; an unknown name raises an error that lists the names.
        dark: for a dark background.

    Raises:
        UsageError: the snapshot or the chart does not exist.
    """
    return draw_chart(_frames(snapshot).snapshot, name, dark)


def explain(card: str, model_id: str = "") -> TaggedCard:
    """Returns what the tagger finds in the text of a card: mentions with their evidence, and rejected candidates."""
    return read_card(model_id, card)


def _frames(snapshot: Frames | str | Path) -> Frames:
    return snapshot if isinstance(snapshot, Frames) else load_snapshot(snapshot)
