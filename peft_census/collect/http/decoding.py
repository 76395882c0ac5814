"""Reading JSON that a server sent, which may be anything."""

from __future__ import annotations

import json
from typing import Any


def decode_json(body: str | bytes) -> Any:
    """Returns what ``body`` holds.

    Raises:
        ValueError: it is no JSON, or nested deeper than the decoder goes.
    """
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
