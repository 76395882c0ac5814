"""The Python API, for notebooks and other programs: snapshots as data frames, shares, charts, and tagging."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from peft_census.count import STANDARD, count_shares, parse_rule
from peft_census.pipeline.counting import evidence_of
from peft_census.pipeline.settings import settings
from peft_census.publish.charts.notebook import Chart, draw_chart
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot, find_snapshot
from peft_census.tag import TaggedCard, read_card, tag


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
    if root is None:
        cwd = Path.cwd()
        folders = [folder / settings().snapshots for folder in (cwd, *cwd.parents)]
        root = next((folder for folder in folders if folder.is_dir()), settings().snapshots)
    return Frames(find_snapshot(str(id_or_path), Path(root)))


def tag_cards(cards: pa.RecordBatch | pa.Table) -> pa.Table:
    """Returns the mentions in ``cards`` (columns ``model_id`` and ``card``) as a table in the ``mentions`` schema."""
    batches = cards.to_batches() if isinstance(cards, pa.Table) else [cards]
    return pa.Table.from_batches([tag(batch) for batch in batches], schema=arrow_schema("mentions"))


def shares(snapshot: Frames | str | Path = "latest", *rules: str) -> pd.DataFrame:
    """Returns the share of each technique, one per row, in the columns of the ``shares`` table.

    Args:
        snapshot: the result of ``load_snapshot``, or its first argument.
        rules: names such as ``exactly_one`` or ``exactly_one/variants_separate/human_only``; by default the standard
            rules.

    Raises:
        UsageError: the snapshot or a rule does not exist.
    """
    evidence = evidence_of(_frames(snapshot).snapshot)
    frame: pd.DataFrame = count_shares(evidence, [parse_rule(rule) for rule in rules] or STANDARD).to_pandas()
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
