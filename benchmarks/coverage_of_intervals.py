"""How often the 95% intervals hold the true share, by simulation.

Run by ``make bench``; the tests run the short form of the same functions. A world is made in which the true share
is known, cards are drawn from it again and again, and it is counted how often each interval holds the truth.

Authors: few write many cards, most write one (a power law cut off at ``largest``), and cards of one author tend to
agree: an author's inclination comes from a Beta distribution with mean ``share`` and correlation ``alike``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from peft_census.count.label_error import Counts, corrected_share
from peft_census.count.uncertainty import cluster_interval, wilson
from peft_census.pipeline.label_sample import allocate


@dataclass(frozen=True)
class World:
    """Authors (or clusters of near-duplicates) and their cards.

    Args:
        share: the true share of LoRA.
        clusters: how many authors.
        exponent: of the power law of their numbers of cards; smaller is more unequal.
        largest: most cards that one author may have.
        alike: correlation of two cards of one author.
        pure: how much more LoRA-minded authors of many cards are than those of one to three, as a part of
            ``1 - share``; 0: the number of cards says nothing.
    """

    share: float
    clusters: int = 1_000
    exponent: float = 1.5
    largest: int = 100
    alike: float = 0.2
    pure: float = 0.0

    def sizes(self, rng: np.random.Generator) -> np.ndarray:
        """Returns the number of cards of each author."""
        u = rng.random(self.clusters)
        return np.floor((1 - u * (1 - self.largest**-self.exponent)) ** (-1 / self.exponent)).astype(np.int64)

    def inclination(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the mean share of authors with that many cards."""
        return self.share + (1 - self.share) * self.pure * np.where(sizes <= 3, -0.6, 0.3)

    def truth(self) -> float:
        """Returns the true share of cards, exact where size says nothing, else from two million authors."""
        if not self.pure:
            return self.share
        sizes = replace(self, clusters=2_000_000).sizes(np.random.default_rng(99))
        return float((self.inclination(sizes) * sizes).sum() / sizes.sum())

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns votes (0 or 1) and author of every card of one draw."""
        sizes = self.sizes(rng)
        mean, rest = self.inclination(sizes), (1 - self.alike) / self.alike
        lora = rng.binomial(sizes, rng.beta(mean * rest, (1 - mean) * rest))
        authors = np.repeat(np.arange(self.clusters), sizes)
        place = np.arange(len(authors)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return (place < lora[authors]).astype(float), authors


AUTHORS = World(0.984)
"""A thousand authors, 2,300 cards, the largest with 3% of them."""

NEAR_DUPLICATES = World(0.984, clusters=2_000, exponent=2.2, largest=60, alike=0.6)
"""Copies of a card: smaller clusters that agree more."""


@dataclass(frozen=True)
class Coverage:
    """How often two intervals held the truth, and the design effect that explains it."""

    naive: float
    clustered: float
    width: float
    design_effect: float


def cover_wilson(share: float, cards: int = 20_834, worlds: int = 2_000, seed: int = 2026) -> float:
    """Returns how often Wilson's interval holds ``share`` when cards are independent."""
    found, times = np.unique(np.random.default_rng(seed).binomial(cards, share, worlds), return_counts=True)
    held = [low <= share <= high for low, high in (wilson(n, cards) for n in found)]
    return float(times @ held / worlds)


def cover_clusters(world: World, worlds: int = 2_000, seed: int = 2026) -> Coverage:
    """Returns how often Wilson's and the clustered interval hold the truth in ``worlds`` draws of ``world``."""
    rng, truth = np.random.default_rng(seed), world.truth()
    naive = clustered = 0
    width = effect = 0.0
    for _ in range(worlds):
        votes, authors = world.draw(rng)
        low, high = wilson(votes.sum(), len(votes))
        naive += low <= truth <= high
        found = cluster_interval(votes, np.ones(len(votes)), authors)
        clustered += found.low <= truth <= found.high
        width += found.high - found.low
        effect += len(votes) / found.effective_n
    return Coverage(naive / worlds, clustered / worlds, width / worlds, effect / worlds)


@dataclass(frozen=True)
class Labelling:
    """A population of cards, a tagger with known errors, and a labelled sample of it.

    Args:
        share: of LoRA among the cards that the tagger counts.
        cards: in the population.
        labels: in the sample.
        wrong: how often the tagger's LoRA alone is wrong, another technique alone twice as often; a fifth of the errors
            change one for the other.
        missed: how often a card that is not counted should be.
        alike: correlation of an author's cards in what the tagger says; 0: no authors.
        stratified: whether labels are drawn by stratum, or evenly from all cards.
    """

    share: float
    cards: int = 8_000
    labels: int = 1_000
    wrong: float = 0.05
    missed: float = 0.05
    alike: float = 0.0
    stratified: bool = True

    STRATA = (0.3, 0.05, 0.125, 0.525)
    """Counted, of several techniques, with a rejected candidate, without a candidate."""

    def chances(self) -> np.ndarray:
        """Returns for each stratum how likely a card is LoRA alone, another technique alone, neither."""
        right, swap, lost = 1 - self.wrong, self.wrong / 5, self.wrong * 4 / 5
        lora, other = self.missed * self.share, self.missed * (1 - self.share)
        return np.array(
            [
                [right, swap, lost],
                [2 * swap, 1 - 2 * self.wrong, 2 * lost],
                [2 * lora, 2 * other, 1 - 2 * self.missed],
                [lora, other, 1 - self.missed],
                [0, 0, 1],
            ]
        )

    def sizes(self) -> np.ndarray:
        """Returns how likely a card is to be in each stratum."""
        counted, *others = self.STRATA
        return np.array([counted * self.share, counted * (1 - self.share), *others])

    def truth(self) -> float:
        """Returns the share that people would find in an endless population."""
        lora, other, _ = self.sizes() @ self.chances()
        return float(lora / (lora + other))


