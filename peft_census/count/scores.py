"""Accuracy of the tagger: precision, recall and F1 against labels.

In: for each card the labelled and the predicted techniques. Out: ``Scores``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Techniques = frozenset[str]


@dataclass(frozen=True)
class Figures:
    """Precision, recall and F1, micro-averaged over cards and techniques."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ExactlyOne:
    """Precision and recall of "this card cites exactly one technique"."""

    precision: float
    recall: float


@dataclass(frozen=True)
class TechniqueScores:
    """The scores of one technique and the number of cards whose labels cite it."""

    cards: int
    cited: Figures
    applied: Figures


@dataclass(frozen=True)
class Difference:
    """Techniques that the tagger missed, and techniques that it found wrongly."""

    missed: list[str]
    wrong: list[str]


@dataclass(frozen=True)
class Disagreement:
    """A card on which labels and tagger differ.

    ``evidence`` has one line for each mention of the techniques concerned, ``rejected`` one for each candidate.
    """

    id: str | int | None
    model_id: str | None
    sure: bool
    note: str
    cited: Difference
    applied: Difference
    negated: Difference
    evidence: list[str]
    rejected: list[str]


@dataclass(frozen=True)
class Scores:
    """The tagger's scores on labelled cards; ``exact_set`` is the share of cards with exactly the right techniques."""

    cards: int
    cited: Figures
    applied: Figures
    negated: Figures
    exact_set: float
    exactly_one: ExactlyOne
    per_technique: dict[str, TechniqueScores]
    disagreements: list[Disagreement]


@dataclass(frozen=True)
class Pair:
    """Labelled and predicted techniques of one card."""

    labelled: Techniques
    predicted: Techniques

    def only(self, technique: str) -> Pair:
        """Returns the pair as if there were no other technique."""
        return Pair(self.labelled & {technique}, self.predicted & {technique})

    def difference(self) -> Difference:
        """Returns the techniques in which the sets differ."""
        return Difference(sorted(self.labelled - self.predicted), sorted(self.predicted - self.labelled))


@dataclass(frozen=True)
class CardPairs:
    """The techniques that one card cites, applies and negates."""

    cited: Pair
    applied: Pair
    negated: Pair

    @property
    def differing(self) -> Techniques:
        """Techniques on which labels and tagger differ."""
        return frozenset().union(*(p.labelled ^ p.predicted for p in (self.cited, self.applied, self.negated)))


def scores(cards: Sequence[CardPairs], disagreements: list[Disagreement]) -> Scores:
    """Returns the scores of ``cards``."""
    cited, applied = [card.cited for card in cards], [card.applied for card in cards]
    ones = [(len(pair.labelled) == 1, len(pair.predicted) == 1) for pair in cited]
    both = sum(labelled and predicted for labelled, predicted in ones)
    labelled_cards = Counter(technique for pair in cited for technique in pair.labelled)
    techniques = {t for pair in (*cited, *applied) for t in pair.labelled | pair.predicted}
    return Scores(
        cards=len(cited),
        cited=figures(cited),
        applied=figures(applied),
        negated=figures(card.negated for card in cards),
        exact_set=_ratio(sum(pair.labelled == pair.predicted for pair in cited), len(cited)),
        exactly_one=ExactlyOne(
            _ratio(both, sum(predicted for _, predicted in ones)), _ratio(both, sum(labelled for labelled, _ in ones))
        ),
        per_technique={
            technique: TechniqueScores(
                labelled_cards[technique],
                figures(pair.only(technique) for pair in cited),
                figures(pair.only(technique) for pair in applied),
            )
            for technique in sorted(techniques)
        },
        disagreements=disagreements,
    )


def figures(pairs: Iterable[Pair]) -> Figures:
    """Returns the micro-averaged scores of ``pairs``."""
    right = wrong = missed = 0
    for pair in pairs:
        right += len(pair.labelled & pair.predicted)
        wrong += len(pair.predicted - pair.labelled)
        missed += len(pair.labelled - pair.predicted)
    return Figures(
        _ratio(right, right + wrong), _ratio(right, right + missed), _ratio(2 * right, 2 * right + wrong + missed)
    )


def _ratio(part: float, whole: float) -> float:
    """Returns part / whole to six decimals; 1.0 where ``whole`` is zero."""
    return round(part / whole, 6) if whole else 1.0
