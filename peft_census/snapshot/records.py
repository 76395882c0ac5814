"""Records read from declared files (TOML, JSON): frozen dataclasses that pydantic validates on reading.

A record is built in code like any dataclass, without validation. ``read_record`` builds it from outside data and
rejects unknown keys, missing keys and wrong types with an error that names the file and the entry.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, TypeAdapter, ValidationError

from peft_census.errors import BadInputError, CensusError

Record = TypeVar("Record")


@dataclass_transform(frozen_default=True)
def record(cls: type[Record]) -> type[Record]:
    """Makes ``cls`` a frozen dataclass whose unknown keys ``read_record`` rejects."""
    cls.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return dataclass(frozen=True)(cls)


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def read_record(
    kind: type[Record], data: object, where: object, error: type[CensusError] = BadInputError, hint: str = ""
) -> Record:
    """Returns ``data`` as a ``kind``: a record, or a type such as ``dict[str, SomeRecord]``.

    Args:
        kind: the record class or type.
        data: parsed TOML or JSON.
        where: the file, for the error.
        error: the class of error to raise.
        hint: what to do about it.

    Raises:
        CensusError: ``data`` does not fit; the message names ``where``, the entry and the fault.
    """
    try:
        result: Record = _adapter(cast(Hashable, kind)).validate_python(data)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        entry = ".".join(str(part) for part in first["loc"])
        raise error(f"{where}: {entry or 'the file'}: {first['msg']}", hint) from fault
    return result


def to_json(value: object) -> Any:
    """Returns a record, or a container of records, as plain JSON-ready data."""
    return TypeAdapter(Any).dump_python(value, mode="json")
