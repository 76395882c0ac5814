"""What to take from the Hub: the options of its sources, and the populations that they name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import Path

from peft_census.errors import UsageError

ADAPTER_TAGS = tuple(
    """peft lora adapter-transformers adapterhub adapter adapters qlora dora rslora adalora lycoris locon loha lokr ia3
    oft boft vera prefix-tuning prompt-tuning p-tuning soft-prompt textual_inversion hypernetwork""".split()
)
"""Hub tags of the default population. Each has a listing of its own: the Hub combines several tags by AND."""

POPULATIONS = ("adapters", "all")

_SEGMENT = r"[A-Za-z0-9_\-][A-Za-z0-9._\-]{0,254}"
"""The Hub limits names to 96 characters today; models of 2022 have longer ones."""
_MODEL_ID = re.compile(rf"(?!.*\.\.){_SEGMENT}(?:/{_SEGMENT})?")


@dataclass(frozen=True)
class HubOptions:
    """Which models a source of the Hub reads.

    Args:
        population: ``adapters`` or ``all``.
        ids: a file with one model id per line, instead of a population.
        adapter_configs: size of the random sample of ``adapter_config.json``; 0 for none.
        seed: of that sample; None for the seed that the crawl began with.
        accept_shrunk: accept a listing or dump that is much smaller than the last one.
    """

    population: str = "adapters"
    ids: Path | None = None
    adapter_configs: int = 0
    seed: int | None = None
    accept_shrunk: bool = False

    def __post_init__(self) -> None:
        if self.population not in POPULATIONS:
            raise UsageError(f"unknown population {self.population!r}", f"choose {' or '.join(POPULATIONS)}.")
        if self.adapter_configs < 0:
            raise UsageError("--adapter-configs must not be negative")

    def given(self) -> list[str]:
        """Returns the names of the options that differ from their default."""
        return [f.name for f in fields(self) if getattr(self, f.name) != f.default]

    @property
    def kind(self) -> str:
        """The kind of population: ``adapters``, ``all`` or ``ids``."""
        return self.population if self.ids is None else "ids"

    @property
    def name(self) -> str:
        """The population's name in folders and manifests; a list of ids is named by its hash."""
        if self.ids is None:
            return self.population
        return "ids-" + hashlib.sha256("\n".join(read_ids(self.ids)).encode()).hexdigest()[:12]


def is_model_id(value: object) -> bool:
    """Returns whether ``value`` can be a model id; nothing else is put into a URL."""
    return isinstance(value, str) and _MODEL_ID.fullmatch(value) is not None


def read_ids(path: Path) -> list[str]:
    """Returns the model ids of a file, one per line, sorted and without repeats; ``#`` starts a comment.

    Raises:
        UsageError: the file is missing, is not text, has no id, or has a line that is not a model id.
    """
    hint = "give a text file with one model id per line."
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})", hint) from error
    ids = set()
    for number, line in enumerate(lines, 1):
        model_id = line.partition("#")[0].strip()
        if model_id and not is_model_id(model_id):
            raise UsageError(f"{path}, line {number}: {model_id!r} is not a model id", "write owner/name.")
        if model_id:
            ids.add(model_id)
    if not ids:
        raise UsageError(f"{path}: the file has no model id", hint)
    return sorted(ids)
