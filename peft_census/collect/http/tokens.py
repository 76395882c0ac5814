"""The tokens of the environment, checked before the first request.

In: HF_TOKEN (or the token file of ``hf auth login``), GITHUB_TOKEN, CIVITAI_TOKEN. Out: a token that can stand in a
header. A value that cannot be one is refused by the name of its variable: clients would show it in an error, and a
short word such as ``gemma`` would be redacted wherever a card has it.
"""

from __future__ import annotations

import os
import re

from peft_census.errors import SourceError

SHORTEST = 20
"""Characters. Tokens of the Hub have 37, of GitHub 40 or more, of Civitai 32."""
_TOKEN = re.compile(rf"[!-~]{{{SHORTEST},500}}")
VARIABLES = ("HF_TOKEN", "GITHUB_TOKEN", "CIVITAI_TOKEN")


def checked_token(value: str | None, variable: str) -> str | None:
    """Returns ``value`` without white space around it; None if nothing is left.

    Raises:
        SourceError: it cannot be a token; names ``variable``, never the value.
    """
    token = (value or "").strip()
    if token and not _TOKEN.fullmatch(token):
        raise SourceError(
            f"{variable} is not a token: a token has at least {SHORTEST} characters, all of them printable ASCII",
            f"set {variable} to a token, without line breaks and quotes, or unset it.",
        )
    return token or None


def environment_token(variable: str) -> str | None:
    """Returns the token in an environment variable; None without one. Raises SourceError as ``checked_token``."""
    return checked_token(os.environ.get(variable), variable)


def secrets() -> tuple[str, ...]:
    """Returns the valid tokens of the environment, to be redacted."""
    values = (os.environ.get(name, "").strip() for name in VARIABLES)
    return tuple(value for value in values if _TOKEN.fullmatch(value))
