"""Finds near-duplicate cards: cards that cite the same techniques in almost the same text.

Two cards are near-duplicates if they have one key (their texts differ only in names, numbers and links), or if the
Jaccard similarity of their sets of three-word shingles is at least ``SIMILAR`` (Broder 1997, On the resemblance and
containment of documents). The similarity is estimated by MinHash, and similar pairs are found by locality-sensitive
hashing (Leskovec, Rajaraman and Ullman 2020, Mining of Massive Datasets, chapter 3). A cluster is a connected component
of such pairs. Cards that cite different techniques are never in one cluster.

In: cards with their mentions. Out: a ``Fingerprint`` of each card, which depends on that card only; and from the
fingerprints of all cards the clusters, which do not depend on the order of the cards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rensa import RMinHash

from peft_census.tag.candidates import bundled_scanner
from peft_census.tag.names import without_own_name
from peft_census.tag.tagged_card import Fingerprint, TaggedCard

SIMILAR = 0.8
"""Jaccard similarity from which two cards are near-duplicates."""

_IGNORED = r"https?://\S+|[\w.-]+/[\w./-]+|[^a-z\x{80}-\x{10FFFF}]*\d\.?e[-+]?\d+|[^a-z\x{80}-\x{10FFFF}]+"
"""Links, repository ids, paths, numbers, and everything except letters, in lower-case text."""

_SHORT_BODY = 40
"""A body with fewer letters than this is not distinctive. The whole card is then the text to compare."""
_MAX_CHARS = 200_000
_SHINGLE = 3
_HASHES, _SEED = 256, 1
"""With 256 hashes the standard error of a similarity of 0.8 is 0.025."""
_BAND = 8
"""Hashes that two cards must have in common, at the same places, to be compared: at 0.8 all but 0.3% of pairs have."""
_CITED = 4
"""Numbers in a signature that stand for the techniques that the card cites; the MinHash follows them."""

Digests = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CitingCard:
    """A card with its mentions."""

    model_id: str
    text: str
    tagged: TaggedCard


def fingerprints(cards: Sequence[CitingCard]) -> list[Fingerprint]:
    """Returns the fingerprint of each card, in order."""
    bodies = [card.text[card.tagged.body :][:_MAX_CHARS].lower() for card in cards]
    plain = _plain(cards, bodies)
    short = [i for i, text in enumerate(plain) if len(text) < _SHORT_BODY]
    for i in short:
        bodies[i] = cards[i].text[:_MAX_CHARS].lower()
    for i, text in zip(short, _plain([cards[i] for i in short], [bodies[i] for i in short]), strict=True):
        plain[i] = text
    cited = [_cited(card) for card in cards]
    minhash = RMinHash.digest_matrix_from_token_sets([_shingles(body) for body in bodies], _HASHES, _SEED).to_rows()
    digests = (np.array(minhash, dtype=np.uint32).reshape(-1, _HASHES) & 0xFFFF).astype("<u2")
    return [
        Fingerprint(
            hashlib.sha256(cites + text.encode()).hexdigest()[:16], cites[: 2 * _CITED].hex() + digest.tobytes().hex()
        )
        for text, cites, digest in zip(plain, cited, digests, strict=True)
    ]


class NearDuplicates:
    """Collects fingerprints and finds the clusters; half a kilobyte for each distinct card that cites something."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, bytes]] = set()

    def add(self, keys: Iterable[str | None], signatures: Iterable[str | None]) -> None:
        """Adds cards; None stands for a card without a fingerprint."""
        self._seen |= {(k, bytes.fromhex(s)) for k, s in zip(keys, signatures, strict=True) if k and s}

    def clusters(self) -> dict[str, str]:
        """Returns the key of the cluster of each key that is not that of its own cluster.

        The key of a cluster is the first of the keys in it.
        """
        cards = sorted(self._seen)
        if not cards:
            return {}
        keys = np.array([key for key, _ in cards])
        digests = np.frombuffer(b"".join(s for _, s in cards), dtype="<u2").reshape(len(cards), -1)
        parents: Rows = np.searchsorted(keys, keys).astype(np.int64)
        cited = digests[:, :_CITED]
        for start in range(_CITED, digests.shape[1], _BAND):
            for rows in _equal_rows(np.hstack([cited, digests[:, start : start + _BAND]])):
                _join_similar(rows, digests, parents)
        return {
            str(k): str(c) for k, c in zip(keys, keys[_roots(parents, np.arange(len(cards)))], strict=True) if k != c
        }


def with_clusters(models: pa.Table, clusters: dict[str, str]) -> pa.Table:
    """Returns ``models`` with the key of the cluster instead of the key of the card in column ``near_duplicate``."""
    keys = models["near_duplicate"]
    place = pc.index_in(keys, value_set=pa.array(clusters, pa.string()))
    changed = pc.coalesce(pa.array(clusters.values(), pa.string()).take(place), keys)
    return models.set_column(models.schema.get_field_index("near_duplicate"), "near_duplicate", changed)


def _cited(card: CitingCard) -> bytes:
    """Returns a hash of the techniques in a card and in the name of its model, and of which of them are negated."""
    cited = {f"{mention.technique} {mention.polarity}" for mention in card.tagged.mentions}
    name = card.model_id.rpartition("/")[2]
    cited |= {f"{candidate.technique} affirmed" for candidate in bundled_scanner().find(name)}
    return hashlib.sha256("\n".join(sorted(cited)).encode()).digest()


def _plain(cards: Sequence[CitingCard], texts: list[str]) -> list[str]:
    """Returns lower-case texts without the model's name and owner, links, repository ids, numbers and punctuation."""
    named = [without_own_name(card.model_id, text) for card, text in zip(cards, texts, strict=True)]
    return pc.utf8_trim(pc.replace_substring_regex(pa.array(named, pa.string()), _IGNORED, " "), " ").to_pylist()  # type: ignore[no-any-return]


def _shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))}


def _equal_rows(table: Digests) -> list[Rows]:
    """Returns groups of rows of ``table``, by position: equal rows, and very rarely some that are not."""
    hashes = np.zeros(len(table), dtype=np.uint64)
    for column in table.T:
        hashes = (hashes ^ column) * np.uint64(0x9E3779B97F4A7C15)
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.diff(hashes[order])) + 1
    return [group for group in np.split(order, starts) if len(group) > 1]


def _join_similar(rows: Rows, digests: Digests, parents: Rows) -> None:
    """Joins the clusters of the similar cards among ``rows``; cards of one cluster are not compared again."""
    compared = np.zeros(len(rows), dtype=np.bool_)
    while True:
        roots = _roots(parents, rows)
        distinct, sizes = np.unique(roots, return_counts=True)
        todo = np.flatnonzero((roots != distinct[sizes.argmax()]) & ~compared)
        if not len(todo):
            return
        one = todo[0]
        compared[one] = True
        others = rows[roots != roots[one]]
        equal = digests[others] == digests[rows[one]]
        similar = equal[:, :_CITED].all(axis=1) & (equal[:, _CITED:].mean(axis=1) >= SIMILAR)
        joined = _roots(parents, np.append(others[similar], rows[one]))
        parents[joined] = joined.min()


def _roots(parents: Rows, rows: Rows) -> Rows:
    """Returns the first card of the cluster of each of ``rows``, and shortens the way to it."""
    roots = parents[rows]
    while ((further := parents[roots]) != roots).any():
        roots = further
    parents[rows] = roots
    return roots
