"""The open census of parameter-efficient fine-tuning (PEFT).

| function | returns |
|---|---|
| ``load_snapshot`` | the tables of a snapshot as pandas data frames (``Frames``) |
| ``shares`` | the share of each technique by any rule, also by month, task, library and so on |
| ``top`` | who holds the votes of a technique, and how much its share depends on them |
| ``history`` | a share in all snapshots of a folder, and what changed between them |
| ``configurations`` | rank, alpha, target modules and base model of each configuration that was read |
| ``diff`` | why a share differs between two snapshots |
| ``explain_model`` | what the card of a model cites, and how each rule counts it |
| ``chart`` | one of a snapshot's charts, which a notebook displays |
| ``tag_cards`` | the mentions in a table or a list of model cards |
| ``explain`` | what the tagger finds in one card |

They live in ``peft_census.pipeline.api``, which loads pyarrow and pandas when the first of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peft_census.pipeline.api import (
        Frames,
        chart,
        configurations,
        diff,
        explain,
        explain_model,
        history,
        load_snapshot,
        shares,
        tag_cards,
        top,
    )

__version__ = "0.1.0"
__all__ = [
    "Frames",
    "chart",
    "configurations",
    "diff",
    "explain",
    "explain_model",
    "history",
    "load_snapshot",
    "shares",
    "tag_cards",
    "top",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("peft_census.pipeline.api"), name)
    raise AttributeError(f"module 'peft_census' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
