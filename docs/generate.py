"""Writes what the docs take from the code: the data dictionary and the README's table of precision and recall."""

from __future__ import annotations

from pathlib import Path

from peft_census.gold import score_rows
from peft_census.schema import data_dictionary

REPO = Path(__file__).resolve().parent.parent
START, END = "<!-- scores -->", "<!-- /scores -->"
HEAD = (
    "| gold set | cards | cited: precision | recall | applied: precision | recall | exactly the right set |",
    "|---|---|---|---|---|---|---|",
)


def main() -> None:
    """Writes both."""
    (REPO / "docs/data-dictionary.md").write_text(data_dictionary(), encoding="utf-8")
    file = REPO / "README.md"
    before, _, rest = file.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    table = "\n".join((START, *HEAD, *score_rows(), END))
    file.write_text(before + table + after, encoding="utf-8")


if __name__ == "__main__":
    main()
