"""What the replicas of GitHub and Civitai share: a real HTTP server on loopback, with faults on demand.

In: a function from a request to a reply. Out: a server whose URL clients can be pointed at. Faults are drawn
from a seed and the number of the request, so a failing run can be repeated.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SHARED = Path(__file__).resolve().parents[3] / "shared"
"""Real answers and texts, where they are at hand; they never enter the repository."""


@dataclass
class Reply:
    """What a replica answers: a body with its status and headers."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> tuple[bytes, str]:
        """Returns the bytes and their content type: text stays text, all else becomes JSON."""
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json; charset=utf-8"


@dataclass
class Request:
    """One request: path, query pairs in order, headers in lower case."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    base: str

    def all(self, name: str) -> list[str]:
        """Returns every value of a query name."""
        return [v for k, v in self.query if k == name]


@dataclass
class Faults:
    """How often things break, each a share of requests between 0 and 1."""

    seed: int = 0
    error: float = 0.0
    reset: float = 0.0
    truncate: float = 0.0
    html: float = 0.0
    slow_s: float = 0.0

    def draw(self, number: int) -> str | None:
        """Returns the fault of request ``number``, or None."""
        chance = random.Random(f"{self.seed}|{number}").random()
        for name in ("error", "reset", "truncate", "html"):
            share = getattr(self, name)
            if chance < share:
                return name
            chance -= share
        return None


class Replica:
    """A server's state: subclasses answer ``reply``; everything asked is remembered.

    Attributes:
        asked: how often each (path, query) was asked.
        served: how often each of them was answered in full, faults left out.
        statuses: replies by status.
        faulted: faults by kind.
        seen: every request's headers, for tests on what is sent where.
    """

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.lock = threading.Lock()
        self.number = 0
        self.asked: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.served: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.statuses: Counter[int] = Counter()
        self.faulted: Counter[str] = Counter()
        self.seen: list[dict[str, str]] = []

    def reply(self, request: Request) -> Reply:
        """Answers one request; overridden."""
        raise NotImplementedError

    def stats(self) -> dict[str, object]:
        """Returns the counters as JSON."""
        return {
            "requests": self.number,
            "statuses": {str(k): v for k, v in sorted(self.statuses.items())},
            "served_twice": sum(1 for n in self.served.values() if n > 1),
        }


def _handler(replica: Replica) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body leave apart; waiting for the peer would cost 40 ms each
        timeout = 30

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qsl(parts.query, keep_blank_values=True)
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(parts.path, query, headers, f"http://{headers.get('host', 'replica')}")
            if parts.path == "/_replica/stats":
                self._send(Reply(replica.stats()))
                return
            key = (parts.path, tuple(sorted(query)))
            with replica.lock:
                replica.number += 1
                fault = replica.faults.draw(replica.number)
                if fault:
                    replica.faulted[fault] += 1
                replica.asked[key] += 1
                replica.seen.append(headers)
            time.sleep(replica.faults.slow_s)
            if fault == "reset":
                self._reset()
            elif fault == "error":
                self._send(Reply({"message": f"Server Error; you sent {headers.get('authorization')}"}, 502))
            elif fault == "html":
                self._send(Reply("<html><body>Unicorn!</body></html>"), kind="text/html")
            else:
                with replica.lock:
                    reply = replica.reply(request)
                    if reply.status == 200 and fault is None:
                        replica.served[key] += 1
                self._send(reply, cut=fault == "truncate")

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def _send(self, reply: Reply, cut: bool = False, kind: str | None = None) -> None:
            body, content_type = reply.payload()
            with replica.lock:
                replica.statuses[reply.status] += 1
            try:
                self.send_response_only(reply.status)
                self.send_header("Date", formatdate(usegmt=True))
                self.send_header("Content-Type", kind or content_type)
                self.send_header("Content-Length", str(len(body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
                self.close_connection = self.close_connection or cut
            except OSError:
                self.close_connection = True  # the client went away, as clients under kill -9 do

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Stays quiet."""

    return Handler


@contextmanager
def serve(replica: Replica, port: int = 0) -> Iterator[str]:
    """Gives the base URL of ``replica``, served on loopback until the block ends."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A connection that breaks is part of the play."""

    server = Server(("127.0.0.1", port), _handler(replica))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(line: str) -> None:
    """Writes one line to stderr."""
    sys.stderr.write(line + "\n")


def run(replica: Replica, port: int, note: Callable[[str], None]) -> None:
    """Serves until interrupted, for use by hand."""
    with serve(replica, port) as url:
        note(url)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            note("stopped")
