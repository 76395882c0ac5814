"""Finds the text of a card that a card generator wrote.

In: the text of a card. Out: the spans that known tools wrote, and which tool. PEFT and diffusers write the tag
``lora`` themselves, so a share that counts these mentions measures tools as well as people. The fingerprints of
the tools are in ``generators.toml``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from peft_census.errors import TaxonomyError
from peft_census.snapshot.records import read_record, record
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.techniques import Id, Release, Text
from peft_census.tag.toml_file import read_toml

GENERATORS_FILE = Path(__file__).with_name("generators.toml")
TEMPLATE = "template"
"""The generator of a sentence that recurs in the cards of several authors, whatever tool wrote it."""
_HINT = "see the head of generators.toml."
_BLOCK_END = re.compile(r"</details>|^#{1,6} ", re.MULTILINE)


@record
class Generator:
    """A card generator. The head of ``generators.toml`` explains the fields."""

    id: Id
    name: Text
    signs: Annotated[tuple[Text, ...], Field(min_length=1)]
    marker: re.Pattern[str]
    writes: Literal["card", "front_matter", "block", "others"]
    block: re.Pattern[str] | None = None
    others: re.Pattern[str] | None = None
    release: re.Pattern[str] | None = None
    since: Release | None = None


@record
class _File:
    generator: tuple[Generator, ...]


@dataclass(frozen=True)
class GeneratedSpan:
    """A span that a generator wrote.

    Args:
        start: first character.
        end: one past the last character.
        generator: id of the generator, with its release if the card names it.
        about_others: the text is about other models.
    """

    start: int
    end: int
    generator: str
    about_others: bool = False


@cache
def load_generators(path: Path = GENERATORS_FILE) -> tuple[Generator, ...]:
    """Returns the known generators, most specific first.

    Raises:
        TaxonomyError: the file is missing, is not TOML or breaks a rule of the format.
    """
    generators = read_record(_File, read_toml(path), path, TaxonomyError, _HINT).generator
    for generator in generators:
        if (generator.writes == "block") != (generator.block is not None):
            raise TaxonomyError(f"{path}: generator {generator.id}: block belongs to writes = 'block'", _HINT)
        if generator.writes == "others" and generator.others is None:
            raise TaxonomyError(f"{path}: generator {generator.id}: writes = 'others' needs others", _HINT)
    return generators


def generators_sha256() -> str:
    """Returns the SHA-256 of ``generators.toml``."""
    return hashlib.sha256(GENERATORS_FILE.read_bytes()).hexdigest()


def find_generated_spans(text: str, front: FrontMatter) -> list[GeneratedSpan]:
    """Returns the spans of ``text`` that generators wrote, in the order of the generators."""
    spans = []
    for generator in load_generators():
        if not any(sign in text for sign in generator.signs) or not generator.marker.search(text):
            continue
        name, release = generator.id, None
        if generator.release and (match := generator.release.search(text)):
            release = match.group(1)
            name = f"{generator.id}/{release}"
        if generator.others:
            spans += [GeneratedSpan(*m.span(), name, about_others=True) for m in generator.others.finditer(text)]
        if generator.since and (release is None or _version(release) < _version(generator.since)):
            spans.append(GeneratedSpan(0, 0, name))  # this release writes no names of techniques
        elif generator.writes == "card":
            spans.append(GeneratedSpan(0, len(text), name))
        elif generator.writes == "front_matter":
            spans.append(GeneratedSpan(front.start, front.end, name))
        elif generator.block:
            spans += _find_blocks(text, generator.block, name)
    return spans


def _find_blocks(text: str, opening: re.Pattern[str], name: str) -> list[GeneratedSpan]:
    blocks: list[GeneratedSpan] = []
    for start in opening.finditer(text):
        if blocks and start.start() < blocks[-1].end:
            continue  # inside the previous block
        end = _BLOCK_END.search(text, start.end())
        blocks.append(GeneratedSpan(start.start(), end.start() if end else len(text), name))
    return blocks


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", release)[:3])
