"""Shows progress, prints results, and exits with the right code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from tqdm import tqdm

from peft_census.cli.streams import escaped, print_error, print_text
from peft_census.collect.progress import progress
from peft_census.errors import DONE, GAPS
from peft_census.pipeline.progress import Advance, Progress
from peft_census.snapshot.records import to_json


@dataclass(frozen=True)
class OutputOptions:
    """How to print.

    Args:
        as_json: print one JSON object on stdout.
        quiet: print no progress and no notes.
    """

    as_json: bool
    quiet: bool

    @property
    def progress(self) -> Progress:
        """Shows progress on stderr, unless ``quiet``."""
        return Progress() if self.quiet else TerminalProgress()


class TerminalProgress(Progress):
    """Shows on stderr each stage that takes longer than two seconds, and all notes."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Advance]:
        """Shows the stage ``name``: with its units if ``unit`` is given, otherwise with the time."""
        with progress(name, unit, total) as bar:
            yield bar.update

    def note(self, line: str) -> None:
        """Prints a line above the progress bar."""
        tqdm.write(escaped(line), file=sys.stderr)


def print_result(result: object, text: str, output: OutputOptions) -> None:
    """Prints ``text`` on stdout, or ``result`` (a record, or JSON-ready data) as one JSON object.

    Raises:
        OutputError: stdout cannot be written.
    """
    if output.as_json:
        unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
        text = json.dumps(to_json(result), ensure_ascii=not unicode)
    print_text(text)


def finish(gaps: dict[str, int], instrument_gaps: tuple[str, ...] = (), source: str = "") -> NoReturn:
    """Exits: with 0, or if something could not be read, with 3 and one line for each gap on stderr."""
    for line in instrument_gaps:
        print_error(f"gap: {line}")
    for reason, n in sorted(gaps.items()):
        print_error(f"gap: {n:,} card{'' if n == 1 else 's'}: {reason}")
    if gaps and source.startswith("hub"):
        print_error("run the same command again to retry what failed; what was read is not read again")
    sys.exit(GAPS if gaps or instrument_gaps else DONE)
