"""A variable that holds no token is one error with its name; its value is never shown, sent or redacted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from helpers import write_cards
from serving import serve

from peft_census.collect.http.hub import hub_token
from peft_census.collect.http.tokens import environment_token, secrets
from peft_census.errors import SourceError
from tests.collect.conftest import Start
from tests.replica.catalogue import from_generator

HEAD, TAIL = planted.HUB, planted.GITHUB
BAD = {
    "two lines": f"{HEAD}\n{TAIL}",
    "a return": f"{HEAD}\r{TAIL}",
    "not ASCII": f"{HEAD}…",
    "a space": f"{HEAD} {TAIL}",
    "a word": "gemma",
    "too long": planted.HUB * 40,
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("variable", ["HF_TOKEN", "GITHUB_TOKEN", "CIVITAI_TOKEN"])
def test_what_is_no_token_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The error names the variable; the value is in no part of it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SourceError, match=variable) as caught:
        hub_token() if variable == "HF_TOKEN" else environment_token(variable)
    assert not planted.holds(str(caught.value)) and "gemma" not in str(caught.value)
    assert value not in secrets()


def test_white_space_around_a_token_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at the end of a file is no part of the token; an empty value is no token."""
    monkeypatch.setenv("HF_TOKEN", f" {planted.HUB}\r\n")
    assert hub_token() == planted.HUB
    monkeypatch.setenv("GITHUB_TOKEN", " ")
    assert environment_token("GITHUB_TOKEN") is None


@pytest.mark.parametrize("value", [BAD["two lines"], BAD["not ASCII"]])
def test_a_census_with_a_bad_token_of_civitai_goes_on(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The cards are counted and Civitai is a gap: exit code 3, one line, no value; the server is not asked."""
    replica = CivitaiReplica(models_of({"LORA": 3}))
    write_cards(tmp_path / "cards.parquet", [{"modelId": "acme/one", "card": "Trained with LoRA."}])
    monkeypatch.setenv("CIVITAI_TOKEN", value)
    with serve(replica) as url:
        monkeypatch.setenv("CIVITAI_API_URL", url)
        result = run("census", "-s", "cards.parquet", "--with", "civitai", "--quiet")
    assert result.exit_code == 3 and "gap: civitai: CIVITAI_TOKEN is not a token" in result.stderr
    assert not planted.holds(result.output + result.stderr) and replica.seen == []


def test_a_crawl_with_a_word_as_token_asks_nothing(run: Any, replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placeholder is refused before the first request; it would be cut out of every card that has the word."""
    server = replica(from_generator(5))
    monkeypatch.setenv("HF_TOKEN", "gemma")
    result = run("census", "-s", "hub-api", "--quiet")
    assert result.exit_code == 1 and result.stderr.startswith("error: HF_TOKEN is not a token")
    assert sum(server.counts.requests.values()) == 0
