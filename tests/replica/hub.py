"""A replica of the Hub on loopback: a real HTTP server that speaks what the collector relies on.

Run by hand: ``make replica`` or ``python -m tests.replica.hub --models 2000 --port 8899``; then
``HF_ENDPOINT=http://127.0.0.1:8899 make census SOURCE=hub-api``. Everything it does was written from notes on
the Hub's behaviour, not from the Hub: ``docs/sources/hub.md`` lists what must be watched on a live run.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.replica.catalogue import (
    Catalogue,
    Dataset,
    Lazy,
    Record,
    from_generator,
    from_real,
    from_specimen,
    git_blob,
    iso,
)
from tests.replica.faults import Counts, Faults, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_ITEMS = 1000
_DEFAULT_ITEMS = 30


class Replica:
    """The replica's state and its server.

    Args:
        catalogue: the models.
        faults: what goes wrong.
        windows: the rate limits.
        port: 0 for any free one.
    """

    def __init__(
        self,
        catalogue: Catalogue | Lazy,
        faults: Faults | None = None,
        windows: Windows | None = None,
        port: int = 0,
    ) -> None:
        self.catalogue = catalogue
        self.faults = faults or Faults()
        self.windows = windows or Windows()
        self.counts = Counts()
        self.stopped = threading.Event()
        self.datasets: dict[str, Dataset] = {}
        self.cdn_base: str | None = None
        """Where large files are redirected to; None serves them directly."""
        self.clock: Callable[[], float] = time.time
        """The time that its answers name."""
        self.after_page: dict[int, Callable[[Catalogue], None]] = {}
        """What happens to the catalogue once so many listing pages were served."""
        handler = type("Handler", (_Handler,), {"replica": self})
        self.server = _Server(("127.0.0.1", port), handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def start(self) -> Replica:
        """Begins to serve in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops serving and closes every connection."""
        self.stopped.set()
        self.server.shutdown()
        self.server.close_all()
        self.server.server_close()
        self._thread.join()

    def readme_requests(self) -> int:
        """Returns how many requests for a README.md came in, whatever became of them."""
        return sum(n for (_, file), n in self.counts.asked.items() if file == "README.md")

    def served_twice(self) -> list[tuple[str, str, str]]:
        """Returns the files that were answered whole more than once."""
        return [key for key, n in self.counts.served.items() if n > 1]


@contextmanager
def serving(catalogue: Catalogue | Lazy, **options: Any) -> Iterator[Replica]:
    """Gives a replica that serves until the block ends."""
    with running(Replica(catalogue, **options)) as replica:
        yield replica


@contextmanager
def running(replica: Replica) -> Iterator[Replica]:
    """Lets ``replica`` serve until the block ends."""
    replica.start()
    try:
        yield replica
    finally:
        replica.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Ends kept-alive connections, so that no handler thread outlives the server."""
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that a killed crawler leaves behind are no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    replica: Replica
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the counters tell."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.replica.clock())

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.posted = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._serve()

    # ---- one request

    def _serve(self) -> None:
        replica, parts = self.replica, urlsplit(self.path)
        self.path_only, self.query = unquote(parts.path), parse_qs(parts.query)
        if self.path_only == "/_replica/stats":
            self._send(200, json.dumps(_stats(replica)).encode(), {"Content-Type": "application/json"})
            return
        bucket = "resolvers" if "/resolve" in self.path_only else "api" if "/api/" in self.path_only else "pages"
        with replica.counts.lock:
            allowed, left, reset = replica.windows.charge(bucket)
            ordinal = self._count(bucket)
        self.rate = self._rate(bucket, left, reset)
        if replica.faults.delay:
            time.sleep(replica.faults.delay)
        if replica.faults.throttle_seconds:
            self.rate = self._rate(bucket, 0, replica.faults.throttle_seconds)
            allowed = False
        if not allowed:
            wait = {"Retry-After": str(reset + 1)} if replica.windows.retry_after else self.rate
            self._send(429, b'{"error":"Too many requests"}', wait, plain=True)
            return
        if "hf_refused" in self.headers.get("Authorization", ""):
            self._send(401, b'{"error":"Invalid credentials in Authorization header"}', {}, plain=True)
            return
        fixed = next((s for part, s in replica.faults.always.items() if part in self.path_only), None)
        for part in [p for p in replica.faults.once if p in self.path_only]:
            fixed = replica.faults.once.pop(part)
        if fixed:
            self._error(fixed)
            return
        if self._refused():
            return
        self.fault = replica.faults.draw(self.path_only + parts.query, ordinal)
        if self.fault:
            with replica.counts.lock:
                replica.counts.faulted[self.fault] += 1
        if self._broken_before():
            return
        self._route()

    def _refused(self) -> bool:
        """Handles callers that are refused: an expired token, a firewall."""
        faults, counts = self.replica.faults, self.replica.counts
        expires = faults.token_expires_after
        if expires is not None and "Authorization" in self.headers and counts.with_token > expires:
            self._send(401, b'{"error":"User Access Token \\"census\\" is expired"}', {}, plain=True)
            return True
        if faults.wall and "/resolve" in self.path_only and counts.requests["resolvers"] > faults.wall_after:
            status, kind = faults.wall
            self._send(status, b"<html>Are you a person?</html>", {"Content-Type": kind}, plain=True)
            return True
        return False

    def _count(self, bucket: str) -> int:
        counts = self.replica.counts
        counts.requests[bucket] += 1
        counts.paths[self.path] += 1
        counts.agents[self.headers.get("User-Agent", "")] += 1
        counts.with_token += "Authorization" in self.headers
        counts.raw += "/raw/" in self.path_only
        counts.counted_downloads += "X-HF-Download-Counter" in self.headers
        if "Range" in self.headers:
            counts.ranges.append(self.headers["Range"])
        model_id, found, rest = self.path_only.lstrip("/").partition("/resolve/")
        if found and not model_id.startswith(("datasets/", "api/")):
            counts.asked[model_id, rest.partition("/")[2]] += 1
        return counts.paths[self.path]

    def _rate(self, bucket: str, left: int, reset: int) -> dict[str, str]:
        if "headers" in self.replica.faults.ignores:
            return {}
        windows = self.replica.windows
        return {
            "RateLimit": f'"{bucket}";r={left};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={windows.quotas[bucket]};w={int(windows.seconds)}',
        }

    def _broken_before(self) -> bool:
        """Handles the faults that need no answer's content."""
        if self.fault == "error":
            self._error(503)
        elif self.fault == "reset":
            self._reset()
        elif self.fault == "html":
            self._send(200, b"<!doctype html><title>One moment</title>", {"Content-Type": "text/html"})
        elif self.fault == "slow":
            self.replica.stopped.wait(self.replica.faults.slow_seconds)
            return False
        else:
            return False
        return True

    # ---- routes

    def _route(self) -> None:
        path = self.path_only
        if path == "/api/models":
            self._listing()
        elif path.startswith("/api/models/") and "/paths-info/" in path:
            self._paths_info(path.removeprefix("/api/models/"))
        elif path.startswith("/api/models/"):
            self._model(path.removeprefix("/api/models/"))
        elif path.startswith("/api/resolve-cache/models/"):
            self._cached(path.removeprefix("/api/resolve-cache/models/"))
        elif path.startswith("/api/datasets/"):
            self._dataset(path.removeprefix("/api/datasets/"))
        elif path.startswith("/datasets/") and "/resolve/" in path:
            self._shard(path.removeprefix("/datasets/"))
        elif path.startswith("/cdn/"):
            self._cdn(path.removeprefix("/cdn/"))
        elif "/resolve/" in path:
            self._resolve(path.lstrip("/"))
        else:
            self._send(404, b"<html>404</html>", {"Content-Type": "text/html"})

    def _listing(self) -> None:
        replica, faults = self.replica, self.replica.faults
        asked = int(self.query.get("limit", [str(_DEFAULT_ITEMS)])[0])
        limit = _DEFAULT_ITEMS if "limit" in faults.ignores else min(asked, _MOST_ITEMS)
        if faults.too_many_expands and limit > faults.too_many_expands:
            self._error(504)
            return
        tag = None if "filter" in faults.ignores else next(iter(self.query.get("filter", [])), None)
        expand = [*self.query.get("expand", []), *self.query.get("expand[]", [])]
        cursor = self.query.get("cursor", [None])[0]
        with replica.counts.lock:
            replica.counts.pages += 1
            records, following = replica.catalogue.page(tag, limit, cursor)
            happening = replica.after_page.pop(replica.counts.pages, None)
            wrong = faults.pages.get(replica.counts.pages, "")
        records = {"empty": [], "short": records[: limit // 2], "gap": records[: limit // 2]}.get(wrong, records)
        if wrong in ("no_link", "empty", "short") or (faults.no_link_later and cursor):
            following = None
        if "sort" in faults.ignores:
            records = sorted(records, key=lambda r: r.created_at)
        items: list[Any] = [r.item(expand) for r in records]
        if cursor is None and asked > 2:
            items[1:1] = faults.malformed
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if following and "paging" not in faults.ignores:
            query = [(k, v) for k, values in self.query.items() for v in values if k != "cursor"]
            link = f"{faults.link_base or replica.base}/api/models?{urlencode([*query, ('cursor', following)])}"
            headers["Link"] = f'<{link}>; rel="next"'
        if faults.link is not None:
            headers["Link"] = faults.link
        self._send(200, json.dumps(items).encode(), headers)
        if happening and isinstance(replica.catalogue, Catalogue):
            with replica.counts.lock:
                happening(replica.catalogue)

    def _model(self, rest: str) -> None:
        model_id = rest.partition("/revision/")[0]
        if new := self.replica.faults.renamed.get(model_id):
            self._send(307, b"", {"Location": f"/api/models/{new}?{urlsplit(self.path).query}"})
            return
        record = self.replica.catalogue.find(model_id)
        if record is None:
            self._refuse_repo()
            return
        expand = [*self.query.get("expand", []), *self.query.get("expand[]", [])]
        every = expand or ["author", "createdAt", "downloads", "gated", "lastModified", "sha", "siblings", "tags"]
        self._send(200, json.dumps(record.item(every)).encode(), {"Content-Type": "application/json"})

    def _paths_info(self, rest: str) -> None:
        """Size and hash of the files that the body names, as a form or as JSON; mirrors ask for it."""
        model_id, _, revision = rest.partition("/paths-info/")
        record, catalogue = self.replica.catalogue.find(model_id), self.replica.catalogue
        if record is None:
            self._refuse_repo()
            return
        is_json = "json" in self.headers.get("Content-Type", "")
        paths = json.loads(self.posted)["paths"] if is_json else parse_qs(self.posted).get("paths", [])
        sha = record.sha if revision == "main" else revision
        bodies = {path: catalogue.file(model_id, sha, path) for path in paths}
        files = [
            {"type": "file", "path": path, "size": len(body), "oid": git_blob(body)}
            for path, body in bodies.items()
            if body is not None
        ]
        self._send(200, json.dumps(files).encode(), {"Content-Type": "application/json", "X-Repo-Commit": sha})

    def _resolve(self, rest: str) -> None:
        model_id, _, tail = rest.partition("/resolve/")
        revision, _, name = tail.partition("/")
        record = self.replica.catalogue.find(model_id)
        if record is None:
            self._refuse_repo()
            return
        sha = record.sha if revision == "main" else revision
        if record.gated and "Authorization" not in self.headers:
            self._refuse(401, "GatedRepo", "Access to this model is restricted", {"X-Repo-Commit": sha})
        elif self.replica.catalogue.file(model_id, sha, ".gitattributes") is None and not _known(record, sha, self):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif self.replica.catalogue.file(model_id, sha, name) is None:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": sha})
        elif self.replica.faults.location is not None:
            self._send(307, b"", {"Location": self.replica.faults.location})
        elif "cache" in self.replica.faults.ignores:
            self._file(record, sha, name)
        else:
            base = self.replica.faults.redirect_base or ""
            target = f"{base}/api/resolve-cache/models/{quote(model_id)}/{sha}/{quote(name)}"
            self._send(307, b"Temporary Redirect", {"Location": target, "X-Repo-Commit": sha})

    def _cached(self, rest: str) -> None:
        parts = rest.split("/")
        model_id, sha, name = "/".join(parts[:2]), parts[2], "/".join(parts[3:])
        record = self.replica.catalogue.find(model_id)
        if record is None or self.replica.catalogue.file(model_id, sha, name) is None:
            self._refuse_repo()
            return
        self._file(record, sha, name)

    def _file(self, record: Record, sha: str, name: str) -> None:
        body = self.replica.catalogue.file(record.id, sha, name) or b""
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "X-Repo-Commit": sha,
            "ETag": self.replica.faults.etag or f'"{git_blob(body)}"',
        }
        body = self._packed(body, headers)
        if self._send(200, body, headers) and self.command == "GET":
            with self.replica.counts.lock:
                self.replica.counts.served[record.id, sha, name] += 1

    def _packed(self, body: bytes, headers: dict[str, str]) -> bytes:
        """Returns the body as a proxy would compress it, well or badly."""
        how = self.replica.faults.gzip
        if not how:
            return body
        headers["Content-Encoding"] = "br" if how == "br" else "gzip"
        packed = gzip.compress(body)
        if how == "cut":
            return packed[: len(packed) - 20]
        return packed[:12] + b"\xff" * 8 + packed[20:] if how == "damaged" else packed

    def _dataset(self, rest: str) -> None:
        if "/commits/" in rest:
            self._commits(rest.partition("/commits/")[0])
            return
        name, found, tail = rest.partition("/tree/")
        dataset_id, _, revision = (name if found else rest).partition("/revision/")
        dataset = self.replica.datasets.get(dataset_id)
        if dataset is None:
            self._refuse_repo()
            return
        wanted, _, folder = tail.partition("/") if found else (revision or "main", "", "")
        sha = dataset.main if wanted == "main" else wanted
        if sha not in dataset.revisions:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        files = dataset.revisions[sha]
        if not found:
            body: Any = {"id": dataset_id, "sha": sha, "siblings": [{"rfilename": f} for f in sorted(files)]}
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
            return
        self._tree(dataset_id, sha, {k: v for k, v in files.items() if k.startswith(folder)})

    def _tree(self, dataset_id: str, sha: str, files: dict[str, bytes]) -> None:
        entries: list[dict[str, Any]] = []
        for path, body in sorted(files.items()):
            entry = {"type": "file", "path": path, "size": len(body), "oid": git_blob(body)}
            if len(body) > 1000:
                entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
            entries.append(entry)
        start, step = int(self.query.get("cursor", ["0"])[0]), 3
        headers = {"Content-Type": "application/json"}
        if start + step < len(entries):
            query = urlencode([("recursive", "true"), ("cursor", str(start + step))])
            link = f"{self.replica.base}/api/datasets/{dataset_id}/tree/{sha}?{query}"
            headers["Link"] = f'<{link}>; rel="next"'
        self._send(200, json.dumps(entries[start : start + step]).encode(), headers)

    def _commits(self, dataset_id: str) -> None:
        """Commits, newest first, as ``HfApi.list_repo_commits`` reads them."""
        dataset = self.replica.datasets.get(dataset_id)
        if dataset is None:
            self._refuse_repo()
            return
        page, limit = int(self.query.get("p", ["0"])[0]), int(self.query.get("limit", ["50"])[0])
        newest = sorted(dataset.commits, key=lambda c: c[1], reverse=True)
        items: list[Any] = [
            {"id": sha, "title": "Upload dataset", "message": "", "authors": [{"user": "bot"}], "date": iso(when)}
            for sha, when in newest[page * limit : (page + 1) * limit]
        ]
        if page == 0:
            items[1:1] = self.replica.faults.malformed
        headers = {"Content-Type": "application/json"}
        if (page + 1) * limit < len(newest) or "end" in self.replica.faults.ignores:
            base = self.replica.faults.link_base or self.replica.base
            query = urlencode([("p", str(page + 1)), ("limit", str(limit))])
            headers["Link"] = f'<{base}/api/datasets/{dataset_id}/commits/main?{query}>; rel="next"'
        self._send(200, json.dumps(items).encode(), headers)

    def _shard(self, rest: str) -> None:
        dataset_id, _, tail = rest.partition("/resolve/")
        revision, _, path = tail.partition("/")
        dataset = self.replica.datasets.get(dataset_id)
        sha = dataset.main if dataset and revision == "main" else revision
        body = dataset.revisions.get(sha, {}).get(path) if dataset else None
        if body is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": sha, "ETag": f'"{git_blob(body)}"'}
        if self.replica.cdn_base and len(body) > 1000:
            oid = hashlib.sha256(body).hexdigest()
            linked = {"X-Linked-Size": str(len(body)), "X-Linked-Etag": f'"{oid}"'}
            self._send(
                302, b"Found", {**headers, **linked, "Location": f"{self.replica.cdn_base}/cdn/{oid}?sig=s3cr3t"}
            )
        else:
            self._ranged(body, headers)

    def _cdn(self, oid: str) -> None:
        bodies = (b for d in self.replica.datasets.values() for r in d.revisions.values() for b in r.values())
        body = next((b for b in bodies if hashlib.sha256(b).hexdigest() == oid), None)
        if body is None:
            self._send(404, b"", {})
        else:
            self._ranged(body, {"ETag": f'"{oid}"'})

    def _ranged(self, body: bytes, headers: dict[str, str]) -> None:
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            self._send(200, body, {**headers, "Accept-Ranges": "bytes"})
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first or 0), min(int(last) if last else len(body) - 1, len(body) - 1)
        if start >= len(body):
            self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        self._send(206, body[start : end + 1], headers)

    # ---- answers

    def _refuse_repo(self) -> None:
        """What does not exist is 401 to callers without a token."""
        if "Authorization" in self.headers:
            self._refuse(404, "RepoNotFound", "Repository not found")
        else:
            self._refuse(401, "RepoNotFound", "Invalid username or password.")

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        told = {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        self._send(status, json.dumps({"error": f"{message}; {self._sent()}"}).encode(), {**told, **(headers or {})})

    def _error(self, status: int) -> None:
        said = f"<html>the server is busy; {self._sent()}</html>"
        wait = self.replica.faults.retry_after
        headers = {"Content-Type": "text/html", **({} if wait is None else {"Retry-After": wait})}
        self._send(status, said.encode(), headers, plain=True)

    def _sent(self) -> str:
        """What careless servers repeat in their errors: the header that carried the token."""
        return f"you sent {self.headers.get('Authorization')}"

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _send(self, status: int, body: bytes, headers: dict[str, str], plain: bool = False) -> bool:
        """Sends an answer, broken where the fault says so; returns whether it went out whole."""
        fault = None if plain else getattr(self, "fault", None)
        length, sent = len(body), body
        if self.command == "HEAD":
            sent = b""
        elif fault in ("truncated", "wrong_length") and len(body) > 1 and status in (200, 206):
            sent = body[: len(body) // 2]
            length = len(sent) if fault == "wrong_length" else len(body)
        self.send_response(status)
        for name, value in {**getattr(self, "rate", {}), **headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        with self.replica.counts.lock:
            self.replica.counts.bytes += len(sent)
        if fault == "truncated":
            self.close_connection = True
        return sent == body


def _known(record: Record, sha: str, handler: _Handler) -> bool:
    catalogue = handler.replica.catalogue
    return isinstance(catalogue, Lazy) or (record.id, sha) in catalogue.history


def _stats(replica: Replica) -> dict[str, Any]:
    counts = replica.counts
    return {
        "requests": dict(counts.requests),
        "pages": counts.pages,
        "readme_requests": replica.readme_requests(),
        "served": sum(counts.served.values()),
        "served_twice": len(replica.served_twice()),
        "refused": dict(replica.windows.refused),
        "bytes": counts.bytes,
    }


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8899)
    parser.add_argument("--models", type=int, default=2000, help="how many made-up models")
    parser.add_argument("--lazy", action="store_true", help="made-up models for listing only, held nowhere")
    parser.add_argument("--specimen", type=Path, help="a specimen in JSON lines, instead of made-up models")
    parser.add_argument("--real", type=Path, help="a folder with model_cards/*.parquet, instead of made-up models")
    parser.add_argument("--faults", action="store_true", help="5 %% 5xx, 1 %% resets, 1 %% truncated")
    parser.add_argument("--quota", type=int, nargs=2, metavar=("API", "RESOLVERS"), default=(500, 3000))
    parser.add_argument("--window", type=float, default=300.0, help="seconds")
    asked = parser.parse_args()
    catalogue: Catalogue | Lazy
    if asked.specimen:
        catalogue = from_specimen(asked.specimen)
    elif asked.real:
        catalogue = from_real(asked.real)
    else:
        catalogue = Lazy(asked.models) if asked.lazy else from_generator(asked.models)
    faults = Faults(error=0.05, reset=0.01, truncated=0.01) if asked.faults else Faults()
    quotas = {"api": asked.quota[0], "resolvers": asked.quota[1], "pages": 100}
    try:
        replica = Replica(catalogue, faults, Windows(quotas, asked.window), asked.port)
    except OSError as error:
        sys.exit(f"error: port {asked.port} cannot be used ({error.strerror})\n  choose another one with --port.")
    with running(replica):
        print(f"HF_ENDPOINT={replica.base} make census SOURCE=hub-api  # in another terminal", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(json.dumps(_stats(replica)))  # noqa: T201


if __name__ == "__main__":
    main()
