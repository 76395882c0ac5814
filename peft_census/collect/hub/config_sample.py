"""A declared random sample of ``adapter_config.json``. Few are read, because reading one counts as a download.

On the Hub a GET of this file increases the number of downloads that a census records. So it is read for at most N
models, chosen by a hash of a stored seed and the model id. The same seed gives the same sample; a model that joins or
leaves the population changes the sample by at most one other model.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass

from peft_census.collect.file_store import FileStore
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.cards import Reader, StoreWriter, read_files
from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import FileRequest
from peft_census.errors import UsageError

FACT = "adapter_config_seed"
DEFAULT_SEED = 20261123


@dataclass(frozen=True)
class ConfigSample:
    """The sample of one crawl.

    Args:
        asked: its declared size.
        seed: of the hash.
        eligible: how many models have an ``adapter_config.json``.
        requests: the files chosen, in order of model id.
    """

    asked: int
    seed: int
    eligible: int
    requests: tuple[FileRequest, ...]

    def declaration(self) -> dict[str, object]:
        """Returns the sample as the manifest describes it."""
        return {"asked": self.asked, "seed": self.seed, "eligible": self.eligible, "chosen": len(self.requests)}


def draw_sample(ledger: Ledger, crawl: int, asked: int, seed: int | None) -> ConfigSample:
    """Returns the sample of ``asked`` models among those whose listed files include the configuration.

    Raises:
        UsageError: another seed than the crawl began with; both samples together would exceed N.
    """
    stored = ledger.fact(FACT)
    if stored is not None and seed is not None and int(stored) != seed:
        raise UsageError(
            f"this crawl's sample was drawn with seed {stored}, not {seed}",
            "leave the seed out, or crawl into another folder.",
        )
    chosen_seed = int(stored) if stored is not None else DEFAULT_SEED if seed is None else seed
    if stored is None:
        ledger.keep_fact(FACT, str(chosen_seed))
    eligible = ledger.with_config(crawl)
    chosen = heapq.nsmallest(asked, eligible, key=lambda request: _rank(chosen_seed, request.model_id))
    return ConfigSample(asked, chosen_seed, ledger.n_with_config(crawl), tuple(sorted(chosen)))


def _rank(seed: int, model_id: str) -> bytes:
    return hashlib.sha256(f"{seed}|{model_id}".encode()).digest()[:8]


def read_sample(client: HubClient, ledger: Ledger, store: FileStore, crawl: int, sample: ConfigSample) -> None:
    """Reads what the sample lacks. A configuration that was read is not read again, even at a newer commit."""
    lacking = []
    for request in sample.requests:
        known = ledger.config(request.model_id)
        if known is None or known.status in (None, "failed"):
            stored = store.find(request.model_id, request.sha)  # another crawl read it
            ledger.record(crawl, "configs", [stored]) if stored else lacking.append(request)
    writer = StoreWriter(ledger, store, crawl, "configs", client.limits.shard_rows, client.limits.shard_bytes)
    read_files(client, Reader(client, "adapter_config.json"), iter(lacking), writer, lambda n: None)
