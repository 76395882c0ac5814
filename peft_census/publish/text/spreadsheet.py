"""CSV that a spreadsheet opens as what it is: figures stay figures, text never becomes a formula.

In: columns and rows. Out: text in CSV. A text that a spreadsheet would take for a formula gets an apostrophe in
front, which spreadsheets do not show (OWASP, "CSV Injection"); numbers, negative ones too, are left alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns ``rows`` under a line of ``columns``, numbers in full precision, None as nothing."""
    return _line(columns) + "".join(_line([row[column] for column in columns]) for row in rows)


def _line(cells: Sequence[Any]) -> str:
    """Returns one line. Python quotes only those ends of line that it writes itself: hence both, then one."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow([no_formula(cell) for cell in cells])
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def no_formula(value: Any) -> Any:
    """Returns a cell's value, text that begins like a formula behind an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
