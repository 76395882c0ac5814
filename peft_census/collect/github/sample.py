"""A random sample of files that import ``peft``: shares of repositories instead of files.

In: a budget of requests and a seed. Out: rows of ``github_imports`` and a description of the frame.

The search shows at most 1,000 results. So the frame (files with the words *peft* and *import*) is divided by file size
into slices that show all their files; slices are drawn with probability proportional to the number of files in them
and read completely. The same seed and stored answers give the same sample. Text fragments are stored with the answers
and do not enter snapshots.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from peft_census.collect.github.calibration import LARGEST_FILE
from peft_census.collect.github.imports import read_imports
from peft_census.collect.github.search import Reading, read_total, search
from peft_census.collect.http.common import Answer, clean_text
from peft_census.collect.http.rest import RestClient
from peft_census.collect.instrument import Progress
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError
from peft_census.snapshot.instruments import SampleFrame
from peft_census.snapshot.records import record
from peft_census.snapshot.schema import arrow_schema

FRAMES = {"python": "peft import language:Python", "notebook": "peft import extension:ipynb"}
PAGE = 100
TRIES = 3
CAP = 1000
"""The search refuses ``page * per_page`` beyond this."""


@record
class FoundFile:
    """One result of the search: repository, Git's hash of the file, and fragments of its text."""

    repository: str
    sha: str
    fragments: tuple[str, ...]


@record
class ResultPage:
    """One page of results, as it is stored.

    Args:
        reading: the total that the page reports.
        items: files on the page.
        malformed: results without repository or hash, left out.
        tries: requests that it took.
    """

    reading: Reading
    items: tuple[FoundFile, ...]
    malformed: int
    tries: int


@dataclass(frozen=True)
class Slice:
    """Files of one kind whose size is ``low`` to ``high`` bytes, both included."""

    kind: str
    low: int
    high: int

    @property
    def sizes(self) -> str:
        """The range as the search writes it."""
        return f"{self.low}..{self.high}"

    def halves(self) -> tuple[Slice, Slice]:
        """Returns the two parts, divided at the geometric mean because sizes are skewed."""
        middle = max(self.low, min(self.high - 1, int(((self.low + 1) * (self.high + 1)) ** 0.5) - 1))
        return Slice(self.kind, self.low, middle), Slice(self.kind, middle + 1, self.high)


class _SpentError(Exception):
    """The budget of requests is used up."""


