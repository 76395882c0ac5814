"""A declared sample of files that import ``peft``: shares of repositories instead of files.

In: a request budget and a seed. Out: rows of ``github_imports`` and a description of the frame. The search
shows at most 1,000 results, so the frame (files with the words *peft* and *import*) is cut into slices of
file size until each shows all its files; slices are drawn with probability proportional to what they hold
and read whole. The same seed and ledger give the same sample. Fragments stay in the ledger, out of snapshots.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from peft_census.collect.github.calibration import LARGEST_FILE
from peft_census.collect.github.imports import read_imports
from peft_census.collect.github.search import read_total, search
from peft_census.collect.http.rest import PoliteClient
from peft_census.collect.http.retry_after import Answer
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError
from peft_census.snapshot.schema import arrow_schema

FRAMES = {"python": "peft import language:Python", "notebook": "peft import extension:ipynb"}
PAGE = 100
TRIES = 3
CAP = 1000
"""The search refuses ``page * per_page`` beyond this."""


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
        """Returns the two parts; sizes are skewed, so the cut lies at the geometric middle."""
        middle = max(self.low, min(self.high - 1, int(((self.low + 1) * (self.high + 1)) ** 0.5) - 1))
        return Slice(self.kind, self.low, middle), Slice(self.kind, middle + 1, self.high)


class _SpentError(Exception):
    """The budget of requests is used up."""


class _Sampler:
    """Reads slices of one kind until the budget or the frame is used up."""

    def __init__(self, client: PoliteClient, campaign: Campaign, kind: str, budget: int, seed: int) -> None:
        self._client = client
        self._campaign = campaign
        self._budget = budget
        self._random = random.Random(f"{seed}|{kind}")  # noqa: S311 - a reproducible draw is wanted
        self._done: dict[Slice, int] = {}
        self._asked: set[str] = set()
        self._spent = 0
        self.root = Slice(kind, 0, LARGEST_FILE - 1)
        self.progress: Callable[[int], object] = lambda n: None

    def run(self) -> None:
        """Draws and reads slices."""
        try:
            while self._left(self.root) > 0:
                piece = self._draw()
                if piece is not None:
                    self._read(piece)
        except _SpentError:
            return

    def _page(self, piece: Slice, page: int) -> dict[str, Any]:
        key = f"sample|{piece.kind}|{piece.sizes}|{page}"
        if key not in self._asked and self._spent >= self._budget:
            raise _SpentError
        kept = self._campaign.get(key) or self._ask(key, f"{FRAMES[piece.kind]} size:{piece.sizes}", page)
        if key not in self._asked:
            self._asked.add(key)
            self._spent += kept["tries"]
        return kept

    def _ask(self, key: str, query: str, page: int) -> dict[str, Any]:
        """Asks for one page; an incomplete one, whose total would mislead the draw, up to three times."""
        tries = 0
        while True:
            tries += 1
            answer = search(self._client, query, page, PAGE, fragments=True)
            self.progress(1)
            kept = {**_read_page(answer), "tries": tries}
            if kept["status"] != "incomplete" or tries == TRIES:
                break
        if kept["total"] is None:
            raise SourceError(f"GitHub, {query!r}, page {page}: {kept['reason']}", "run the same command again.")
        self._campaign.put(key, answer.asked_at, kept)
        return kept

    def _total(self, piece: Slice) -> int:
        return int(self._page(piece, 1)["total"])

    def _left(self, piece: Slice) -> int:
        inside = sum(n for s, n in self._done.items() if s.low >= piece.low and s.high <= piece.high)
        return max(0, self._total(piece) - inside)

    def _draw(self) -> Slice | None:
        """Goes down from the whole frame to a slice that shows all its files."""
        piece = self.root
        while self._total(piece) > CAP and piece.low < piece.high:
            halves = piece.halves()
            weights = [self._left(h) for h in halves]
            if not any(weights):  # totals of parts need not add up; nothing is left here
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
    client: PoliteClient,
    campaign: Campaign,
    requests: int,
    seed: int,
    progress: Callable[[int], object] = lambda n: None,
) -> None:
    """Reads about ``requests`` pages, half of Python files and half of notebooks; resumes from the ledger."""
    for kind in FRAMES:
        sampler = _Sampler(client, campaign, kind, max(1, requests // len(FRAMES)), seed)
        sampler.progress = progress
        sampler.run()


def _read_page(answer: Answer) -> dict[str, Any]:
    row = read_total(answer)
    items: list[dict[str, Any]] = []
    malformed = 0
    if answer.status == 200 and row["total"] is not None:
        listed = answer.json_object().get("items")
        for item in listed if isinstance(listed, list) else []:
            try:
                items.append(_read_item(item))
            except (KeyError, TypeError, AttributeError):
                malformed += 1
    return {**row, "items": items, "malformed": malformed}


def _read_item(item: dict[str, Any]) -> dict[str, Any]:
    fragments = [m["fragment"] for m in item.get("text_matches") or [] if m.get("property") == "content"]
    repository, sha = item["repository"]["full_name"], item["sha"]
    if not (isinstance(repository, str) and isinstance(sha, str)):
        raise TypeError("repository or sha is not text")
    return {"repository": repository, "sha": sha, "fragments": [f for f in fragments if isinstance(f, str)]}


def _items(campaign: Campaign) -> Iterator[tuple[str, str, datetime, dict[str, Any]]]:
    for key, asked_at, body in campaign.bodies("sample|"):
        _, kind, sizes, _ = key.split("|")
        for item in body["items"]:
            yield kind, sizes, asked_at, item


def imports_table(campaign: Campaign, classes: Mapping[str, str]) -> pa.Table:
    """Returns ``github_imports`` from the ledger, one row for each repository and blob."""
    techniques = {name: technique for technique, name in classes.items()}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, sizes, asked_at, item in _items(campaign):
        identity = (item["repository"], item["sha"])
        if identity in rows:
            continue
        read = [read_imports(f, notebook=kind == "notebook") for f in item["fragments"]]
        code = frozenset().union(*(r.code for r in read))
        examples = frozenset().union(*(r.examples for r in read))
        rows[identity] = {
            "repository": item["repository"],
            "blob_sha": item["sha"],
            "kind": kind,
            "techniques": sorted(techniques[n] for n in code & techniques.keys()),
            "example_techniques": sorted(techniques[n] for n in examples & techniques.keys()),
            "uses_peft": any(r.uses_peft for r in read),
            "star": "*" in code,
            "cut": any(r.cut for r in read),
            "slice": sizes,
            "asked_at": asked_at,
        }
    ordered = [rows[k] for k in sorted(rows)]
    return pa.Table.from_pylist(ordered, schema=arrow_schema("github_imports"))


def describe_sample(campaign: Campaign, requests: int, seed: int) -> dict[str, Any]:
    """Returns the sampling frame and what was read of it, for the manifest."""
    frames: dict[str, Any] = {}
    root = f"0..{LARGEST_FILE - 1}"
    for kind, query in FRAMES.items():
        pages = [(k.split("|"), b) for k, _, b in campaign.bodies(f"sample|{kind}|")]
        whole = [b["total"] for k, b in pages if k[2] == root and k[3] == "1"]
        frames[kind] = {
            "query": query,
            "files_in_frame": whole[0] if whole else None,
            "pages_read": len(pages),
            "requests": sum(b["tries"] for _, b in pages),
            "pages_incomplete": sum(b["status"] == "incomplete" for _, b in pages),
            "items_malformed": sum(b["malformed"] for _, b in pages),
        }
    return {
        "requests": requests,
        "seed": seed,
        "drawn": "slices of file size, proportional to content",
        "frames": frames,
    }
