"""SOURCE=hub-api: the Hub's own listing, then the cards that are new or changed since the last run.

In: a population of models. Out: their cards, in order of model id, from sealed raw shards. Running the same
command again is how a broken crawl goes on, how failed cards are tried again, and how a finished one is
brought up to date. Refuses to run twice at once in one folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from peft_census.collect.base import SourceInfo, cards_batch
from peft_census.collect.http.hub import HubClient, endpoint
from peft_census.collect.http.session import Limits
from peft_census.collect.hub import config_sample as hub_sample
from peft_census.collect.hub.cards import read_cards
from peft_census.collect.hub.folders import LOCK, crawl_folder
from peft_census.collect.hub.listing import is_model_id, walk_ids, walk_listing
from peft_census.collect.ledger import Ledger
from peft_census.collect.problem_log import Problems, progress
from peft_census.collect.raw_shards import Shards
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.schema import arrow_schema

ADAPTER_TAGS = (
    "peft",
    "lora",
    "adapter-transformers",
    "adapterhub",
    "adapter",
    "adapters",
    "qlora",
    "dora",
    "rslora",
    "adalora",
    "lycoris",
    "locon",
    "loha",
    "lokr",
    "ia3",
    "oft",
    "boft",
    "vera",
    "prefix-tuning",
    "prompt-tuning",
    "p-tuning",
    "soft-prompt",
    "textual_inversion",
    "hypernetwork",
)
"""Hub tags of the default population, one listing each: several in one request would be ANDed."""

POPULATIONS = ("adapters", "all")
FRESH_SECONDS = 86_400
"""An unfinished crawl older than this is listed anew; what was read stays read."""

_MISSING = {
    "all": "no longer listed: deleted or private",
    "adapters": "no longer listed: deleted, private or no longer tagged",
    "ids": "no longer in the list of ids",
}


@dataclass(frozen=True)
class Selection:
    """Which models a crawl is about.

    Args:
        population: ``adapters`` or ``all``.
        ids: a file with one model id a line, instead of a population.
        adapter_configs: how many ``adapter_config.json`` to sample; 0 for none.
        seed: of that sample.
        accept_shrunk: take a listing or dump that is much smaller than the last one.
    """

    population: str = "adapters"
    ids: Path | None = None
    adapter_configs: int = 0
    seed: int | None = None
    accept_shrunk: bool = False

    def __post_init__(self) -> None:
        if self.population not in POPULATIONS:
            raise UsageError(f"no population {self.population!r}", f"choose {' or '.join(POPULATIONS)}.")
        if self.adapter_configs < 0:
            raise UsageError("--adapter-configs must not be negative")

    @property
    def name(self) -> str:
        """Names the crawl's folder."""
        if self.ids is None:
            return self.population
        return "ids-" + hashlib.sha256("\n".join(read_ids(self.ids)).encode()).hexdigest()[:12]


