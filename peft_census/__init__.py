"""The open census of parameter-efficient fine-tuning.

``load_snapshot`` gives a snapshot's tables as pandas frames, ``tag_cards`` turns a batch of cards into mentions,
``shares`` counts a snapshot under any rule, ``chart`` draws one of its charts, ``explain`` reads one card.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Frames", "chart", "explain", "load_snapshot", "shares", "tag_cards"]

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from peft_census.publish.charts.notebook import Chart
    from peft_census.snapshot.snapshot import Snapshot
    from peft_census.tag import TaggedCard


class Frames:
    """A snapshot's tables as pandas frames: ``models``, ``mentions``, ``coverage``, ``shares``, ``manifest``.

    Each table is read when first asked for; columns are those of ``docs/data-dictionary.md``.
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
    """Returns a snapshot as pandas frames.

    Args:
        id_or_path: a snapshot folder, an id, the start of one, or ``latest``.
        root: folder that holds snapshots; by default the one in the settings (``data/snapshots``), looked for
            from the working directory upwards, so that notebooks find it.

    Raises:
        UsageError: nothing fits.
        SnapshotError: the snapshot is damaged or of another schema.
    """
    from peft_census.settings import settings
    from peft_census.snapshot.snapshot import find_snapshot

    if root is None:
        here = Path.cwd()
        places = [folder / settings().snapshots for folder in (here, *here.parents)]
        root = next((place for place in places if place.is_dir()), settings().snapshots)
    return Frames(find_snapshot(str(id_or_path), Path(root)))


def tag_cards(cards: pa.RecordBatch | pa.Table) -> pa.Table:
    """Returns the mentions of ``cards`` (columns ``model_id`` and ``card``) in the ``mentions`` schema."""
    import pyarrow as pa

    from peft_census.snapshot.schema import arrow_schema
    from peft_census.tag import tag

    batches = cards.to_batches() if isinstance(cards, pa.Table) else [cards]
    return pa.Table.from_batches([tag(batch) for batch in batches], schema=arrow_schema("mentions"))


def shares(snapshot: Frames | str | Path = "latest", *rules: str) -> pd.DataFrame:
    """Returns the shares of every technique, one row each, in the columns of the ``shares`` table.

    Args:
        snapshot: what ``load_snapshot`` gave, or what it takes.
        rules: names such as ``exactly_one`` or ``exactly_one/variants_separate/human_only``; without any, the standard ones.

    Raises:
        UsageError: there is no such snapshot or rule.
    """
    from peft_census.count import STANDARD, count_shares, parse_rule
    from peft_census.pipeline.counting import evidence_of

    frames = snapshot if isinstance(snapshot, Frames) else load_snapshot(snapshot)
    counted: pd.DataFrame = count_shares(
        evidence_of(frames.snapshot), [parse_rule(rule) for rule in rules] or STANDARD
    ).to_pandas()
    return counted


def chart(snapshot: Frames | str | Path = "latest", name: str = "headline", dark: bool = False) -> Chart:
    """Returns one of a snapshot's charts; a notebook shows it, with its base, source and interval.

    Args:
        snapshot: what ``load_snapshot`` gave, or what it takes.
        name: of the chart; the error for an unknown name lists all charts.
        dark: whether to draw it for a dark background.

    Raises:
        UsageError: there is no such snapshot or chart.
    """
    from peft_census.publish.charts.notebook import draw_chart

    frames = snapshot if isinstance(snapshot, Frames) else load_snapshot(snapshot)
    return draw_chart(frames.snapshot, name, dark)


def explain(card: str, model_id: str = "") -> TaggedCard:
    """Returns what the tagger reads in one card: mentions with evidence, and candidates it rejected."""
    from peft_census.tag import read_card

    return read_card(model_id, card)
