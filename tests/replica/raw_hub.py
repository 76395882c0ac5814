"""A Hub of another make: written on a bare socket, so that it shares no line with the replica and differs in style.

Names of headers are in lower case, bodies are chunked and packed with gzip, ``Link`` is relative, without quotes and among
other relations, files are sent without a redirect and with a weak ETag, and the connection is closed after each answer.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.replica.catalogue import Catalogue, git_blob


@dataclass
class RawAnswer:
    """One answer before it is sent; ``number`` counts the requests for listings or for files."""

    path: str
    number: int
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_listing(self) -> bool:
        """Whether it is a page of a listing."""
        return self.path.startswith("/api/models?")


class RawHub:
    """Serves a catalogue; ``spoil`` changes answers before they are sent."""

    def __init__(self, catalogue: Catalogue, spoil: Callable[[RawAnswer], object] = lambda answer: None) -> None:
        self.catalogue, self.spoil = catalogue, spoil
        self._numbers = {True: 0, False: 0}
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        """Accepts connections until the socket is closed."""
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def count_again(self) -> None:
        """Counts requests from 1."""
        self._numbers = {True: 0, False: 0}

    def close(self) -> None:
        """Stops."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as stream:
            path = stream.readline().split()[1].decode()
            while stream.readline().strip():
                continue
            with self._lock:
                answer = self._answer(path)
                self.spoil(answer)
            body = gzip.compress(answer.body)
            head = {"content-encoding": "gzip", "transfer-encoding": "chunked", "connection": "close"} | answer.headers
            lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}:{value}" for name, value in head.items())]
            cut = len(body) // 2
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:]))
            try:
                peer.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + chunks + b"0\r\n\r\n")
            except OSError:
                return

    def _answer(self, path: str) -> RawAnswer:
        listing = path.startswith("/api/models?")
        self._numbers[listing] += 1
        answer = RawAnswer(path, self._numbers[listing])
        if listing:
            self._list(answer)
        else:
            self._file(answer)
        return answer

    def _list(self, answer: RawAnswer) -> None:
        query = parse_qs(urlsplit(answer.path).query)
        tag, cursor = query.get("filter", [None])[0], query.get("cursor", [None])[0]
        with_fields = [*query.get("expand", [])]
        limit = int(query["limit"][0])
        records, following = self.catalogue.page(tag, limit, cursor)
        answer.body = json.dumps([record.item(with_fields) for record in records], indent=1).encode()
        answer.headers["content-type"] = "application/json"
        if following:
            others = "&".join(f"{name}={value}" for name in query for value in query[name] if name != "cursor")
            answer.headers["link"] = f"</api/models>; rel=first, </api/models?{others}&cursor={following}>; rel=next"

    def _file(self, answer: RawAnswer) -> None:
        model_id, _, rest = answer.path.lstrip("/").partition("/resolve/")
        sha, _, name = rest.partition("/")
        body = self.catalogue.file(model_id, sha, name)
        if body is None:
            known = model_id in self.catalogue.models
            answer.status = 404 if known else 401
            answer.headers["x-error-code"] = "EntryNotFound" if known else "RepoNotFound"
            return
        answer.body = body
        answer.headers |= {"x-repo-commit": sha, "etag": f'W/"{git_blob(body)}"', "content-type": "text/markdown"}


@contextmanager
def serving_raw(catalogue: Catalogue) -> Iterator[RawHub]:
    """Gives a hub of another make that serves until the block ends."""
    hub = RawHub(catalogue)
    thread = threading.Thread(target=hub.run, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.close()
        thread.join()
