"""Reading cards: the meaning of each answer of the Hub, and the repair of texts."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from peft_census.collect.http.common import Answer, TransientError
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.cards import COMMIT_GONE, Reader, _decode, _refusal
from peft_census.collect.ledger_rows import FileRequest
from peft_census.errors import UnrecoverableError
from tests.collect.conftest import Start
from tests.replica.catalogue import Catalogue, Record, commit_of, git_blob
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults


def catalogue_of(readme: bytes | None, gated: bool = False) -> Catalogue:
    """One model, ``o/m``."""
    files = {".gitattributes": b""} | ({} if readme is None else {"README.md": readme})
    return Catalogue([Record("o/m", commit_of(1), "1" * 24, "2026-01-01T00:00:00.000Z", "", files, gated=gated)])


def read(readme: bytes | None, client: HubClient | None = None, **wanted: str) -> tuple[str, str | None, str | None]:
    """Reads ``o/m``; returns status, reason and text."""
    asked = FileRequest(**{"model_id": "o/m", "sha": commit_of(1), "gated": "", **wanted})
    outcome = Reader(client or HubClient(QUICK)).read(asked)
    return outcome.status, outcome.reason, outcome.text


def test_a_card_is_read_as_it_is(replica: Start) -> None:
    """Front matter and line ends are unchanged."""
    replica(catalogue_of("---\r\ntags: [x]\r\n---\r\nGrüße\r\n".encode()))
    assert read(b"") == ("text", None, "---\r\ntags: [x]\r\n---\r\nGrüße\r\n")


def test_a_byte_order_mark_is_dropped(replica: Start) -> None:
    """The Hub's own client drops it too, and so does the dump."""
    replica(catalogue_of(b"\xef\xbb\xbf# Title\n"))
    assert read(b"") == ("text", None, "# Title\n")


def test_broken_utf8_is_repaired_and_marked(replica: Start) -> None:
    """One invalid byte does not lose a card."""
    replica(catalogue_of(b"# Title \xff\n"))
    assert read(b"") == ("text", "invalid UTF-8: unreadable bytes replaced", "# Title \ufffd\n")


def test_a_long_card_is_cut_and_marked(replica: Start) -> None:
    """The cut is at the limit and between two characters."""
    replica(catalogue_of("äöü".encode() * 10))
    client = HubClient(type(QUICK)(**{**vars(QUICK), "card_bytes": 9}))
    assert read(b"", client) == ("text", "cut at 9 bytes", "äöüä")


@pytest.mark.parametrize("body", [b"", b"  \n", b"Entry not found\n"])
def test_an_empty_card_is_no_card(replica: Start, body: bytes) -> None:
    """An empty body, white space or a placeholder is not a text."""
    replica(catalogue_of(body))
    assert read(b"")[0] == "no_card"


def test_missing_gated_and_vanished_are_told_apart(replica: Start) -> None:
    """The Hub's error codes distinguish them."""
    server = replica(catalogue_of(None))
    assert read(None)[:2] == ("no_card", "no README.md")
    assert read(None, sha="0" * 40)[:2] == ("failed", COMMIT_GONE)
    assert read(None, model_id="o/other")[:2] == ("gone", "HTTP 401: deleted or private since it was listed")
    server.catalogue = catalogue_of(b"# x", gated=True)
    assert read(None, gated="auto")[:2] == ("gated", "HTTP 401: access must be asked for")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {}, "failed"),
        (403, {}, "failed"),
        (403, {"x-error-code": "GatedRepo"}, "gated"),
        (404, {}, "failed"),
        (404, {"x-error-code": "RepoNotFound"}, "gone"),
        (403, {"x-error-message": "Access to this resource is disabled."}, "gone"),
        (418, {}, "failed"),
    ],
)
def test_refusals_are_believed_only_if_they_say_why(status: int, headers: dict[str, str], expected: str) -> None:
    """Without an error code of the Hub, a 401, 403 or 404 is a failure: a firewall answers so too."""
    assert _refusal(Answer(status, headers, b""), "README.md")[0] == expected


def test_a_body_with_a_wrong_length_is_noticed_by_its_etag(replica: Start) -> None:
    """Half a body with a matching Content-Length looks complete; git's hash shows the error."""
    text = b"# Title\n" * 50
    replica(catalogue_of(text), faults=Faults(wrong_length=0.5, seed=4))
    client = HubClient(type(QUICK)(**{**vars(QUICK), "attempts": 30}))
    reported: list[str] = []
    client.report = lambda where, what: reported.append(what)
    assert read(b"", client) == ("text", None, text.decode())


