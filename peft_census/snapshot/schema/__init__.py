"""The columns of every table: ``cards``, ``counts``, ``instruments``, and the registry of all in ``tables``."""

from peft_census.snapshot.schema.cards import EVIDENCE_LEVELS, FORMS, LOCATIONS, OTHER_STATUS, POLARITIES, STATUSES
from peft_census.snapshot.schema.tables import SCHEMA_VERSION, TABLES, arrow_schema, check, columns_of, data_dictionary

__all__ = [
    "EVIDENCE_LEVELS",
    "FORMS",
    "LOCATIONS",
    "OTHER_STATUS",
    "POLARITIES",
    "SCHEMA_VERSION",
    "STATUSES",
    "TABLES",
    "arrow_schema",
    "check",
    "columns_of",
    "data_dictionary",
]
