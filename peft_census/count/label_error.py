"""A share corrected for the tagger's errors, from cards that people labelled.

In: what the tagger says of every card of a population, and what people say of a stratified random sample of it.
Out: the share that people would have found on the whole population, with an interval that covers both the sampling
of cards and the labelling of only some of them. No snapshot, no file.

The share is a ratio of two means over all cards, votes for the technique and votes at all. Both are estimated
prediction-powered (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Science 382:669-674): the tagger's mean
over all cards plus the mean of (person - tagger) over the labelled ones, with the library ``ppi-python``. It is done
within each stratum of the sample and weighted by the stratum's size (Fisch and others 2024, Stratified
prediction-powered inference, NeurIPS 37), where the library weighs the tagger by how much it helps (Angelopoulos,
Duchi and Zrnic 2023, PPI++, arXiv:2311.01453). Where the tagger says the same of a whole stratum this is the
double-sampling estimate of survey statistics (Cochran 1977, Sampling Techniques, chapter 12).

The two means move together. The library gives variances only; asked for votes for the technique, votes for others
and their sum in one call, it gives three, and from these follows the covariance: V(a + b) = V(a) + V(b) + 2 C(a, b).
The interval holds each share R for which mean(votes - R · base) is compatible with zero (Fieller 1954, JRSS B
16:175-185): the M-estimator's own test, turned round. What the draw of cards adds is measured under R, too, as in
Wilson's interval; so without any doubt about labels the interval is Wilson's on the effective number of cards.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from peft_census.count.uncertainty import CONFIDENCE
from peft_census.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METHOD = "prediction-powered by stratum 95 %"
UNBOUNDED = "prediction-powered by stratum; the labels bound the share on no side"
NO_BASE = "none: by the labels no card is counted"

_Z = float(ndtri((1 + CONFIDENCE) / 2))

ENOUGH_ERRORS = 25
"""Labels that differ from the tagger below which the interval is known to be too wide; see ``corrected_share``."""


@dataclass(frozen=True)
class Counts:
    """What one reader, tagger or person, says of cards: one entry a card.

    Args:
        numerators: votes for the technique, 0 to 1.
        bases: votes at all, 0 or 1.
    """

    numerators: Floats
    bases: Floats

    def columns(self) -> Floats:
        """Returns votes for the technique, for others, and at all, one row a card."""
        return np.column_stack([self.numerators, self.bases - self.numerators, self.bases])


@dataclass(frozen=True)
class Stratum:
    """What the labels say of one stratum.

    Args:
        code: its number.
        cards: cards in it.
        labels: labelled ones.
        differing: labels that count differently from the tagger.
    """

    code: int
    cards: int
    labels: int
    differing: int


@dataclass(frozen=True)
class Corrected:
    """A corrected share; ``share`` is None where by the labels nothing is counted.

    Args:
        share: estimate for the whole population.
        low: lower bound, 0 to 1.
        high: upper bound.
        method: how they were made.
        numerator: estimated votes for the technique in the population.
        base: estimated votes at all.
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
        """Labels that count differently from the tagger."""
        return sum(s.differing for s in self.strata)


