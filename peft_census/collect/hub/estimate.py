"""The cost of a census of the Hub, before it begins.

In: a source of the Hub. Out: requests per rate-limit bucket, minutes, bytes, disk space, and the changes since the last
run. Reads only the listing (which the census then resumes from) or the dump's list of files, and no card.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from peft_census.collect.base import Source
from peft_census.collect.http.hub import HubClient
from peft_census.collect.http.rate_limit import ANONYMOUS
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.api_with_dump import HubApiWithDump
from peft_census.collect.hub.dump import HubDump
from peft_census.errors import UsageError

RESOLVERS_OF = {500: 3_000, 1_000: 5_000, 2_500: 12_000, 3_000: 20_000, 6_000: 50_000, 10_000: 100_000}
"""Published quotas in 300 seconds: API to Resolvers of the same plan. The answers to a listing have only the first."""
_HOPS = 2
"""Requests per card: /resolve/ and the cache that it redirects to. Whether the Hub counts both is not known."""
_CARD_BYTES = 2_500
"""Mean size of a card with its headers; the public dump has 1,840 bytes of text per card."""
_SHARD_BYTES = 900
"""Mean size of a card in a shard."""


@dataclass
class Estimate:
    """The cost of a census.

    Args:
        source: the source.
        requests: requests still to come, by bucket.
        spent: requests that the estimate took.
        plan: by bucket, requests allowed and the seconds of the window.
        minutes: time under that plan, without downloads of the dump.
        bytes: bytes over the network.
        disk: bytes below the raw folder.
        changes: models listed, new, changed, unchanged, missing, to read; or the dump's shards.
    """

    source: str
    requests: dict[str, int]
    spent: int
    plan: dict[str, tuple[int, float]]
    minutes: float
    bytes: int
    disk: int
    changes: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Returns the figures for tools."""
        return asdict(self)

    def __str__(self) -> str:
        """Returns the figures for people."""
        asked = ", ".join(f"{n:,} {bucket}" for bucket, n in self.requests.items())
        plan = ", ".join(f"{n:,} {b} in {s:.0f} s" for b, (n, s) in self.plan.items())
        changes = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in self.changes.items())
        return "\n".join(
            (
                f"source    {self.source}",
                f"changes   {changes}",
                f"requests  {asked or 'none'} (this estimate took {self.spent:,})",
                f"plan      {plan}",
                f"time      about {self.minutes:,.0f} minutes",
                f"network   {self.bytes / 1e6:,.1f} MB",
                f"disk      {self.disk / 1e6:,.1f} MB",
            )
        )


def estimate(source: Source) -> Estimate:
    """Returns what ``source`` would cost now.

    Raises:
        UsageError: it is not a source of the Hub.
    """
    if isinstance(source, HubDump):
        return _of_dump(source)
    if isinstance(source, HubApi):
        return _of_api(source)
    raise UsageError("only sources of the Hub have a cost", "choose one of hub-dump, hub-metadata, hub-api, hub.")


def _of_api(source: HubApi) -> Estimate:
    with source.session() as (client, ledger):
        crawl = source.list_models(client, ledger)
        to_read = ledger.n_to_read(crawl)
        changes = ledger.summary(crawl)._replace(to_read=to_read)._asdict()
        spent, plan = client.requests, _plan(client)
        requests, size, disk = {"resolvers": to_read * _HOPS}, to_read * _CARD_BYTES, to_read * _SHARD_BYTES
        if isinstance(source, HubApiWithDump) and to_read >= source.worth_a_dump:
            dump = HubDump(source.raw, limits=source.limits, quiet=source.quiet)
            shards = dump.missing(dump.find(client))
            changes["to_read_at_most"] = changes.pop("to_read")
            requests["resolvers"] += len(shards)
            size += sum(s.size for s in shards)
            disk += sum(s.size for s in shards)
            spent = client.requests
        if source.options.adapter_configs:
            requests["resolvers"] += source.options.adapter_configs * _HOPS
        with source.store("cards") as store:
            disk += store.bytes() + ledger.path.stat().st_size
    return Estimate(
        f"{source.kind} {source.options.name}", requests, spent, plan, _minutes(requests, plan), size, disk, changes
    )


def _of_dump(source: HubDump) -> Estimate:
    with source.session() as client:
        dump = source.find(client)
        missing = source.missing(dump)
        requests = {"api": 0, "resolvers": len(missing)}
        plan = _plan(client)
    size = sum(s.size for s in missing)
    changes = {"shards": len(dump.shards), "shards_to_download": len(missing)}
    return Estimate(
        f"{source.kind} {source.dataset}@{dump.sha}",
        requests,
        client.requests,
        plan,
        _minutes(requests, plan),
        size,
        sum(s.size for s in dump.shards),
        changes,
    )


def _plan(client: HubClient) -> dict[str, tuple[int, float]]:
    """Returns the quotas that the Hub's answers named; for a bucket without answers the quota of the same plan."""
    api, seconds = client.pacer.plan().get("api", (ANONYMOUS["api"], 300.0))
    resolvers = client.pacer.plan().get("resolvers", (RESOLVERS_OF.get(api, api * 5), seconds))
    return {"api": (api, seconds), "resolvers": resolvers}


def _minutes(requests: dict[str, int], plan: dict[str, tuple[int, float]]) -> float:
    return max((n / plan[bucket][0] * plan[bucket][1] / 60 for bucket, n in requests.items()), default=0.0)
