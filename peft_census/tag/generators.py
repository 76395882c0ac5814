"""Who wrote a place: a person, or a tool that fills in cards.

In: card text. Out: the spans that known tools wrote. PEFT and diffusers write the tag ``lora`` on their own;
a share that counts it measures tools as well as people, so the evidence keeps them apart.
Fingerprints are data, in ``generators.toml``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from peft_census.errors import TaxonomyError
from peft_census.tag.front_matter import FrontMatter

_FILE = Path(__file__).with_name("generators.toml")
_BLOCK_END = re.compile(r"</details>|^#{1,6} ", re.MULTILINE)
_KEYS = {"id", "name", "signs", "marker", "writes", "block", "release", "since"}


@dataclass(frozen=True)
class Generator:
    """One tool; see the head of ``generators.toml`` for the fields."""

    id: str
    name: str
    signs: tuple[str, ...]
    marker: re.Pattern[str]
    writes: str
    block: re.Pattern[str] | None = None
    release: re.Pattern[str] | None = None
    since: tuple[int, ...] = ()


@dataclass(frozen=True)
class GeneratedSpan:
    """A span that a generator wrote."""

    start: int
    end: int
    generator: str


@cache
def generators() -> tuple[Generator, ...]:
    """Returns the known generators, most specific first.

    Raises:
        TaxonomyError: ``generators.toml`` is not what it should be.
    """
    try:
        entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))["generator"]
        return tuple(_generator(entry) for entry in entries)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, re.error) as error:
        raise TaxonomyError(f"{_FILE}: {error!r}", "see the comment at its head.") from error


def generators_sha256() -> str:
    """Returns the SHA-256 of ``generators.toml``."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()


def find_generated_spans(text: str, front: FrontMatter) -> list[GeneratedSpan]:
    """Returns the spans that tools wrote in ``text``."""
    found = []
    for generator in generators():
        if not any(sign in text for sign in generator.signs) or not generator.marker.search(text):
            continue
        name, release = generator.id, None
        if generator.release and (match := generator.release.search(text)):
            release = match.group(1)
            name = f"{generator.id}/{release}"
        if generator.since and (release is None or _version(release) < generator.since):
            found.append(GeneratedSpan(0, 0, name))  # at work here, but names of techniques are a person's
        elif generator.writes == "card":
            found.append(GeneratedSpan(0, len(text), name))
        elif generator.writes == "front_matter":
            found.append(GeneratedSpan(front.start, front.end, name))
        else:
            found += _blocks(text, generator, name)
    return found


def _blocks(text: str, generator: Generator, name: str) -> list[GeneratedSpan]:
    blocks: list[GeneratedSpan] = []
    for start in generator.block.finditer(text) if generator.block else ():
        if blocks and start.start() < blocks[-1].end:
            continue  # inside the block before
        end = _BLOCK_END.search(text, start.end())
        blocks.append(GeneratedSpan(start.start(), end.start() if end else len(text), name))
    return blocks


def _generator(entry: dict[str, Any]) -> Generator:
    if unknown := set(entry) - _KEYS:
        raise KeyError(f"unknown keys {sorted(unknown)} in generator {entry.get('id')!r}")
    if entry["writes"] not in ("card", "front_matter", "block") or (entry["writes"] == "block") != ("block" in entry):
        raise KeyError(f"generator {entry['id']!r}: writes is {entry['writes']!r}")

    def pattern(field: str) -> re.Pattern[str] | None:
        return re.compile(entry[field], re.MULTILINE) if field in entry else None

    marker = pattern("marker")
    if marker is None:
        raise KeyError(f"generator {entry['id']!r} has no marker")
    since = _version(entry["since"]) if "since" in entry else ()
    if not entry["signs"] or not all(isinstance(sign, str) and sign for sign in entry["signs"]):
        raise KeyError(f"generator {entry['id']!r}: signs must be texts")
    release = pattern("release")
    signs = tuple(entry["signs"])
    return Generator(entry["id"], entry["name"], signs, marker, entry["writes"], pattern("block"), release, since)


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", release)[:3])
