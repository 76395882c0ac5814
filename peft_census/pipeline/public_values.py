"""The values that the public copy keeps of each column: one function for each restricting member of ``Public``.

In: columns of a snapshot. Out: the same columns without anything that an author could have written freely. A value that
is free text at its source is kept only if it is in a closed list; otherwise it becomes ``other``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import OTHER, family
from peft_census.snapshot.closed_lists import closed_lists, reason_form
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.schema import columns_of
from peft_census.snapshot.schema.column import Public
from peft_census.tag.generators import TEMPLATE, load_generators

HUB_ID = re.compile(r"(https://huggingface\.co/)?((spaces|datasets)/)?[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)?")
"""An id as the Hub publishes it, or its address there."""

COMMIT, SHA256, CLUSTER = (re.compile(rf"[0-9a-f]{{{n}}}") for n in (40, 64, 16))
VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}((a|b|rc|\.dev|\.post)[0-9]{1,8})?")


def is_hub_id(text: str) -> bool:
    """Says whether ``text`` is shaped like an id of the Hub."""
    return HUB_ID.fullmatch(text) is not None


def restricted(name: str, table: pa.Table, techniques: Techniques, listed: pa.ChunkedArray | None = None) -> pa.Table:
    """Returns the columns of ``table`` that the public copy keeps, with the values that it may hold.

    Args:
        name: of the table; a key of ``TABLES``.
        table: whole, or some of its columns.
        techniques: the manifest's, for their names.
        listed: ids of the models of the copy, which base models may name; none where it is None.
    """
    kept = {c.name: c.public for c in columns_of(name, public=True) if c.name in table.schema.names}
    columns = [_column(table, column, rule, techniques, listed) for column, rule in kept.items()]
    return pa.table(columns, schema=pa.schema([table.schema.field(column) for column in kept]))


def _column(
    table: pa.Table, column: str, rule: Public, techniques: Techniques, listed: pa.ChunkedArray | None
) -> pa.Array | pa.ChunkedArray:
    values = table[column]
    if rule is Public.AS_IS:
        return values
    if rule is Public.DAY:
        return pc.floor_temporal(values, unit="day")
    if rule is Public.OWNER:
        return _owners(values, table["model_id"])
    if rule is Public.TECHNIQUE_NAME:
        return _mapped(table["technique"], lambda technique: techniques[technique].name)
    if rule is Public.BASE_MODEL:
        return _mapped(values, base_model_rule(frozenset(() if listed is None else listed.to_pylist())))
    change = RULES[rule]
    return _mapped_lists(values, change) if pa.types.is_list(values.type) else _mapped(values, change)


def known_language(value: str) -> str:
    """Returns the code of a language; ``pt-BR`` becomes ``pt``."""
    code = value.strip().lower().replace("_", "-").partition("-")[0]
    return code if code in closed_lists().languages else OTHER


def known_library(value: str) -> str:
    """Returns a known library's name, else ``other``."""
    return _listed(value, closed_lists().libraries)


def known_task(value: str) -> str:
    """Returns a known task, else ``other``."""
    return _listed(value, closed_lists().tasks)


def known_source(value: str) -> str:
    """Returns a known kind of source, else ``other``."""
    return _listed(value, closed_lists().sources)


def licence_tag(value: str) -> str | None:
    """Returns a tag that names a known licence; None for every other tag."""
    kind, _, licence = value.partition(":")
    return value if kind == "license" and licence in closed_lists().licences else None


def known_reason(value: str) -> str:
    """Returns a reason that the census itself gave, else ``other``."""
    allowed = closed_lists().reasons
    return value if all(reason_form(part) in allowed for part in value.split("; ")) else OTHER


def known_generator(value: str) -> str:
    """Returns a known card generator, with its release where that is a version number; else ``other``."""

    name, _, release = value.partition("/")
    if name not in {TEMPLATE, *(generator.id for generator in load_generators())}:
        return OTHER
    return value if VERSION.fullmatch(release) else name


def known_version(value: str) -> str:
    """Returns a version number, else ``other``."""
    return value if VERSION.fullmatch(value) else OTHER


def base_model_rule(listed: frozenset[str]) -> Callable[[str], str]:
    """Returns what becomes of a base model: a listed id stays, another becomes its family, or ``other``."""

    def known(value: str) -> str:
        if value in listed and is_hub_id(value):
            return value
        return family(value) if is_hub_id(value) else OTHER

    return known


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda value: value if pattern.fullmatch(value) else None


RULES: dict[Public, Callable[[str], str | None]] = {
    Public.COMMIT: _matching(COMMIT),
    Public.SHA256: _matching(SHA256),
    Public.CLUSTER: _matching(CLUSTER),
    Public.LANGUAGES: known_language,
    Public.LIBRARY: known_library,
    Public.TASK: known_task,
    Public.LICENCES: licence_tag,
    Public.REASON: known_reason,
    Public.SOURCE: known_source,
    Public.GENERATOR: known_generator,
    Public.VERSION: known_version,
}
"""What becomes of one value; None leaves it out."""


def _listed(value: str, allowed: frozenset[str]) -> str:
    word = value.strip().lower()
    return word if word in allowed else OTHER


def _owners(authors: pa.ChunkedArray, ids: pa.ChunkedArray) -> pa.Array:
    """Returns the authors that are part of their model's id; null for the others."""
    pairs = zip(authors.to_pylist(), ids.to_pylist(), strict=True)
    return pa.array([author if author in model_id.split("/") else None for author, model_id in pairs], pa.string())


def _mapped(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.Array:
    """Returns ``change`` of every value; equal values are read once."""
    encoded = values.combine_chunks().dictionary_encode()
    changed = [None if value is None else change(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(changed, pa.string()).take(encoded.indices)


def _mapped_lists(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.Array:
    """Returns the lists with ``change`` of every value, each value once; what it leaves out is not there."""
    known: dict[str, str | None] = {}

    def word(value: str) -> str | None:
        if value not in known:
            known[value] = change(value)
        return known[value]

    lists = [
        None if items is None else list(dict.fromkeys(w for item in items if item is not None and (w := word(item))))
        for items in values.to_pylist()
    ]
    return pa.array(lists, values.type)
