"""What the benchmarks measure with: medians of time, processor time of a process and its children, peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """Medians of several runs of one thing.

    Args:
        wall: seconds on the clock.
        cpu: processor seconds, child processes with them.
    """

    wall: float
    cpu: float


def costs(works: Sequence[Callable[[], object]], times: int = 5) -> list[Cost]:
    """Returns what each of ``works`` costs: medians of ``times`` rounds, after one that does not count.

    They take turns, so that a machine that grows slower or faster meanwhile does so for all of them.
    """
    walls: list[list[float]] = [[] for _ in works]
    cpus: list[list[float]] = [[] for _ in works]
    for counted in [False, *[True] * times]:
        for i, work in enumerate(works):
            start, before = time.perf_counter(), sum(os.times()[:4])
            work()
            if counted:
                walls[i].append(time.perf_counter() - start)
                cpus[i].append(sum(os.times()[:4]) - before)
    return [Cost(statistics.median(wall), statistics.median(cpu)) for wall, cpu in zip(walls, cpus, strict=True)]


def run(*arguments: str | Path, folder: Path) -> tuple[float, float]:
    """Runs a command of this Python in ``folder``; returns its seconds and the peak memory of its processes in MB.

    The peak is the sum of every process's own high-water mark (VmHWM), so it is an upper bound; 0 where there is
    no /proc.
    """
    start = time.perf_counter()
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    peaks: dict[int, int] = {}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        while running.poll() is None:
            for pid in _tree(running.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
            time.sleep(0.05)
        took = time.perf_counter() - start
        told = running.stderr.read() if running.stderr else ""
    if running.returncode != 0:
        raise RuntimeError(f"{command} left with {running.returncode}: {told[-500:]}")
    return took, sum(peaks.values()) / 1024


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [p for child in task.read_text().split() for p in _tree(int(child))]
        except OSError:
            continue  # it has just ended
    return found


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def machine() -> str:
    """Returns one line on this machine and what was compared."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(": ")[2] if models else name
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    packages = ", ".join(f"{p} {version(p)}" for p in ("pyarrow", "duckdb", "polars", "pandas"))
    return (
        f"{cpus} × {name}, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, {packages}; "
        f"load before: {load}"
    )
