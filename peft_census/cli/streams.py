"""Writes lines to stdout and stderr.

Model ids and quotes are untrusted input. Control characters and characters that change the direction of text are
printed as escapes, such as ``\\u001b``, so that a terminal does not act on them.
"""

from __future__ import annotations

import os
import re
import sys

import click

from peft_census.errors import OutputError

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    """Returns ``text`` with escapes for characters that control a terminal; line ends and tabs stay."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_text(text: str) -> None:
    """Prints ``text`` on stdout.

    Raises:
        OutputError: stdout cannot be written.
    """
    try:
        click.echo(escaped(text))
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        hint = "redirect it to another file."
        raise OutputError(f"cannot write to standard output: {error.strerror}", hint) from error


def print_error(text: str) -> None:
    """Prints ``text`` on stderr."""
    click.echo(escaped(text), err=True)


def replace_unprintable() -> None:
    """Makes stdout and stderr replace characters that their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def discard_stdout() -> None:
    """Discards what is still to be written to stdout, so that Python does not fail to flush it on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
