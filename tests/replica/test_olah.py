"""A mirror of another make before the replica: olah 0.5.4, a caching proxy for the Hub.

It cannot be installed with the pinned versions of this project, so the test puts it into an environment of its own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.errors import SourceError
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK, cards
from tests.replica.hub import serving

OLAH = "olah==0.5.4"


@pytest.fixture
def olah(tmp_path: Path) -> Path:
    """The program ``olah-cli``; the test is skipped if it cannot be installed."""
    environment = tmp_path / "olah"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", OLAH]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip(f"{OLAH} cannot be installed here")
    return environment / "bin" / "olah-cli"


@contextmanager
def mirror(program: Path, upstream: str, folder: Path) -> Iterator[str]:
    """Gives the address of a mirror of ``upstream``."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    source, own = upstream.removeprefix("http://"), f"127.0.0.1:{port}"
    addresses = {"hf-netloc": source, "hf-lfs-netloc": source, "mirror-netloc": own, "mirror-lfs-netloc": own}
    options = {"port": port, "hf-scheme": "http", "repos-path": folder / "repos", "log-path": folder / "logs"}
    command = [program, *(f"--{name}={value}" for name, value in {**options, **addresses}.items())]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://{own}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_a_crawl_through_olah_gives_the_same_cards(olah: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of ids is read through the mirror as directly; its missing listing is one line, not an empty census."""
    catalogue = from_generator(30)
    monkeypatch.delenv("HF_TOKEN", raising=False)  # the mirror does not pass one on for everything
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join([*catalogue.models, "nobody/nothing"]), encoding="utf-8")

    def crawl(base: str, folder: str, options: HubOptions) -> tuple[str, int]:
        monkeypatch.setenv("HF_ENDPOINT", base)
        source = HubApi(tmp_path / folder, options, QUICK, quiet=True)
        return source.prepare().content_sha256, cards(source).num_rows

    with serving(catalogue) as replica, mirror(olah, replica.base, tmp_path) as base:
        direct = crawl(replica.base, "direct", HubOptions(ids=ids))
        assert crawl(base, "mirrored", HubOptions(ids=ids)) == direct
        assert direct[1] == 31
        assert any("/paths-info/" in path for path in replica.counts.paths)
        with pytest.raises(SourceError, match="answers HTTP 401"):
            crawl(base, "listed", HubOptions("all"))
