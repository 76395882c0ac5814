"""Records of a reproduction: a published figure, the sources counted for it, and the report.

``publish.published`` reads the figures, ``pipeline.reproduce`` makes the report, ``publish.text.reproduction`` renders
it. docs/development/reproduction.md explains the keys of the report.
"""

from __future__ import annotations

from dataclasses import field, replace
from datetime import date
from typing import Annotated, Any

from pydantic import Field, Strict, StrictInt

from peft_census.count.attempts import Attempt, ChangeEffect
from peft_census.count.placebo import Placebo
from peft_census.snapshot.records import record

DECLARED = (
    "exactly_one",
    "exactly_one/variants_separate",
    "exactly_one/include_names",
    "exactly_one/human_only",
    "exactly_one/peft_types",
    "exactly_one/deduplicated",
    "selection/peft_library",
    "selection/first_named",
    "naive/substring/every_type/card",
    "naive/substring/first_types/card",
    "naive/word/every_type/card",
    "naive/word/no_words/card",
    "naive/word/first_types/card",
    "naive/written/no_words/card",
    "naive/word/every_type/front_matter",
    "naive/equal/every_type/tags",
)
"""Ways of counting that are always shown: those of the census, and those of a simple script."""

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r'^https://[^\s<>"]+$')]
Day = Annotated[date, Strict()]


@record
class Figure:
    """One published figure; the head of ``data/published.toml`` describes its keys. ``share`` is a fraction.

    Raises:
        ValueError: counts and percentage are incomplete or contradict each other.
    """

    id: Text
    claim: Text
    where: Text
    technique: Text
    of: Text
    numerator: StrictInt | None = None
    denominator: StrictInt | None = None
    percent: float | None = None
    others: dict[str, float] | None = None
    dataset: Text | None = None
    instrument: Text | None = None
    not_published: tuple[Text, ...] = ()
    share: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", self._checked_share())

    def _checked_share(self) -> float:
        numerator, denominator, percent = self.numerator, self.denominator, self.percent
        if percent is not None and not 0 <= percent <= 100:
            raise ValueError(f"{percent}% is not a share")
        if numerator is None and denominator is None:
            if percent is None:
                raise ValueError("give numerator and denominator, or percent")
            if self.dataset is not None:
                raise ValueError("a figure with a dataset needs numerator and denominator")
            return percent / 100
        if numerator is None or denominator is None:
            raise ValueError("give both numerator and denominator, or neither")
        if not 0 <= numerator <= denominator or denominator == 0:
            raise ValueError(f"{numerator} of {denominator} is not a share")
        share = numerator / denominator
        if percent is not None:
            decimals = len(repr(percent).partition(".")[2])
            if abs(100 * share - percent) > 0.5 * 10**-decimals + 1e-9:
                raise ValueError(f"{numerator} of {denominator} is {100 * share:.2f}%, not {percent}%")
        return share


@record
class Publication:
    """One publication and its figures; the head of ``data/published.toml`` describes its keys.

    Raises:
        ValueError: two figures have one id, or not exactly one has a dataset.
    """

    id: str
    title: Text
    publisher: Text
    url: Url
    published: Day
    likely: Day
    figures: tuple[Figure, ...]
    text: Url | None = None

    def __post_init__(self) -> None:
        ids = [figure.id for figure in self.figures]
        for repeated in (name for name in ids if ids.count(name) > 1):
            raise ValueError(f"two figures have the id {repeated!r}")
        if sum(figure.dataset is not None for figure in self.figures) != 1:
            raise ValueError("exactly one figure must have a dataset")

    @property
    def countable(self) -> Figure:
        """The figure that can be counted again from cards."""
        return next(figure for figure in self.figures if figure.dataset is not None)


