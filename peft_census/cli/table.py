"""The options --format and --out of commands that print a table, and the function that obeys them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import pyarrow as pa

from peft_census.cli.options import option_group
from peft_census.cli.output import OutputOptions, print_result
from peft_census.cli.streams import print_text
from peft_census.errors import UsageError
from peft_census.publish.text.formats import BINARY, FORMATS
from peft_census.snapshot.files import write_atomically


@dataclass(frozen=True)
class TableOptions:
    """How a table is written.

    Args:
        form: ``text``, or a key of ``FORMATS``.
        out: the file; None to print it.
    """

    form: str
    out: Path | None


table_options = option_group(
    "target",
    TableOptions,
    click.option(
        "--format", "form", type=click.Choice(["text", *FORMATS]), default="text", show_default=True, help="Format."
    ),
    click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file."),
)


def write_table(table: pa.Table, result: object, text: str, target: TableOptions, output: OutputOptions) -> None:
    """Prints or writes a table.

    Args:
        table: for all formats but ``text``.
        result: what ``--json`` prints.
        text: the same for people.
        target: format and file.
        output: whether to print JSON.

    Raises:
        UsageError: the format cannot be printed.
        OutputError: the file or stdout cannot be written.
    """
    if target.form == "text" and target.out is None:
        print_result(result, text, output)
        return
    content = f"{text}\n".encode() if target.form == "text" else FORMATS[target.form](table)
    if target.out is not None:
        write_atomically(target.out, content)
    elif target.form in BINARY:
        raise UsageError(f"--format {target.form} cannot be printed", "name a file with --out.")
    else:
        print_text(content.decode().removesuffix("\n"))
