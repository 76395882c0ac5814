"""Lists a quarter, a half and a whole million generated models into a ledger: time and memory.

``python -m benchmarks.hub_listing [MODELS]``. The replica runs as a process of its own, so that the memory is
the collector's alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def list_once() -> None:
    """Lists everything at HF_ENDPOINT; prints models, seconds and megabytes at the peak."""
    from peft_census.collect.hub.api import HubApi
    from peft_census.collect.hub.options import HubOptions

    with tempfile.TemporaryDirectory() as raw:
        source = HubApi(Path(raw), HubOptions("all"), quiet=True)
        begun = time.perf_counter()
        with source.session() as (client, ledger):
            crawl = source.list_models(client, ledger)
            seconds = time.perf_counter() - begun
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            size = ledger.path.stat().st_size / 1e6
            listed = ledger.n_listed(crawl)
            print(
                f"{listed:>9,} models  {seconds:6.1f} s  {seconds / listed * 1e6:5.1f} s per million  "
                f"{peak:5.0f} MB at the peak  {size:6.0f} MB of ledger  {client.requests:,} requests",
                flush=True,
            )


def main(most: int) -> None:
    """Runs replica and listing for each size."""
    for models in (most // 4, most // 2, most):
        replica = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.replica.hub", "--lazy", "--port", "0"),
                *("--models", str(models), "--quota", "1000000", "1000000"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if replica.stdout is None:
                raise RuntimeError("the replica says nothing")
            address = replica.stdout.readline().strip().partition("=")[2]
            subprocess.run(
                [sys.executable, "-m", "benchmarks.hub_listing", "--once"],
                env={**os.environ, "HF_ENDPOINT": address},
                check=True,
            )
        finally:
            replica.kill()
            replica.wait()


if __name__ == "__main__":
    if "--once" in sys.argv:
        list_once()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
