"""A share corrected for the errors of the tagger, with the help of hand-labelled cards.

In: the tagger's labels of every card of a population, and people's labels of a stratified random sample of it. Out: the
share that people would have found in the whole population, with an interval that covers the sampling of cards and the
sampling of labels.

The share is a ratio of two means over all cards: votes for the technique, and all votes. Both are prediction-powered
estimates (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Science 382:669-674): the mean of the tagger over all
cards plus the mean of (person - tagger) over the labelled cards, computed with the library ``ppi-python``. They are
computed within each stratum of the sample and weighted by the size of the stratum (Fisch and others 2024, Stratified
prediction-powered inference, NeurIPS 37); the library weights the tagger by how much it helps (Angelopoulos, Duchi and
Zrnic 2023, PPI++, arXiv:2311.01453). Where the tagger gives all cards of a stratum the same label, this is the
double-sampling estimate of survey statistics (Cochran 1977, Sampling Techniques, chapter 12).

The two means are correlated. The library gives variances only; called with votes for the technique, votes for others
and their sum it gives three variances, and the covariance follows from V(a + b) = V(a) + V(b) + 2 C(a, b). The
interval holds each share R for which mean(votes - R · base) is compatible with zero (Fieller 1954, JRSS B
16:175-185). The variance from the sampling of cards is also computed under R, as in Wilson's interval, so without
label errors the interval is Wilson's on the effective number of cards.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from peft_census.count.arrays import Floats, Ints
from peft_census.count.uncertainty import CONFIDENCE, Z
from peft_census.errors import UsageError

METHOD = "prediction-powered by stratum 95%"
UNBOUNDED = "prediction-powered by stratum; the labels do not bound the share"
NO_BASE = "none: by the labels no card is counted"

ENOUGH_ERRORS = 25
"""Labels that differ from the tagger's, below which the interval is too wide; see ``corrected_share``."""


@dataclass(frozen=True)
class Counts:
    """The votes of cards by the labels of one reader, tagger or person; one entry for each card.

    Args:
        numerators: votes for the technique, 0 to 1.
        bases: all votes, 0 or 1.
    """

    numerators: Floats
    bases: Floats

    def columns(self) -> Floats:
        """Returns votes for the technique, votes for others, and all votes, one row for each card."""
        return np.column_stack([self.numerators, self.bases - self.numerators, self.bases])


@dataclass(frozen=True)
class Stratum:
    """The labels of one stratum.

    Args:
        code: its number.
        cards: cards in it.
        labels: labelled cards in it.
        differing: labels that count differently from the tagger's.
    """

    code: int
    cards: int
    labels: int
    differing: int


@dataclass(frozen=True)
class Corrected:
    """A corrected share.

    Args:
        share: estimate for the whole population; None where by the labels nothing is counted.
        low: lower bound, 0 to 1.
        high: upper bound.
        method: how they were computed.
        numerator: estimated votes for the technique in the population.
        base: estimated number of all votes.
        strata: by code.
    """

    share: float | None
    low: float
    high: float
    method: str
    numerator: float
    base: float
    strata: tuple[Stratum, ...]

    @property
    def labels(self) -> int:
        """Labels used."""
        return sum(s.labels for s in self.strata)

    @property
    def differing(self) -> int:
        """Labels that count differently from the tagger's."""
        return sum(s.differing for s in self.strata)


@dataclass(frozen=True)
class Estimate:
    """A share with its interval; share and bounds are None where nothing is counted."""

    numerator: float
    base: float
    share: float | None
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True)
class AuthorInterval:
    """The interval of the tagger's share clustered by author; ``effective_n`` is its effective sample size."""

    low: float
    high: float
    method: str
    authors: int
    effective_n: float


@dataclass(frozen=True)
class StratumLabels:
    """The labels of one stratum of a sample: its letter and meaning, and its counts as in ``Stratum``."""

    stratum: str
    meaning: str
    cards: int
    labels: int
    differing: int


@dataclass(frozen=True)
class Unjudged:
    """The cards without a candidate, which are assumed to cite nothing unless a label shows otherwise.

    Args:
        cards: in the population.
        labels: of such cards.
        differing: of these, labels that count differently from the tagger's.
        not_excluded: the largest share of such cards with an error that is compatible with no differing label (the
            one-sided 95% limit, Hanley and Lippman-Hand 1983, JAMA 249:1743-1745). The interval of the corrected share
            does not include such errors. None where a label differs, because the interval then includes them.
    """

    cards: int
    labels: int
    differing: int
    not_excluded: float | None

    @classmethod
    def of(cls, stratum: Stratum) -> Unjudged:
        """Returns what the labels of ``stratum`` say about the assumption."""
        known = stratum.labels == stratum.cards
        limit = 0.0 if known else 1 - (1 - CONFIDENCE) ** (1 / stratum.labels)
        return cls(stratum.cards, stratum.labels, stratum.differing, None if stratum.differing else limit)


@dataclass(frozen=True)
class LabelCorrection:
    """A snapshot's share by the tagger and corrected by labels; cards with a text only.

    Args:
        labels: labels used.
        unread: cards of the sample that nobody could read.
        differing: labels that count differently from the tagger's.
        enough: True if so many differ that the interval covers 95%.
        raw: the tagger's share.
        by_author: the interval of the tagger's share, clustered by author.
        unjudged: what is assumed about the cards without a candidate; None if there are none.
        outside_taxonomy: labelled techniques that the taxonomy does not have.
    """

    rule: str
    technique: str
    labels: int
    unread: int
    differing: int
    enough: bool
    raw: Estimate
    by_author: AuthorInterval
    corrected: Estimate
    strata: list[StratumLabels]
    unjudged: Unjudged | None
    outside_taxonomy: list[str]


