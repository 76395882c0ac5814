"""SOURCE=hub: one population, its bulk from the dump, the rest from the API.

The Hub's listing decides which models there are. Where many cards are missing, the bulk dump supplies each one
that it holds at the very change that the listing names; every other card is read one by one. A dump's text
has no commit of its own, so its revision stays null.
"""

from __future__ import annotations

from dataclasses import dataclass

from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.dump import Dump, HubDump
from peft_census.collect.ledger import Ledger
from peft_census.collect.parquet import Files
from peft_census.collect.raw_shards import Outcome, Shards

WORTH_A_DUMP = 20_000
"""Missing cards from which the dump's gigabyte is kinder to the Hub than requests one by one."""
_RUN_ROWS = 50_000
_RUN_BYTES = 64_000_000
"""One sorted shard of cards from the dump; big, so that few of them overlap when read back."""


@dataclass
class Hub(HubApi):
    """A Source over listing, dump and API together; arguments as for HubApi."""

    worth_a_dump: int = WORTH_A_DUMP

    kind = "hub"

    def supply(self, client: HubClient, ledger: Ledger) -> None:
        """Takes cards from the dump. Which dump, if any, is decided once a crawl and kept in the ledger."""
        fact = f"dump of crawl {self.crawl}"
        sha = ledger.fact(fact)
        if sha is None:
            sha = self._choose(client, ledger)
            ledger.keep_fact(fact, sha)
        if not sha:
            return
        source = HubDump(self.raw, sha, limits=self.limits, quiet=self.quiet, batch_rows=self.batch_rows)
        self._details["dump"] = {"dataset": source.dataset, "revision": sha}
        if ledger.fact(f"{fact} taken") is None:
            with source.session() as dump_client:
                files = Files(str(source.fetch(dump_client, source.find(dump_client))), keep_first=True)
            self._take(files, ledger)
            ledger.keep_fact(f"{fact} taken", "yes")

    def _choose(self, client: HubClient, ledger: Ledger) -> str:
        """Returns the commit of the dump to use, checked against the last one; empty where it is not worth it."""
        if ledger.n_to_read(self.crawl) < self.worth_a_dump:
            return ""
        source = HubDump(self.raw, accept_shrunk=self.selection.accept_shrunk, limits=self.limits, quiet=self.quiet)
        with source.session() as dump_client:
            dump: Dump = source.find(dump_client)
            source.fetch(dump_client, dump)
        return dump.sha

    def _take(self, files: Files, ledger: Ledger) -> None:
        """Seals the dump's cards that the crawl lacks and whose change is the one listed."""
        files.prepare()
        shards = Shards(self.folder / "cards")
        run: list[Outcome] = []
        size = 0
        for batch in files.batches():
            columns = batch.select(["model_id", "last_modified", "status", "reason", "card"]).to_pylist()
            for row in columns:
                if row["status"] == "text" and (found := self._lacking(ledger, row["model_id"], row["last_modified"])):
                    sha, gated = found
                    run.append(Outcome(row["model_id"], sha, "text", row["reason"], None, gated, 0, row["card"]))
                    size += len(row["card"])
            if len(run) >= _RUN_ROWS or size >= _RUN_BYTES:
                self._seal(run, shards, ledger)
                run, size = [], 0
        self._seal(run, shards, ledger)

    def _lacking(self, ledger: Ledger, model_id: str, changed: object) -> tuple[str, str] | None:
        """Returns commit and gate of a model that the crawl lacks, if it was listed at this very change."""
        known = ledger.known(model_id)
        if known is None or known["crawl"] != self.crawl or known["sha"] is None or known["last_modified"] is None:
            return None
        if known["status"] == "text" and known["read_sha"] == known["sha"]:
            return None
        timestamp = getattr(changed, "timestamp", None)
        if timestamp is None or int(timestamp()) != known["last_modified"] // 1_000_000:
            return None
        return known["sha"], known["gated"]

    def _seal(self, run: list[Outcome], shards: Shards, ledger: Ledger) -> None:
        if run:
            number, ordered = shards.seal(run)
            ledger.note(self.crawl, "cards", ordered, number)
