"""Proxies and certificates that the environment names wrongly are one error, which names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from peft_census.collect.http.hub import HubClient
from peft_census.collect.http.rest import Pace, RestClient
from peft_census.errors import UsageError
from tests.replica.crawl import QUICK


@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    "value", ["htp://secret-host", "http://secret-host:99999", "http://[secret-host", "://", ":::"]
)
def test_a_misspelt_proxy_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The value may hold a password."""
    monkeypatch.setenv(name, value)
    for make in (lambda: HubClient(QUICK), lambda: RestClient("https://127.0.0.1:9", Pace(0.0))):
        with pytest.raises(UsageError, match=name) as caught:
            make()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["missing.pem", ".", "text.pem"])
def test_certificates_that_cannot_be_read_are_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    """A missing file, a folder, and a file that is not PEM."""
    (tmp_path / "text.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / value))
    with pytest.raises(UsageError, match="SSL_CERT_FILE"):
        HubClient(QUICK)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(UsageError, match="REQUESTS_CA_BUNDLE"):
        RestClient("https://127.0.0.1:9", Pace(0.0, attempts=1)).get("/x", [])


def test_a_socks_proxy_without_its_package_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names the package."""
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(UsageError, match="SOCKS"):
        HubClient(QUICK)