def cover_corrected(labelling: Labelling, worlds: int = 2_000, seed: int = 2026) -> tuple[float, float, float]:
    """Returns how often the raw and the corrected interval hold the truth, and the latter's mean width."""
    rng, truth, chances = np.random.default_rng(seed), labelling.truth(), labelling.chances()
    raw = held = 0
    width = 0.0
    cards = np.rint(labelling.sizes() * labelling.cards).astype(int)
    wanted = allocate(dict(zip("ABCEF", map(int, cards), strict=True)), labelling.labels).values()
    for _ in range(worlds):
        strata, authors = _tagged(labelling, rng)
        lora, one = (strata == 0).astype(float), (strata <= 1).astype(float)
        low, high = wilson(lora.sum(), one.sum())
        raw += low <= truth <= high
        if labelling.stratified:
            drawn = [rng.permutation(np.flatnonzero(strata == code))[:n] for code, n in enumerate(wanted)]
            labelled, known = np.concatenate(drawn), strata
        else:
            labelled, known = rng.permutation(len(strata))[: labelling.labels], np.zeros_like(strata)
        outcome = (rng.random(len(labelled))[:, None] > chances[strata[labelled]].cumsum(axis=1)).sum(axis=1)
        people = Counts((outcome == 0).astype(float), (outcome <= 1).astype(float))
        effect = 1.0
        if authors is not None:
            effect = one.sum() / cluster_interval(lora, one, authors).effective_n
        found = corrected_share(Counts(lora, one), known, people, labelled, effect, silent=frozenset({4}))
        held += found.low <= truth <= found.high
        width += found.high - found.low
    return raw / worlds, held / worlds, width / worlds


def _tagged(labelling: Labelling, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the stratum of every card, and its author where there are authors."""
    if not labelling.alike:
        return rng.choice(5, labelling.cards, p=labelling.sizes()), None
    sizes = World(0.5, clusters=labelling.cards).sizes(rng)
    authors = np.repeat(np.arange(labelling.cards), sizes)[: labelling.cards]
    mix = rng.dirichlet(labelling.sizes() * (1 - labelling.alike) / labelling.alike, authors[-1] + 1)
    return (rng.random(labelling.cards)[:, None] > mix[authors].cumsum(axis=1)).sum(axis=1).clip(max=4), authors


LIMITS = {
    "authors nearly of one mind": replace(AUTHORS, alike=0.6),
    "one author may hold an eighth": World(0.984, clusters=2_000, exponent=1.2, largest=1_000, alike=0.3),
    "large authors less LoRA-minded": replace(AUTHORS, alike=0.3, pure=-1.0),
    "large authors more LoRA-minded": replace(AUTHORS, alike=0.3, pure=1.0),
    "a hundred authors": replace(AUTHORS, clusters=100, largest=50, alike=0.3),
    "twenty authors": replace(AUTHORS, clusters=20, largest=50, alike=0.3),
}
"""Where the clustered interval leaves 93 to 97%, and by how much."""

LABELLINGS = {
    "1,000 labels by stratum": Labelling(0.984),
    "the same, cards of authors": Labelling(0.984, alike=0.3),
    "1,000 labels drawn evenly": Labelling(0.984, stratified=False),
    "300 labels": Labelling(0.984, labels=300),
    "1,000 labels, one error in a hundred": Labelling(0.984, wrong=0.01, missed=0.01),
}


def main() -> None:
    """Prints the coverage of every interval, at 98.4% and at 50%."""
    shares = (0.984, 0.5)
    print("How often 95% intervals hold the truth, in 2,000 simulated draws; columns: true share 98.4%, 50%")
    print("\nindependent cards (20,834)")
    print(_row("Wilson", [f"{cover_wilson(share):6.1%}" for share in shares]))
    worlds = {"a thousand authors": AUTHORS, "two thousand near-duplicate clusters": NEAR_DUPLICATES} | LIMITS
    print("\nclustered cards: Wilson as if independent → cluster bootstrap (mean width, design effect)")
    for name, world in worlds.items():
        found = [cover_clusters(replace(world, share=share)) for share in shares]
        cells = [
            f"{c.naive:6.1%} → {c.clustered:6.1%} ({100 * c.width:.1f} points, {c.design_effect:.1f})" for c in found
        ]
        print(_row(name, cells))
    print("\nlabel error: Wilson of the tagger's share → prediction-powered (mean width)")
    for name, labelling in LABELLINGS.items():
        three = [cover_corrected(replace(labelling, share=share)) for share in shares]
        print(_row(name, [f"{raw:6.1%} → {held:6.1%} ({100 * width:.1f} points)" for raw, held, width in three]))


def _row(name: str, cells: list[str]) -> str:
    return f"  {name:<38} " + "   ".join(f"{cell:<38}" for cell in cells).rstrip()


if __name__ == "__main__":
    main()