@pytest.mark.parametrize("etag", ["b" * 40, "b" * 64, "5-abc", ""])
def test_bodies_that_do_not_match_stop_the_crawl(replica: Start, etag: str) -> None:
    """The comparison is never switched off: after five models in a row the error names the likely cause."""
    catalogue = Catalogue(
        [
            Record(f"o/m{i}", commit_of(i), str(i) * 24, "", "", {".gitattributes": b"", "README.md": b"# x"})
            for i in range(6)
        ]
    )
    replica(catalogue, faults=Faults(etag=f'"{etag}"'))
    reader = Reader(HubClient(replace(QUICK, attempts=2)))
    for i in range(4):
        outcome = reader.read(FileRequest(f"o/m{i}", commit_of(i)))
        assert (outcome.status, outcome.reason) == ("failed", "a body that does not match its ETag after 2 attempts")
    with pytest.raises(UnrecoverableError, match="5 cards in a row") as caught:
        reader.read(FileRequest("o/m4", commit_of(4)))
    assert "proxy" in caught.value.hint


def test_what_a_proxy_adds_to_an_etag_is_ignored(replica: Start) -> None:
    """Apache and nginx mark the ETag of a compressed body; the hash in it is still compared."""
    server = replica(catalogue_of(b"# x"))
    for etag in (f'W/"{git_blob(b"# x")}"', f'"{git_blob(b"# x")}-gzip"', f'"{sha256(b"# x").hexdigest()}"'):
        server.faults.etag = etag
        assert read(b"") == ("text", None, "# x")


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_run_of_refusals_without_a_cause_stops_the_crawl(replica: Start, status: int, kind: str) -> None:
    """Single ones are failures, which are read again; ten in a row are about the caller, not about the models."""
    server = replica(catalogue_of(b"# x"), faults=Faults(wall=(status, kind)))
    reader = Reader(HubClient(QUICK))
    for _ in range(9):
        outcome = reader.read(FileRequest("o/m", commit_of(1), "auto"))
        assert outcome.status == "failed" and "without an error code" in str(outcome.reason)
    server.faults.wall = None
    assert reader.read(FileRequest("o/m", commit_of(1))).status == "text"
    server.faults.wall = (status, kind)
    for _ in range(9):
        reader.read(FileRequest("o/m", commit_of(1)))
    with pytest.raises(UnrecoverableError, match=f"HTTP {status}") as caught:
        reader.read(FileRequest("o/m", commit_of(1)))
    assert "resumes" in caught.value.hint


def test_a_card_kept_on_another_host_is_a_failure_of_that_card(replica: Start) -> None:
    """No request is sent to the other host, and the crawl continues."""
    elsewhere = replica(catalogue_of(b"# x"))
    replica(catalogue_of(b"# x"), faults=Faults(redirect_base=elsewhere.base))
    assert read(b"")[:2] == ("failed", "redirected to another host, which is refused")
    assert elsewhere.counts.requests.total() == 0


def test_an_answer_that_names_no_commit_or_another_is_not_taken(replica: Start) -> None:
    """An error page with status 200 is not a card."""
    for seed in range(3):  # on the first hop or the second
        replica(catalogue_of(b"# x"), faults=Faults(html=0.7, seed=seed))
        assert read(b"") in (
            ("text", None, "# x"),
            ("failed", "an answer that names no commit after 6 attempts", None),
        )
    replica(catalogue_of(b"# x"), faults=Faults(html=1.0))
    assert read(b"")[:2] == ("failed", "an answer that names no commit after 6 attempts")
    other = Answer(200, {"x-repo-commit": "b" * 40, "etag": '"x"'}, b"")
    with pytest.raises(TransientError, match="another commit"):
        Reader(HubClient(QUICK))._check(other, FileRequest("o/m", "a" * 40, ""))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_cut_never_splits_a_character(cut: int) -> None:
    """This holds for every position of the limit."""
    whole = "a€𝄞ü".encode()
    text, mended = _decode(Answer(200, {}, whole[:cut], cut=cut < len(whole)), cut)
    assert "a€𝄞ü".startswith(text)
    assert (mended is None) == (cut >= len(whole))
