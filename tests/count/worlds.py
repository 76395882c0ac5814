"""Planted worlds: cards whose authors follow a known rule, so that an analysis can be checked against the truth.

Authors differ in size (a power law) and in taste (a beta distribution), so that the cards of an author are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from peft_census.count.evidence import Evidence
from peft_census.count.groups import month_number
from peft_census.snapshot.manifest import TechniqueFacts

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "lora", released="2023-01-19"),
    "ia3": TechniqueFacts("(IA)^3", "peft_type", "ia3", released="2023-05-10"),
}
FIRST, TAGGED = (month_number(name) or 0 for name in ("2023-07", "2025-07"))
MONTHS = 36


@dataclass(frozen=True)
class World:
    """What people and tools do.

    Args:
        share: mean probability that a person names LoRA rather than another technique.
        shift: change of it from July 2025 on.
        trend: change of it per month.
        tool: probability that PEFT tags a card of LoRA from July 2025 on.
        naming: probability that a person names a technique at all.
        taste: beta distribution's a + b of an author's probability: the smaller, the more alike an author's cards.
        repeats: probability that a later card repeats the technique of the author's first one.
        authors: number of authors for each library.
        cards: mean number of cards of an author.
    """

    share: float = 0.8
    shift: float = 0.0
    trend: float = 0.0
    tool: float = 0.0
    naming: float = 0.5
    taste: float = 4.0
    repeats: float = 0.0
    authors: int = 1200
    cards: float = 4.0


def cards_of(world: World, rng: np.random.Generator, library: str) -> dict[str, np.ndarray]:
    """Returns the columns of the cards of one library; a person's shift and the tool are those of PEFT only."""
    peft = library == "peft"
    sizes = np.minimum(np.ceil(rng.pareto(1.6, world.authors) * world.cards / 2), 60).astype(int)
    author = np.repeat(np.arange(world.authors), sizes)
    n = len(author)
    day = rng.integers(0, MONTHS * 28, n)
    month = FIRST + day // 28
    mean = world.share + world.trend * (month - TAGGED) + (world.shift * (month >= TAGGED) if peft else 0.0)
    # An author's taste is a quantile, so that the mean of all authors is the planned one in every month.
    taste = rng.beta(world.taste * world.share, world.taste * (1 - world.share), world.authors)[author] - world.share
    lora = rng.random(n) < np.clip(mean + taste * np.minimum(1, (1 - mean) / (1 - world.share)), 0, 1)
    if world.repeats:
        order = np.lexsort((day, author))
        first = order[np.searchsorted(author[order], author)]
        lora = np.where(rng.random(n) < world.repeats, lora[first], lora)
    return {
        "author": author,
        "day": day,
        "month": month,
        "lora": lora,
        "person": rng.random(n) < world.naming,
        "tagged": lora & (month >= TAGGED) & (rng.random(n) < world.tool) & peft,
    }


def evidence_of(world: World, seed: int) -> Evidence:
    """Returns the evidence of one draw of a world."""
    rng = np.random.default_rng(seed)
    models, mentions = [], []
    for library in ("peft", "diffusers"):
        cards = cards_of(world, rng, library)
        n = len(cards["author"])
        ids = np.char.add(
            np.char.add(f"{library}", cards["author"].astype(str)), np.char.add("/m", np.arange(n).astype(str))
        )
        month, day = cards["month"], cards["day"] % 28
        days = np.array([f"{m // 12:04d}-{m % 12 + 1:02d}" for m in month], dtype="datetime64[D]") + day
        ids_column = pa.array(ids.tolist(), pa.string())
        models.append(
            pa.table(
                {
                    "model_id": ids_column,
                    "created_at": pa.array(days.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC")),
                    "library_name": pa.array([library] * n),
                    "pipeline_tag": pa.array(["text-generation"] * n),
                    "status": pa.array(["text"] * n),
                }
            )
        )
        named = np.where(cards["lora"], "lora", "ia3")
        for who, cites, technique in (("", cards["person"], named), ("peft", cards["tagged"], np.full(n, "lora"))):
            mentions.append(
                pa.table(
                    {
                        "model_id": ids_column.filter(pa.array(cites)),
                        "technique": pa.array(technique[cites].tolist(), pa.string()),
                        "generator": pa.array([who or None] * int(cites.sum()), pa.string()),
                    }
                )
            )
    return Evidence(pa.concat_tables(models), pa.concat_tables(mentions), FACTS)
