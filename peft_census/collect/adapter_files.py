"""Which files of a repository are those of an adapter, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ADAPTER_FILE = re.compile(
    r"adapter_(?:config\.json|model\..+)"  # PEFT; AdapterHub's configuration has the same name
    r"|pytorch_adapter\.bin"  # AdapterHub
    r"|(?:.*[^a-z])?(?:lora|lycoris|locon|loha|lokr|dora)(?:[^a-z].*)?\.(?:safetensors|bin|pt|ckpt)"  # diffusers, kohya
    r"|learned_embeds.*\.(?:bin|safetensors|pt)",  # textual inversion
    re.IGNORECASE,
)


def count_adapter_files(paths: Iterable[str]) -> int:
    """Returns how many of ``paths`` have the name of an adapter's weights or settings, in any folder.

    A name is a sign, not a proof: a base model may ship an adapter beside its own weights.
    """
    return sum(_ADAPTER_FILE.fullmatch(path.rpartition("/")[2]) is not None for path in paths)
