"""SOURCE=hub-api: the Hub's own listing, then the cards that are new or changed since the last run.

In: a population of models. Out: their cards, in order of model id, from raw shards. Running the same command again
resumes an interrupted crawl, retries failed cards, and updates a finished crawl. One folder has one run at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from peft_census.collect.base import SourceInfo, cards_batch
from peft_census.collect.file_store import INDEX, FileStore, Reference
from peft_census.collect.http.hub import HubClient, Limits, endpoint, replica_mark
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock, TimeIsUpError
from peft_census.collect.hub.cards import read_cards
from peft_census.collect.hub.config_sample import draw_sample, read_sample
from peft_census.collect.hub.listing import look_up_ids, read_listing
from peft_census.collect.hub.options import ADAPTER_TAGS, HubOptions, read_ids
from peft_census.collect.hub.session import LOCK, crawl_folder, hub_session
from peft_census.collect.ledger import LEDGER, Ledger
from peft_census.collect.ledger_files import MODEL_TABLES
from peft_census.collect.ledger_rows import ConfigRow, ModelRow
from peft_census.collect.progress import Bar, progress
from peft_census.collect.registry import SourceRequest
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.lock import exclusive_lock

FRESH_SECONDS = 86_400
"""Age up to which an unfinished crawl is resumed; an older one is listed again and keeps the cards that it read."""

DELETED = 0.02
"""Share of the models that may be gone since the last complete listing; more is a gap and not taken for deletions."""
_FEW = 10
"""A listing of one tag may always lose so many models: some tags have few."""
SHRUNK = "missing from a listing that lost more models than deletions explain"
NOT_READ = "not read yet: the run reached its time limit"

_MISSING = {
    "all": "no longer listed: deleted or private",
    "adapters": "no longer listed: deleted, private or no longer tagged",
    "ids": "no longer in the list of ids",
}
_SHARED = (
    *"model_id author created_at last_modified downloads likes library_name pipeline_tag".split(),
    *"adapter_files status revision".split(),
)
"""Columns that the crawl state and the cards table share."""


@dataclass
class HubApi:
    """A Source over the Hub's API.

    Args:
        raw: folder for raw data.
        options: which models.
        limits: time-outs, attempts and sizes.
        quiet: no progress bars.
        batch_rows: rows per batch.
        clock: to wait with; when its time is up, the cards that are left are a gap.
    """

    raw: Path
    options: HubOptions = field(default_factory=HubOptions)
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024
    clock: Clock = SYSTEM_CLOCK

    kind = "hub-api"
    exact = True
    """Whether each card must have been read at the listed commit; a dump names no commits."""

    def __post_init__(self) -> None:
        self.base = endpoint()
        self.folder = crawl_folder(self.raw, self.base, f"{self.kind}-{self.options.name}")
        self.crawl = 0
        self._details: dict[str, object] = {}
        self._sample: frozenset[str] = frozenset()

    @classmethod
    def open(cls, request: SourceRequest) -> HubApi:
        """Returns the source for a request.

        Raises:
            UsageError: it names a revision, which the API does not have.
        """
        if request.revision is not None:
            raise UsageError(
                f"{request.spec!r}: only hub-dump and hub-metadata take a revision", f"use --source {request.name}."
            )
        return cls(request.raw, request.hub, quiet=request.quiet, batch_rows=request.batch_rows, clock=request.clock)

    def prepare(self) -> SourceInfo:
        """Lists the models, reads the missing cards, and hashes the result.

        Raises:
            SourceError: the Hub gives no usable answer; running again resumes.
        """
        with self.session() as (client, ledger):
            self.crawl = self.list_models(client, ledger)
            try:
                self.prefill(client, ledger)
                self._read_cards(client, ledger)
                self._read_sample(client, ledger)
            except TimeIsUpError:
                ledger.give_up(self.crawl, NOT_READ)
            if not ledger.gaps.is_proved(self.crawl):
                ledger.ask_relisting(self.crawl)
            elif not ledger.n_failed():
                ledger.finish(self.crawl)
            self._compact()
        return self.info()

    def prefill(self, client: HubClient, ledger: Ledger) -> None:
        """Hook for a subclass that has another supply of cards: runs before the rest is read one by one."""

    @contextmanager
    def session(self) -> Iterator[tuple[HubClient, Ledger]]:
        """Opens client and ledger; locks the folder and the stores of the endpoint for this process."""
        hub = hub_session(self.folder, self.base, self.limits, self.kind, self.quiet, self.clock)
        with hub as client, exclusive_lock(self.store_folder("cards") / LOCK), Ledger(self.folder) as ledger:
            yield client, ledger

    def store_folder(self, kind: str) -> Path:
        """Returns the folder of the endpoint's store of ``cards`` or ``configs``."""
        return crawl_folder(self.raw, self.base, kind)

    def store(self, kind: str) -> FileStore:
        """Opens the endpoint's store of ``cards`` or ``configs``, which all sources of the Hub share."""
        return FileStore(self.store_folder(kind))

    def list_models(self, client: HubClient, ledger: Ledger) -> int:
        """Begins or resumes a crawl, completes its listing, takes what the store has, and returns its number."""
        self._reconcile(ledger)
        crawl = ledger.open_crawl(FRESH_SECONDS)
        if not ledger.is_listed(crawl):
            self._list(client, ledger, crawl)
        ledger.files.take_cards(crawl, self.store_folder("cards") / INDEX, self.exact)
        return crawl

    def _list(self, client: HubClient, ledger: Ledger, crawl: int) -> None:
        with progress("listing", "models", None, self.quiet, ledger.n_listed(crawl)) as bar:
            tick = _ticker(bar, client, ledger, crawl, "api")
            if self.options.ids is not None:
                look_up_ids(client, ledger, crawl, read_ids(self.options.ids), tick)
            else:
                for tag in ADAPTER_TAGS if self.options.population == "adapters" else (None,):
                    read_listing(client, ledger, crawl, tag, tick)
                    self._check_listing(ledger, crawl, f"tag:{tag}" if tag else "all")
        self._check_size(ledger, crawl)
        ledger.close_listing(crawl, _MISSING[self.options.kind])

    def info(self) -> SourceInfo:
        """Returns the provenance. The hash depends on what was read, not on how or when."""
        content = hashlib.sha256()
        with Ledger(self.folder) as ledger:
            for row in ledger.models(self.crawl):
                config = self._config(ledger, row.model_id)
                fields = [row.model_id, row.revision, row.status, row.reason, row.text_sha256]
                content.update(json.dumps([*fields, config.text_sha256 if config else None]).encode())
            listed, retrieved = ledger.n_listed(self.crawl), ledger.retrieved(self.crawl)
            gaps = ledger.gaps.by_reason(self.crawl)
            content.update(json.dumps(gaps, sort_keys=True).encode() if gaps else b"")
        name = self.options.name
        tags = {"tags": list(ADAPTER_TAGS)} if name == "adapters" else {}
        return SourceInfo(
            kind=self.kind,
            label=f"{urlsplit(self.base).hostname}: {name} ({listed:,} models)",
            content_sha256=content.hexdigest(),
            retrieved=retrieved,
            details={**replica_mark(self.base), "population": name, "listed": listed, **tags, **self._details},
            gaps=gaps,
        )

    def total(self) -> int:
        """Returns the number of models listed."""
        with Ledger(self.folder) as ledger:
            return ledger.n_listed(self.crawl)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields all models listed, in order of id; those that could not be read have a status and a reason.

        Models that only an earlier crawl listed (deleted, private) stay in the ledger and are not yielded.
        """
        with self.store("cards") as cards, self.store("configs") as configs, Ledger(self.folder) as ledger:
            models = ledger.models(self.crawl)
            while rows := list(islice(models, self.batch_rows)):
                columns: dict[str, pa.Array | list[object]] = {c: [getattr(r, c) for r in rows] for c in _SHARED}
                columns["tags"] = [json.loads(r.tags) if r.tags else None for r in rows]
                columns["reason"] = [_reason(r) for r in rows]
                columns["card"] = [_text(cards, r) for r in rows]
                columns["adapter_config"] = [_text(configs, self._config(ledger, r.model_id)) for r in rows]
                yield cards_batch(columns, len(rows))

    def _config(self, ledger: Ledger, model_id: str) -> ConfigRow | None:
        """Returns the outcome for a configuration that is in the sample; None for other models."""
        return ledger.config(model_id) if model_id in self._sample else None

    def _read_cards(self, client: HubClient, ledger: Ledger) -> None:
        to_read = ledger.n_to_read(self.crawl)
        if to_read:
            with progress("reading", "cards", to_read, self.quiet) as bar:
                tick = _ticker(bar, client, ledger, self.crawl, "resolvers")
                with self.store("cards") as store:
                    read_cards(client, ledger, store, self.crawl, tick)

    def _read_sample(self, client: HubClient, ledger: Ledger) -> None:
        if self.options.adapter_configs:
            sample = draw_sample(ledger, self.crawl, self.options.adapter_configs, self.options.seed)
            with self.store("configs") as store:
                read_sample(client, ledger, store, self.crawl, sample)
            self._sample = frozenset(request.model_id for request in sample.requests)
            self._details["adapter_configs"] = sample.declaration()

    def _check_listing(self, ledger: Ledger, crawl: int, name: str) -> None:
        """Records a gap if one listing is much shorter than in the last complete crawl."""
        before, now = ledger.gaps.listed_before(crawl, name), ledger.cursor(crawl, name).items
        if before - now > max(_FEW, DELETED * before) and not self.options.accept_shrunk:
            ledger.gaps.add(crawl, name, SHRUNK, before - now)

    def _check_size(self, ledger: Ledger, crawl: int) -> None:
        """Records a gap if more models are no longer listed than deletions explain; refuses half a listing."""
        before, now = ledger.gaps.all_listed_before(crawl), ledger.n_listed(crawl)
        if now * 2 < before and not self.options.accept_shrunk:
            raise SourceError(
                f"{self.base} lists {now:,} models; the last complete listing had {before:,}",
                "if that is right run again with --accept-shrunk; nothing was marked as deleted.",
            )
        lost = ledger.n_no_longer_listed(crawl)
        kept = self.options.accept_shrunk or self.options.ids is not None
        if lost > DELETED * before and not kept and ledger.gaps.is_proved(crawl):
            ledger.gaps.add(crawl, self.options.kind, SHRUNK, lost)

    def _reconcile(self, ledger: Ledger) -> None:
        """Makes the stores and the ledger agree after a killed run or the removal of a file."""
        for kind in MODEL_TABLES:
            with self.store(kind) as store:
                store.reconcile()
                ledger.files.forget_lost(kind, store.path)

    def _compact(self) -> None:
        """Compacts the stores, unless the state of another crawl is damaged: what it refers to is not known then."""
        for kind in MODEL_TABLES:
            with suppress(SourceError), self.store(kind) as store:
                store.compact(self._references(kind))

    def _references(self, kind: str) -> Iterator[Reference]:
        """Yields what the crawls of the endpoint refer to."""
        for file in sorted(self.folder.parent.glob(f"*/{LEDGER}")):
            with Ledger(file.parent) as ledger:
                yield from ledger.files.references(kind)


def _ticker(bar: Bar, client: HubClient, ledger: Ledger, crawl: int, bucket: str) -> Callable[[int], None]:
    """Returns a function that advances ``bar``, shows what is left of the rate limit, and records the day."""
    known: date | None = None

    def tick(n: int) -> None:
        nonlocal known
        if client.today is not None and client.today != known:
            known = client.today
            ledger.add_day(crawl, known)
        bar.update(n)
        left, quota = client.pacer.left(bucket)
        bar.set_postfix_str(f"{left:,} of {quota:,} requests left", refresh=False)

    return tick


def _text(store: FileStore, row: ModelRow | ConfigRow | None) -> str | None:
    if row is None or row.status != "text":
        return None
    text = store.text(row.model_id, row.read_sha, row.text_sha256)
    if text is None:
        raise SourceError(
            f"{store.path.parent}: the text of {row.model_id!r} is missing", "run the same command again."
        )
    return text


def _reason(row: ModelRow) -> str | None:
    """Returns why there is no text, or what was repaired in the card and in the listing."""
    reasons = [r for r in (row.reason, row.repaired if row.status == "text" else None) if r]
    return "; ".join(reasons) or None


open_source = HubApi.open