@dataclass
class HubApi:
    """A Source over the Hub's API.

    Args:
        raw: folder for raw data.
        selection: which models.
        limits: how patient and how parallel.
        quiet: no progress bars.
        batch_rows: rows a batch.
    """

    raw: Path
    selection: Selection = field(default_factory=Selection)
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024

    kind = "hub-api"

    def __post_init__(self) -> None:
        self.base = endpoint()
        self.folder = crawl_folder(self.raw, self.base, f"{self.kind}-{self.selection.name}")
        self.requests = 0
        self.crawl = 0
        self._details: dict[str, object] = {}
        self._sample: dict[str, str] = {}

    def prepare(self) -> SourceInfo:
        """Lists, reads what is missing, and hashes the result.

        Raises:
            SourceError: the Hub gives no usable answer; running again resumes.
        """
        with self.session() as (client, ledger):
            self.crawl = self.list_models(client, ledger)
            self.supply(client, ledger)
            self._read(client, ledger)
            self._read_sample(client, ledger)
            if not ledger.counts().get("failed"):
                ledger.finish(self.crawl)
            self.requests = client.requests
        return self.info()

    def supply(self, client: HubClient, ledger: Ledger) -> None:
        """Lets a subclass supply cards before the rest is read one by one."""

    @contextmanager
    def session(self) -> Iterator[tuple[HubClient, Ledger]]:
        """Opens client, ledger and problem log, for this process alone."""
        with ExitStack() as stack:
            stack.enter_context(exclusive_lock(self.folder / LOCK))
            ledger = Ledger(self.folder)
            stack.callback(ledger.close)
            client = HubClient(self.limits, base=self.base)
            problems = stack.enter_context(Problems(self.folder / "problems.jsonl", (client.token or "",)))
            client.report = lambda where, what: problems.record(self.kind, where, what)
            yield client, ledger

    def list_models(self, client: HubClient, ledger: Ledger) -> int:
        """Opens or resumes a crawl, completes its listing, and returns its number."""
        self._reconcile(ledger)
        crawl = ledger.open_crawl(FRESH_SECONDS)
        if ledger.is_listed(crawl):
            return crawl
        with progress("listing", " models", None, self.quiet, ledger.n_listed(crawl)) as bar:
            tick = _ticking(bar, client, "api")
            if self.selection.ids is not None:
                walk_ids(client, ledger, crawl, read_ids(self.selection.ids), tick)
            else:
                for tag in ADAPTER_TAGS if self.selection.population == "adapters" else (None,):
                    walk_listing(client, ledger, crawl, tag, tick)
        self._check_size(ledger, crawl)
        ledger.close_listing(crawl, _MISSING[self.selection.name.partition("-")[0]])
        return crawl

    def info(self) -> SourceInfo:
        """Returns what the manifest says of this source: a hash of what was read, never of how or when."""
        content = hashlib.sha256()
        with closing(Ledger(self.folder)) as ledger:
            for row in ledger.models(self.crawl):
                config = ledger.config(row["model_id"]) if row["model_id"] in self._sample else None
                fields = [row["model_id"], row["revision"], row["status"], row["reason"], row["text_sha256"]]
                content.update(json.dumps([*fields, config["text_sha256"] if config else None]).encode())
            listed = ledger.n_listed(self.crawl)
        where = urlsplit(self.base).hostname
        return SourceInfo(
            kind=self.kind,
            label=f"{where}: {self.selection.name} ({listed:,} models)",
            content_sha256=content.hexdigest(),
            details={"population": self.selection.name, "listed": listed, **self._tags(), **self._details},
        )

    def total(self) -> int:
        """Returns the number of models listed."""
        with closing(Ledger(self.folder)) as ledger:
            return ledger.n_listed(self.crawl)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields all models listed, in order of id; those that could not be read carry status and reason.

        A model that was listed by an earlier crawl only (deleted, private) is in the ledger, and nowhere else.
        """
        ledger, cards, configs = Ledger(self.folder), Shards(self.folder / "cards"), Shards(self.folder / "configs")
        try:
            waiting: list[dict[str, Any]] = []
            for row in ledger.models(self.crawl):
                config = ledger.config(row["model_id"]) if row["model_id"] in self._sample else None
                waiting.append(_card_row(row, config, cards, configs))
                if len(waiting) >= self.batch_rows:
                    yield _batch(waiting)
                    waiting = []
            if waiting:
                yield _batch(waiting)
        finally:
            ledger.close()

    def _tags(self) -> dict[str, object]:
        return {"tags": list(ADAPTER_TAGS)} if self.selection.name == "adapters" else {}

    def _read(self, client: HubClient, ledger: Ledger) -> None:
        to_read = ledger.n_to_read(self.crawl)
        if to_read:
            with progress("reading", " cards", to_read, self.quiet) as bar:
                read_cards(
                    client, ledger, Shards(self.folder / "cards"), self.crawl, _ticking(bar, client, "resolvers")
                )

    def _read_sample(self, client: HubClient, ledger: Ledger) -> None:
        if not self.selection.adapter_configs:
            return
        sample = hub_sample.draw(ledger, self.crawl, self.selection.adapter_configs, self.selection.seed)
        hub_sample.read_sample(client, ledger, Shards(self.folder / "configs"), self.crawl, sample)
        self._sample = dict(sample.models)
        self._details["adapter_configs"] = sample.declaration()

    def _check_size(self, ledger: Ledger, crawl: int) -> None:
        before, now = ledger.previously_listed(crawl), ledger.n_listed(crawl)
        if now * 2 < before and not self.selection.accept_shrunk:
            raise SourceError(
                f"{self.base} lists {now:,} models; the last complete listing had {before:,}",
                "if that is right run again with --accept-shrunk; nothing was marked as deleted.",
            )

    def _reconcile(self, ledger: Ledger) -> None:
        """Brings ledger and shards into agreement after a killed run or a removed file."""
        for kind in ("cards", "configs"):
            shards = Shards(self.folder / kind)
            there, noted = set(shards.numbers()), ledger.noted_shards(kind)
            for lost in sorted(noted - there):
                ledger.forget_shard(kind, lost)
            for unnoted in sorted(there - noted):
                ledger.note(ledger.last_crawl(), kind, shards.outcomes(unnoted), unnoted)


def read_ids(path: Path) -> list[str]:
    """Returns the model ids of a file, one a line, without repeats; ``#`` starts a comment.

    Raises:
        UsageError: no such file, not text, or a line that is no model id.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})", "give a text file with one model id a line.") from error
    ids = []
    for number, line in enumerate(lines, 1):
        model_id = line.partition("#")[0].strip()
        if model_id and not is_model_id(model_id):
            raise UsageError(f"{path}, line {number}: {model_id!r} is not a model id", "write owner/name.")
        if model_id:
            ids.append(model_id)
    if not ids:
        raise UsageError(f"{path}: no model id in it", "give a text file with one model id a line.")
    return sorted(set(ids))


def _ticking(bar: Any, client: HubClient, bucket: str) -> Callable[[int], None]:
    """Returns what moves a bar on and shows what is left of the budget."""

    def tick(n: int) -> None:
        bar.update(n)
        left, quota = client.pacer.left(bucket)
        bar.set_postfix_str(f"budget {left:,} of {quota:,}", refresh=False)

    return tick


def _card_row(row: Any, config: Any, cards: Shards, configs: Shards) -> dict[str, Any]:
    text = cards.text(row["shard"], row["row"]) if row["status"] == "text" else None
    reasons = [r for r in (row["reason"], row["mended"] if row["status"] == "text" else None) if r]
    return {
        **{c: row[c] for c in ("model_id", "author", "created_at", "last_modified", "downloads", "likes")},
        **{c: row[c] for c in ("library_name", "pipeline_tag", "status", "revision")},
        "tags": json.loads(row["tags"]) if row["tags"] else None,
        "reason": "; ".join(reasons) or None,
        "card": text,
        "adapter_config": configs.text(config["shard"], config["row"])
        if config and config["status"] == "text"
        else None,
    }


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow_schema("cards")
    columns: dict[str, pa.Array | list[object]] = {
        f.name: pa.array([row[f.name] for row in rows], f.type) for f in schema
    }
    return cards_batch(columns, len(rows))
