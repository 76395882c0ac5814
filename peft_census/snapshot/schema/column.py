"""What a column is: the building block of the registry in ``schema``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())


class Public(Enum):
    """What the public copy keeps of a column; ``public_values`` applies it. The value is the data dictionary's word."""

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
    """One column: its name, Arrow type, meaning, unit and, where the list is closed, allowed values.

    ``public`` says what the public copy keeps of it. A column that does not say so is not in that copy.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    nullable: bool = True
    allowed: tuple[str, ...] = ()
    public: Public = Public.DROPPED
