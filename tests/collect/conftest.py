"""Every test of the Hub collector runs without a token, without the user's Hub folder, on loopback only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replica.catalogue import Catalogue
from tests.replica.hub import Replica, serving

Start = Callable[..., Replica]


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the machine's Hub settings out."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "hf-home" / "token"))


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts replicas and points HF_ENDPOINT to the newest."""
    with ExitStack() as stack:

        def start(catalogue: Catalogue, **options: Any) -> Replica:
            started = stack.enter_context(serving(catalogue, **options))
            monkeypatch.setenv("HF_ENDPOINT", started.base)
            return started

        yield start