def corrected_share(
    tagger: Counts,
    strata: Ints,
    people: Counts,
    labelled: Ints,
    design_effect: float = 1.0,
    silent: frozenset[int] = frozenset(),
) -> Corrected:
    """Returns the share that people's labels of the whole population would give.

    Its variance has three parts: that of the labels, from the library, with a finite population correction; that of
    the sampled cards, times the design effect of their authors; and that of one more error. A sample in which the
    tagger made no error does not show that it makes none, so one more error than was found is supposed, in the stratum
    where a label represents most cards. From about ``ENOUGH_ERRORS`` differing labels on, the last part has little
    effect and the interval covers 95%; with fewer differing labels it covers more.

    Args:
        tagger: votes of every card of the population.
        strata: the stratum of each card; within a stratum all cards were equally likely to be labelled.
        people: votes of the labelled cards.
        labelled: their positions in the population, each once.
        design_effect: cards counted for each effective card, from ``cluster_interval`` of the tagger's share; 1 where
            cards are independent.
        silent: strata without anything for the tagger to judge, where no further error is supposed (``Unjudged``);
            errors found there count.

    Raises:
        ValueError: a stratum has no labelled card, or one where it has more cards.
        UsageError: ``ppi-python`` is not installed.
    """
    ppi, n_cards = _library(), len(strata)
    by_tagger, by_people = tagger.columns(), people.columns()
    mean, covariance, one_error, shown = np.zeros(2), np.zeros((2, 2)), 0.0, []
    for code in np.unique(strata):
        inside, mine = strata == code, strata[labelled] == code
        cards, labels = int(inside.sum()), int(mine.sum())
        if labels < min(2, cards):
            raise ValueError(f"stratum {code}: {labels} of {cards} cards labelled, at least two are needed")
        weight, of_labelled = cards / n_cards, by_tagger[labelled[mine]]
        centre, variances = _stratum(ppi, by_people[mine], of_labelled, by_tagger[inside])
        mean += weight * centre[[0, 2]]
        covariance += weight**2 * (1 - labels / cards) * _covariance(variances)
        if code not in silent and labels < cards:
            one_error = max(one_error, (weight / labels) ** 2)
        differing = int((np.abs(by_people[mine] - of_labelled) > 1e-9).any(axis=1).sum())
        shown.append(Stratum(int(code), cards, labels, differing))
    covariance[0, 0] += one_error
    numerator, base = (float(value) for value in mean)
    if base <= 0:
        return Corrected(None, 0.0, 1.0, NO_BASE, 0.0, 0.0, tuple(shown))
    low, high, bounded = _limits(numerator, base, covariance, base * n_cards / design_effect)
    share = min(1.0, max(0.0, numerator / base))
    method = METHOD if bounded else UNBOUNDED
    return Corrected(share, low, high, method, max(0.0, numerator) * n_cards, base * n_cards, tuple(shown))


def _library() -> ModuleType:
    """Returns ``ppi_py``. It is optional, takes more than a second to import, and changes the filters of warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("ppi_py")
    except ImportError as error:
        raise UsageError(
            f"correcting a share for label errors needs ppi-python ({error})",
            "run `pip install '.[gold]'` in the clone.",
        ) from error


def _stratum(ppi: ModuleType, read: Floats, of_labelled: Floats, of_all: Floats) -> tuple[Floats, Floats]:
    """Returns means and variances of the three columns in one stratum."""
    # A tagger that labels all cards alike needs no weight, and one row is enough.
    same = bool((of_all == of_all[0]).all())
    of_all, weighing = (of_all[:1], 1.0) if same else (of_all, None)
    centre = ppi.ppi_mean_pointestimate(read, of_labelled, of_all, lam=weighing)
    low, high = ppi.ppi_mean_ci(read, of_labelled, of_all, alpha=1 - CONFIDENCE, lam=weighing)
    error = (np.asarray(high) - np.asarray(low)) / (2 * Z)
    labels = len(read)
    # The library divides by n; with some twenty labels in a stratum n - 1 matters.
    return np.asarray(centre, dtype=np.float64), np.square(error) * labels / max(1, labels - 1)


def _covariance(variances: Floats) -> Floats:
    """Returns the covariance matrix of (votes for it, all votes) from the variances of (for it, for others, all)."""
    both = (variances[2] - variances[0] - variances[1]) / 2
    together = variances[0] + both
    return np.array([[variances[0], together], [together, variances[2]]])


def _limits(numerator: float, base: float, labels: Floats, cards: float) -> tuple[float, float, bool]:
    """Returns the smallest and largest ratio R that the data do not reject, and whether there are such bounds.

    R is not rejected if (numerator - R · base)² ≤ z² (variance by the labels + base² R (1 - R) / cards).
    """
    square, sampling = Z**2, base**2 / cards
    a = base**2 - square * (labels[1, 1] - sampling)
    b = numerator * base - square * (labels[0, 1] - sampling / 2)
    c = numerator**2 - square * labels[0, 0]
    inner = b**2 - a * c
    if a <= 0 or inner < 0:
        return 0.0, 1.0, False
    low, high = (b - inner**0.5) / a, (b + inner**0.5) / a
    return float(min(1.0, max(0.0, low))), float(min(1.0, max(0.0, high))), True