class _Sampler:
    """Reads slices of one kind until the budget or the frame is used up."""

    def __init__(
        self, client: RestClient, campaign: Campaign, kind: str, budget: int, seed: int, progress: Progress
    ) -> None:
        self._client, self._campaign, self._progress = client, campaign, progress
        self._budget = budget
        self._random = random.Random(f"{seed}|{kind}")  # noqa: S311 - a reproducible draw is wanted
        self._done: dict[Slice, int] = {}
        self._pages: dict[str, ResultPage] = {}
        self._spent = 0
        self.root = Slice(kind, 0, LARGEST_FILE - 1)

    def run(self) -> None:
        """Draws and reads slices."""
        try:
            while self._left(self.root) > 0:
                piece = self._draw()
                if piece is not None:
                    self._read(piece)
        except _SpentError:
            return

    def _page(self, piece: Slice, number: int) -> ResultPage:
        key = f"sample|{piece.kind}|{piece.sizes}|{number}"
        if key not in self._pages:
            if self._spent >= self._budget:
                raise _SpentError
            query = f"{FRAMES[piece.kind]} size:{piece.sizes}"
            page = self._campaign.get(key, ResultPage) or self._ask(key, query, number)
            self._spent += page.tries
            self._pages[key] = page
        return self._pages[key]

    def _ask(self, key: str, query: str, number: int) -> ResultPage:
        """Requests one page; an incomplete one, whose total would distort the draw, up to three times."""
        for tries in range(1, TRIES + 1):
            answer = search(self._client, query, number, PAGE, fragments=True)
            self._progress(1)
            page = _read_page(answer, tries)
            if page.reading.status != "incomplete":
                break
        if page.reading.total is None:
            raise SourceError(f"GitHub, {query!r}, page {number}: {page.reading.reason}", "run the same command again.")
        self._campaign.put(key, answer.asked_at, page)
        return page

    def _total(self, piece: Slice) -> int:
        return self._page(piece, 1).reading.total or 0

    def _left(self, piece: Slice) -> int:
        inside = sum(n for s, n in self._done.items() if s.low >= piece.low and s.high <= piece.high)
        return max(0, self._total(piece) - inside)

    def _draw(self) -> Slice | None:
        """Draws halves, from the whole frame down to a slice that shows all its files; None if nothing is left."""
        piece = self.root
        while self._total(piece) > CAP and piece.low < piece.high:
            halves = piece.halves()
            weights = [self._left(h) for h in halves]
            if not any(weights):  # the totals of the parts need not add up to the whole
                self._done[Slice(piece.kind, piece.low, piece.high)] = self._left(piece)
                return None
            piece = self._random.choices(halves, weights)[0]
        return piece

    def _read(self, piece: Slice) -> None:
        pages = -(-min(self._total(piece), CAP) // PAGE)
        for page in range(2, pages + 1):
            self._page(piece, page)
        self._done[piece] = self._left(piece)


def sample_files(
    client: RestClient, campaign: Campaign, requests: int, seed: int, progress: Progress = lambda n: None
) -> None:
    """Reads about ``requests`` pages, half of Python files and half of notebooks; resumes from stored pages."""
    for kind in FRAMES:
        _Sampler(client, campaign, kind, max(1, requests // len(FRAMES)), seed, progress).run()


def _read_page(answer: Answer, tries: int) -> ResultPage:
    reading = read_total(answer)
    items: list[FoundFile] = []
    malformed = 0
    if reading.total is not None:
        results = answer.json_object().get("items")
        if not isinstance(results, list):
            raise SourceError("GitHub: a page of results without a list of items", "run the same command again.")
        for item in results:
            try:
                items.append(_read_item(item))
            except (KeyError, TypeError, AttributeError):
                malformed += 1
        if malformed and not items:
            raise SourceError(
                f"GitHub: none of the {malformed} results of a page has a repository and a hash",
                "the format of the API may have changed; nothing was counted from this page.",
            )
    return ResultPage(reading, tuple(items), malformed, tries)


def _read_item(item: dict[str, Any]) -> FoundFile:
    fragments = [m["fragment"] for m in item.get("text_matches") or [] if m.get("property") == "content"]
    return FoundFile(
        repository=clean_text(item["repository"]["full_name"]),
        sha=clean_text(item["sha"]),
        fragments=tuple(clean_text(f) for f in fragments if isinstance(f, str)),
    )


@dataclass(frozen=True)
class ShortSlices:
    """Completely read slices that showed fewer files than they have.

    Args:
        lacking: files that no page showed.
        files: files of all completely read slices.
        keys: the pages to ask for again.
    """

    lacking: int
    files: int
    keys: tuple[str, ...]

    def gaps(self) -> list[str]:
        """Returns a line if more than a page and 2% of the files are missing; totals change by less."""
        if self.lacking <= max(PAGE, 0.02 * self.files):
            return []
        lacking = f"{self.lacking:,} of {self.files:,} files are on no page of results"
        return [f"github sample: {lacking}; run the same command again."]


def short_slices(campaign: Campaign) -> ShortSlices:
    """Returns what the stored pages of the sample lack."""
    slices: dict[str, dict[str, ResultPage]] = {}
    for key, _, page in campaign.answers("sample|", ResultPage):
        slices.setdefault(key.rpartition("|")[0], {})[key] = page
    lacking = files = 0
    keys: list[str] = []
    for pages in slices.values():
        shown = min(CAP, *(page.reading.total or 0 for page in pages.values()))
        if len(pages) == -(-shown // PAGE):
            missing = shown - sum(len(page.items) + page.malformed for page in pages.values())
            lacking, files = lacking + max(0, missing), files + shown
            keys += pages if missing > 0 else ()
    return ShortSlices(lacking, files, tuple(keys))


def imports_table(campaign: Campaign, classes: Mapping[str, str]) -> pa.Table:
    """Returns ``github_imports`` from the stored pages, one row for each repository and blob."""
    techniques = {name: technique for technique, name in classes.items()}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for key, asked_at, page in campaign.answers("sample|", ResultPage):
        _, kind, sizes, _ = key.split("|")
        for item in page.items:
            if (item.repository, item.sha) not in rows:
                rows[item.repository, item.sha] = {
                    **_imports_row(item, kind, techniques),
                    "slice": sizes,
                    "asked_at": asked_at,
                }
    ordered = [rows[k] for k in sorted(rows)]
    return pa.Table.from_pylist(ordered, schema=arrow_schema("github_imports"))


def _imports_row(item: FoundFile, kind: str, techniques: Mapping[str, str]) -> dict[str, Any]:
    fragments = [read_imports(f, notebook=kind == "notebook") for f in item.fragments]
    code = frozenset().union(*(f.code for f in fragments))
    examples = frozenset().union(*(f.examples for f in fragments))
    return {
        "repository": item.repository,
        "blob_sha": item.sha,
        "kind": kind,
        "techniques": sorted(techniques[n] for n in code & techniques.keys()),
        "example_techniques": sorted(techniques[n] for n in examples & techniques.keys()),
        "uses_peft": any(f.uses_peft for f in fragments),
        "star": "*" in code,
        "cut": any(f.cut for f in fragments),
    }


def describe_frames(campaign: Campaign) -> dict[str, SampleFrame]:
    """Returns the frame of each kind of file, and what was read of it."""
    return {kind: _describe_frame(campaign, kind, query) for kind, query in FRAMES.items()}


def _describe_frame(campaign: Campaign, kind: str, query: str) -> SampleFrame:
    root = campaign.get(f"sample|{kind}|{Slice(kind, 0, LARGEST_FILE - 1).sizes}|1", ResultPage)
    pages = [page for _, _, page in campaign.answers(f"sample|{kind}|", ResultPage)]
    return SampleFrame(
        query=query,
        files_in_frame=root.reading.total if root else None,
        pages_read=len(pages),
        requests=sum(page.tries for page in pages),
        pages_incomplete=sum(page.reading.status == "incomplete" for page in pages),
        items_malformed=sum(page.malformed for page in pages),
    )
