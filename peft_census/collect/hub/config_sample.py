"""A declared random sample of ``adapter_config.json``: ground truth for few, because reading it counts.

On the Hub a GET of this file adds a download to the very number that a census records. So it is read for at
most N models, chosen by a hash of a stored seed and the model id: the same seed gives the same sample, and a
model that joins or leaves moves no other model in or out beyond its own place.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass

from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.cards import FileRequest, Reader, Store, read_files
from peft_census.collect.ledger import Ledger
from peft_census.collect.raw_shards import Shards
from peft_census.errors import UsageError

FACT = "adapter_config_seed"
DEFAULT_SEED = 20261123


@dataclass(frozen=True)
class Sample:
    """The sample of one crawl: what was declared, out of how many, and the models chosen."""

    asked: int
    seed: int
    eligible: int
    models: tuple[tuple[str, str], ...]

    def declaration(self) -> dict[str, object]:
        """Returns what the manifest says about it."""
        return {"asked": self.asked, "seed": self.seed, "eligible": self.eligible, "chosen": len(self.models)}


def draw(ledger: Ledger, crawl: int, asked: int, seed: int | None) -> Sample:
    """Returns the sample of ``asked`` models among those whose listed files include the configuration.

    Raises:
        UsageError: another seed than the one this crawl began with; both samples together would exceed N.
    """
    stored = ledger.fact(FACT)
    if stored is not None and seed is not None and int(stored) != seed:
        raise UsageError(
            f"this crawl's sample was drawn with seed {stored}, not {seed}", "leave the seed out, or crawl elsewhere."
        )
    chosen_seed = int(stored) if stored is not None else DEFAULT_SEED if seed is None else seed
    if stored is None:
        ledger.keep_fact(FACT, str(chosen_seed))
    eligible = 0
    lowest: list[tuple[int, str, str]] = []
    for model_id, sha in ledger.has_config(crawl):
        eligible += 1
        rank = int.from_bytes(hashlib.sha256(f"{chosen_seed}|{model_id}".encode()).digest()[:8], "big")
        heapq.heappush(lowest, (-rank, model_id, sha))
        if len(lowest) > asked:
            heapq.heappop(lowest)
    return Sample(asked, chosen_seed, eligible, tuple(sorted((m, s) for _, m, s in lowest)))


def read_sample(client: HubClient, ledger: Ledger, shards: Shards, crawl: int, sample: Sample) -> None:
    """Reads what the sample lacks; a configuration read before is never read again, even at a newer commit."""
    lacking = [
        FileRequest(model_id, sha, "")
        for model_id, sha in sample.models
        if (known := ledger.config(model_id)) is None or known["status"] == "failed"
    ]
    store = Store(ledger, shards, crawl, "configs", client)
    read_files(client, Reader(client, "adapter_config.json"), iter(lacking), store, lambda n: None)
