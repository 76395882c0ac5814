"""Proxies and certificates that the environment names wrongly are one error, which names the variable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from peft_census.collect.http.hub import HubClient
from peft_census.collect.http.rest import Pace, RestClient
from peft_census.errors import UnrecoverableError, UsageError
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


class LoginProxy(BaseHTTPRequestHandler):
    """A proxy that refuses every CONNECT."""

    def do_CONNECT(self) -> None:
        """Asks for a login."""
        self.send_error(407)

    def log_message(self, format: str, *args: object) -> None:
        """Stays quiet."""


@pytest.mark.parametrize(
    "get",
    [
        lambda: HubClient(QUICK, base="https://hub.example").get("api/models", 100),
        lambda: RestClient("https://api.example", Pace(0.0, attempts=1)).get("/x", []),
    ],
    ids=["hub", "rest"],
)
def test_a_proxy_that_asks_for_a_login(monkeypatch: pytest.MonkeyPatch, get: Callable[[], object]) -> None:
    """A refused CONNECT ends the run with what to do, and is not tried again."""
    with ThreadingHTTPServer(("127.0.0.1", 0), LoginProxy) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_address[1]}")
        with pytest.raises(UnrecoverableError, match="asks for a login") as caught:
            get()
        server.shutdown()
    assert "HTTPS_PROXY" in caught.value.hint
