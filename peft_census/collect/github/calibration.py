"""Counts in a checkout of PEFT what GitHub's code search counts in the same repository.

In: a checkout of ``huggingface/peft`` and the config classes. Out: the number of files for each measure. The search's
documented limits apply: files under 384 KB, case ignored, text split into words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from peft_census.errors import UsageError

LARGEST_FILE = 384 * 1024
_WORD = re.compile(r"[a-z0-9_]+")


def count_checkout(checkout: Path, classes: Iterable[str]) -> dict[tuple[str, str], int]:
    """Returns ``(measure, class)`` to the number of files in ``checkout``.

    ``class_python`` counts Python files with the class and the word peft. ``phrase`` counts files of any kind with the
    consecutive words *from peft import Class*, punctuation ignored, as the search's documentation describes it; if
    GitHub's number is lower, its rule for phrases is stricter.

    Raises:
        UsageError: not a checkout of PEFT.
    """
    if not (checkout / "src" / "peft" / "__init__.py").is_file():
        raise UsageError(f"{checkout}: not a checkout of huggingface/peft", "it should contain src/peft/__init__.py.")
    wanted = {name.lower(): name for name in classes}
    counts: Counter[tuple[str, str]] = Counter()
    for file in sorted(checkout.rglob("*")):
        if ".git" in file.relative_to(checkout).parts or file.is_symlink() or not file.is_file():
            continue
        if file.stat().st_size >= LARGEST_FILE:
            continue
        try:
            words = _WORD.findall(file.read_bytes().decode("utf-8").lower())
        except UnicodeDecodeError:
            continue  # not text, which the search does not index
        present = set(words)
        if "peft" not in present:
            continue
        if file.suffix == ".py":
            counts.update(("class_python", wanted[w]) for w in present & wanted.keys())
        counts.update(("phrase", wanted[w]) for w in _after_phrase(words) & wanted.keys())
    return {(m, name): counts[m, name] for m in ("class_python", "phrase") for name in wanted.values()}


def _after_phrase(words: list[str]) -> set[str]:
    return {
        words[i + 3] for i in range(len(words) - 3) if words[i] == "from" and words[i + 1 : i + 3] == ["peft", "import"]
    }
