"""What a column and a table are: the records of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())


class Public(Enum):
    """What the public copy keeps of a column. The value is the text of the data dictionary."""

    DROPPED = "no"
    AS_IS = "yes"
    DAY = "whole days"
    OWNER = "where it is part of the id, else null"
    COMMIT = "where it is a commit hash, else null"
    SHA256 = "where it is a SHA-256, else null"
    CLUSTER = "where it is a key of 16 hex digits, else null"
    LANGUAGES = "codes of ISO 639, else `other`"
    LIBRARY = "known libraries, else `other`"
    TASK = "known tasks, else `other`"
    LICENCES = "tags of known licences only"
    REASON = "the census's own reasons, else `other`"
    SOURCE = "known sources, else `other`"
    GENERATOR = "known card generators, else `other`"
    BASE_MODEL = "ids of listed models, else the family by `families.toml`, else `other`"
    VERSION = "version numbers, else `other`"
    TECHNIQUE_NAME = "the technique's name instead"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: its name.
        type: its Arrow type.
        meaning: what it holds, for the data dictionary.
        unit: its unit, where it has one.
        nullable: whether it may hold nulls.
        allowed: all values it may hold, where they are a closed list.
        public: what the public copy keeps of it; by default the copy does not have the column.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    nullable: bool = True
    allowed: tuple[str, ...] = ()
    public: Public = Public.DROPPED


class Table(NamedTuple):
    """One table: its meaning, for the data dictionary, and its columns."""

    meaning: str
    columns: tuple[Column, ...]
