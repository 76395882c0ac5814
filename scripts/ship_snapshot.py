"""Makes the bundled snapshot of real cards again: a census of ../shared/real, its public copy, and the generated docs.

Run it after a change of the tagger, the taxonomy, the counting rules or the schema: `make shipped`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
SOURCE = "../shared/real/*_cards/*.parquet"
SNAPSHOTS = REPO / "data/snapshots"
CENSUS = (sys.executable, "-m", "peft_census")


def main() -> None:
    """Replaces ``data/snapshots/*-public``, if the cards are there."""
    if not any(REPO.glob(SOURCE)):
        sys.exit(f"there are no cards at {SOURCE}; the bundled snapshot stays as it is")
    with tempfile.TemporaryDirectory() as tmpdir:
        census = (*CENSUS, "census", "--source", SOURCE, "--out", tmpdir, "--no-cache")
        subprocess.run(census, cwd=REPO, check=True, env={**os.environ, "PEFT_CENSUS_CHARTS": "none"})
        for earlier in SNAPSHOTS.glob("*-public"):
            shutil.rmtree(earlier)
        copy = (*CENSUS, "publish", "--snapshot", tmpdir, "--for", "analysts", "--out", str(SNAPSHOTS))
        subprocess.run(copy, cwd=REPO, check=True, env={**os.environ, "PEFT_CENSUS_CHARTS": "headline"})
    subprocess.run((sys.executable, "docs/generate.py"), cwd=REPO, check=True)


if __name__ == "__main__":
    main()
