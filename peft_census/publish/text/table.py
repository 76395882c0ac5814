"""A table and its text: aligned for a terminal, Markdown, CSV.

In: a head and rows of cells. Out: text. Markdown shows every cell as it is, without markup. A spreadsheet reads every
cell of the CSV as a value: a text that looks like a formula gets an apostrophe in front, which spreadsheets do not show
(OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head.

    Args:
        head: names of the columns.
        rows: cells; text for a terminal, a page or Markdown, values for CSV.
        right: positions of the columns that are aligned to the right.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    right: Sequence[int] = ()

    @classmethod
    def of(cls, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
        """Returns the ``columns`` of ``rows``."""
        return cls(columns, [[row[column] for column in columns] for row in rows])

    def text(self, indent: str = "") -> list[str]:
        """Returns the lines of the table, columns aligned."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        return [
            (indent + "  ".join(self._pad(i, cell, widths[i]) for i, cell in enumerate(line))).rstrip()
            for line in lines
        ]

    def markdown(self) -> list[str]:
        """Returns the lines of the table in Markdown."""
        rule = "|" + "|".join("---:" if i in self.right else "---" for i in range(len(self.head))) + "|"
        head, *rows = (
            "| " + " | ".join(markdown_safe(cell) for cell in line) + " |" for line in (self.head, *self.rows)
        )
        return [head, rule, *rows]

    def csv(self) -> str:
        """Returns the table as CSV: numbers in full precision, None as an empty cell."""
        return "".join(_csv_line(line) for line in (self.head, *self.rows))

    def _pad(self, column: int, cell: str, width: int) -> str:
        return cell.rjust(width) if column in self.right else cell.ljust(width)


def markdown_safe(text: str) -> str:
    """Returns ``text`` such that Markdown shows it as it is: no markup, no tag, no new cell."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~])", r"\\\1", text)


def _csv_line(cells: Sequence[Any]) -> str:
    """Returns one line. The writer quotes line ends in a cell only if they are part of its own line terminator."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow([no_formula(cell) for cell in cells])
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def no_formula(value: Any) -> Any:
    """Returns ``value``, with an apostrophe in front of a text that a spreadsheet would take as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