def corrected_share(
    tagger: Counts,
    strata: Ints,
    people: Counts,
    labelled: Ints,
    design_effect: float = 1.0,
    silent: frozenset[int] = frozenset(),
) -> Corrected:
    """Returns the share by people's reading of the whole population.

    Its variance has three parts. That of the labels, from the library, less what a wholly labelled stratum no
    longer leaves open. That of the cards, which would be others in another draw, the more so when cards of one
    author go together. And a guard: a sample in which the tagger made no error does not show that it makes none,
    so one more error than was found is supposed, in the stratum where a label stands for most cards. With some
    ``ENOUGH_ERRORS`` differing labels the guard hardly matters and the interval holds its level; with fewer it
    holds more than 95 %.

    Args:
        tagger: of every card of the population.
        strata: each card's stratum; within it every card was as likely to be labelled.
        people: of the labelled cards.
        labelled: their positions in the population, each once.
        design_effect: cards counted for each effective one, from ``cluster_interval`` of the tagger's share; 1 where
            cards are independent.
        silent: strata in which the tagger had nothing to judge, so that no unseen error is supposed there; errors
            found there do count.

    Raises:
        ValueError: a stratum has no labelled card, or one where it has more cards.
        UsageError: ``ppi-python`` is not installed.
    """
    ppi, n_cards = _library(), len(strata)
    said, read = tagger.columns(), people.columns()
    mean, covariance, guard, shown = np.zeros(2), np.zeros((2, 2)), 0.0, []
    for code in np.unique(strata):
        inside, mine = strata == code, strata[labelled] == code
        cards, labels = int(inside.sum()), int(mine.sum())
        if labels < min(2, cards):
            raise ValueError(f"stratum {code}: {labels} of {cards} cards labelled, at least two are needed")
        weight, of_labelled = cards / n_cards, said[labelled[mine]]
        centre, variances = _stratum(ppi, read[mine], of_labelled, said[inside])
        mean += weight * centre[[0, 2]]
        covariance += weight**2 * (1 - labels / cards) * _covariance(variances)
        if code not in silent and labels < cards:
            guard = max(guard, (weight / labels) ** 2)
        differing = int((np.abs(read[mine] - of_labelled) > 1e-9).any(axis=1).sum())
        shown.append(Stratum(int(code), cards, labels, differing))
    covariance[0, 0] += guard
    numerator, base = (float(value) for value in mean)
    if base <= 0:
        return Corrected(None, 0.0, 1.0, NO_BASE, 0.0, 0.0, tuple(shown))
    low, high, bounded = _limits(numerator, base, covariance, base * n_cards / design_effect)
    share = min(1.0, max(0.0, numerator / base))
    method = METHOD if bounded else UNBOUNDED
    return Corrected(share, low, high, method, max(0.0, numerator) * n_cards, base * n_cards, tuple(shown))


def _library() -> ModuleType:
    """Returns ``ppi_py``, imported on first use: it takes over a second, and silences all warnings for good."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("ppi_py")
    except ImportError as error:
        raise UsageError(
            f"correcting a share for label errors needs ppi-python ({error})", "pip install 'peft-census[gold]'."
        ) from error


def _stratum(ppi: ModuleType, read: Floats, of_labelled: Floats, of_all: Floats) -> tuple[Floats, Floats]:
    """Returns means and variances of the three columns in one stratum."""
    # Of a tagger that says the same of every card there is nothing to weigh, and one row says all.
    same = bool((of_all == of_all[0]).all())
    of_all, weighing = (of_all[:1], 1.0) if same else (of_all, None)
    centre = ppi.ppi_mean_pointestimate(read, of_labelled, of_all, lam=weighing)
    low, high = ppi.ppi_mean_ci(read, of_labelled, of_all, alpha=1 - CONFIDENCE, lam=weighing)
    error = (np.asarray(high) - np.asarray(low)) / (2 * _Z)
    labels = len(read)
    # The library divides by n; with some twenty labels in a stratum n - 1 matters.
    return np.asarray(centre, dtype=np.float64), np.square(error) * labels / max(1, labels - 1)


def _covariance(variances: Floats) -> Floats:
    """Returns the covariance matrix of (votes for it, votes at all) from variances of (for it, for others, at all)."""
    both = (variances[2] - variances[0] - variances[1]) / 2
    together = variances[0] + both
    return np.array([[variances[0], together], [together, variances[2]]])


def _limits(numerator: float, base: float, labels: Floats, cards: float) -> tuple[float, float, bool]:
    """Returns the least and largest ratio R that the data do not refute, and whether there are such bounds.

    That is (numerator - R · base)² ≤ z² (variance by the labels + base² R (1 - R) / cards), a quadratic in R.
    """
    square, sampling = _Z**2, base**2 / cards
    a = base**2 - square * (labels[1, 1] - sampling)
    b = numerator * base - square * (labels[0, 1] - sampling / 2)
    c = numerator**2 - square * labels[0, 0]
    inner = b**2 - a * c
    if a <= 0 or inner < 0:
        return 0.0, 1.0, False
    low, high = (b - inner**0.5) / a, (b + inner**0.5) / a
    return float(min(1.0, max(0.0, low))), float(min(1.0, max(0.0, high))), True
