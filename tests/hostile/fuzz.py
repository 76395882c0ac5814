"""Coverage-guided fuzzing with atheris: ``python -m tests.hostile.fuzz TARGET SECONDS [FOLDER]``.

Prints the number of executions as its last line. A crash is written into FOLDER and ends the run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["peft_census.tag", "peft_census.collect"]):
    from tests.hostile.targets import TARGETS, corpus


def main() -> None:
    """Fuzzes one target."""
    name, seconds = sys.argv[1], sys.argv[2]
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else f"fuzz/{name}")
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(corpus(name)):
        (folder / "corpus" / f"seed-{i}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=20",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