@record
class CountedSource:
    """One file or revision of the dump, and the cards in it.

    Args:
        committed: ISO time of the commit; None for a local source.
        days: days from the day asked for to the commit; below 0 before it.
        state: ``read``; ``same`` where a nearer revision has the same cards; ``missing``.
        reason: why it was not read.
        cards: number of models.
        with_text: number of models with a card.
        oldest: ISO date of the oldest card.
        newest: ISO date of the newest card.
    """

    kind: str
    label: str
    revision: str | None = None
    committed: str | None = None
    days: int | None = None
    state: str = "read"
    reason: str | None = None
    content_sha256: str | None = None
    specimen: bool = False
    cards: int | None = None
    with_text: int | None = None
    oldest: str | None = None
    newest: str | None = None

    @property
    def name(self) -> str:
        """Its name in tables: the beginning of its revision, or its label."""
        return self.revision[:12] if self.revision else self.label


@record
class SourceCounts:
    """The counts of one source by all rules.

    Args:
        source: what was read.
        attempts: one for each way of counting, the nearest first; none where the source was not read.
        changes: effects of single changes to rule ``exactly_one``.
        gaps: number of cards that could not be read, by reason.
    """

    source: CountedSource
    attempts: list[Attempt] = field(default_factory=list)
    changes: list[ChangeEffect] = field(default_factory=list)
    gaps: dict[str, int] = field(default_factory=dict)

    def of(self, source: CountedSource) -> SourceCounts:
        """Returns the same counts as those of ``source``."""
        return SourceCounts(
            source,
            [replace(attempt, source=source.name) for attempt in self.attempts],
            [replace(change, source=source.name) for change in self.changes],
            self.gaps,
        )

    def attempt(self, rule: str) -> Attempt:
        """Returns the attempt by ``rule``."""
        return next(attempt for attempt in self.attempts if attempt.rule == rule)


@record
class CommitsListed:
    """The commits of the dump that were listed around a day; ``whole_history`` is True if all were listed."""

    dataset: str
    around: str
    commits_listed: int
    commits_unreadable: int
    whole_history: bool
    oldest_commit: str
    newest_commit: str


@record
class Report:
    """Our counts compared with a published figure.

    Args:
        publication: where the figure was published.
        rules: versions and hashes of everything else that decides the counts.
        walk: the commits that were listed; None for a local source.
        sources: what was read, and what could not be read.
        attempts: all ways of counting on all sources, the nearest first.
        placebos: how near the attempts come to placebo targets.
        changes: effects of single changes to rule ``exactly_one``.
        gaps: one sentence for everything that is missing.
    """

    publication: Publication
    technique_name: str
    rules: dict[str, Any]
    walk: CommitsListed | None
    sources: list[CountedSource]
    attempts: list[Attempt]
    placebos: list[Placebo]
    changes: list[ChangeEffect]
    gaps: list[str]

    @property
    def figure(self) -> Figure:
        """The published figure that was counted again."""
        return self.publication.countable

    @property
    def other_figures(self) -> list[Figure]:
        """The other figures of the publication."""
        return [figure for figure in self.publication.figures if figure is not self.figure]

    @property
    def read(self) -> list[CountedSource]:
        """The sources that were read, the nearest first."""
        return [source for source in self.sources if source.state == "read"]

    @property
    def first(self) -> str:
        """Name of the nearest source that was read."""
        return self.read[0].name

    @property
    def specimen(self) -> bool:
        """True if cards written for this project were counted."""
        return any(source.specimen for source in self.read)

    @property
    def remark(self) -> str | None:
        """A warning where no rule finds as many cards as were published; else None."""
        most = max(attempt.near.base for attempt in self.attempts if attempt.method == "rule")
        if most >= (self.figure.denominator or 0):
            return None
        return (
            f"No rule finds {self.figure.denominator:,} cards here (the most is {most:,.0f}): this is another "
            "population or a part of it. Only the shares can be compared."
        )


@record
class PlannedRevision:
    """One revision that a run would read: its files and bytes, and those still to download.

    Args:
        days: days from the day asked for to the commit; below 0 before it.
        state: ``ready``; ``same`` where a nearer revision has the same cards; ``missing``.
        note: why it is not read or not downloaded.
    """

    revision: str
    committed: str
    days: int
    state: str
    files: int
    size: int
    missing_files: int
    missing_bytes: int
    note: str


@record
class ReadingPlan:
    """What a run would read, bytes and files to download, and the requests that the plan took."""

    what: str
    revisions: list[PlannedRevision] = field(default_factory=list)
    bytes: int = 0
    files: int = 0
    requests: int = 0
