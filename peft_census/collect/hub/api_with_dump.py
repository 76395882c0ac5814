"""SOURCE=hub: one population, most of its cards from the dump, the rest from the API.

The Hub's listing decides which models there are. If many cards are missing, the bulk dump supplies each card whose date
of last change is the listed one; every other card is read one by one. A text from the dump has no commit of its own, so
its revision is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.cards import StoreWriter
from peft_census.collect.hub.dump import HubDump
from peft_census.collect.ledger import Ledger
from peft_census.collect.parquet import Files
from peft_census.collect.raw_shards import Outcome

WORTH_A_DUMP = 20_000
"""From so many missing cards on, the dump's gigabyte is less load for the Hub than single requests."""
_SHARD_ROWS = 50_000
_SHARD_BYTES = 64_000_000
"""Size of a shard of cards from the dump: large, so that few of them overlap when they are read back."""


@dataclass
class HubApiWithDump(HubApi):
    """A Source over listing, dump and API; arguments as for HubApi."""

    worth_a_dump: int = WORTH_A_DUMP

    kind = "hub"
    exact = False

    def prefill(self, client: HubClient, ledger: Ledger) -> None:
        """Takes cards from the dump. Which dump, if any, is decided once per crawl and kept in the ledger."""
        fact = f"dump of crawl {self.crawl}"
        sha = ledger.fact(fact)
        if sha is None:
            sha = self._choose(ledger)
            ledger.keep_fact(fact, sha)
        if not sha:
            return
        dump = self._dump(sha)
        self._details["dump"] = {"dataset": dump.dataset, "revision": sha}
        if ledger.fact(f"{fact} taken") is None:
            with dump.session() as dump_client:
                files = Files(str(dump.fetch(dump_client, dump.find(dump_client))), keep_first=True)
            with self.store("cards") as store:
                writer = StoreWriter(ledger, store, self.crawl, "cards", _SHARD_ROWS, _SHARD_BYTES)
                for outcome in self._matching(files, ledger):
                    writer.add(outcome)
                writer.flush()
            ledger.keep_fact(f"{fact} taken", "yes")

    def _dump(self, sha: str | None) -> HubDump:
        accept_shrunk = self.options.accept_shrunk
        return HubDump(self.raw, sha, accept_shrunk, self.limits, self.quiet, self.batch_rows, clock=self.clock)

    def _choose(self, ledger: Ledger) -> str:
        """Returns the commit of the newest dump, compared with the last one; empty if too few cards are missing."""
        if ledger.n_to_read(self.crawl) < self.worth_a_dump:
            return ""
        source = self._dump(None)
        with source.session() as client:
            dump = source.find(client)
            source.fetch(client, dump)
        return dump.sha

    def _matching(self, files: Files, ledger: Ledger) -> Iterator[Outcome]:
        """Yields the dump's cards that the crawl lacks and whose last change is the listed one."""
        files.prepare()
        for batch in files.batches():
            columns = batch.select(["model_id", "last_modified", "status", "reason", "card"])
            for row in columns.to_pylist():
                if row["status"] == "text":
                    outcome = self._outcome(ledger, row["model_id"], row["last_modified"], row["reason"], row["card"])
                    if outcome is not None:
                        yield outcome

    def _outcome(
        self, ledger: Ledger, model_id: str, changed: datetime | None, reason: str | None, card: str
    ) -> Outcome | None:
        known = ledger.model(model_id)
        if known is None or known.crawl != self.crawl or known.sha is None or known.last_modified is None:
            return None
        if known.status == "text" and known.read_sha == known.sha:
            return None
        if changed is None or int(changed.timestamp()) != known.last_modified // 1_000_000:
            return None
        return Outcome(model_id, known.sha, "text", reason, None, known.gated, 0, card)


open_source = HubApiWithDump.open
