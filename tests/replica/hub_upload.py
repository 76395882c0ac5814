"""A replica of the part of the Hub that takes uploads: repositories of datasets, their files and commits.

In: requests of ``huggingface_hub`` over HTTP on loopback. Out: what the Hub answers, as far as an upload without Xet
needs it. Every request is kept, with the header that carried the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LFS = (".parquet", ".png")


@dataclass
class Uploads:
    """What the replica holds and what it is to refuse.

    Args:
        files: path to content, of the one repository it knows.
        commits: the operations of every commit, path by path.
        fails: part of a path to the status that requests for it get.
    """

    base: str = ""
    exists: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    commits: list[list[dict[str, Any]]] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)


def git_oid(path: str, content: bytes) -> str:
    """Returns the hash by which the Hub knows a file."""
    if path.endswith(LFS):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    uploads: Uploads
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _handle(self) -> None:
        up, body, path = self.uploads, self._body(), self.path.partition("?")[0]
        up.requests.append((self.command, path, self.headers.get("Authorization")))
        failing = next((status for part, status in up.fails.items() if part in path), None)
        if failing:
            self._answer({"error": f"no, {self.headers.get('Authorization')}, {failing}"}, failing)
        elif path == "/api/repos/create":
            self._answer(
                {"error": "exists", "url": f"{up.base}/datasets/me/census"}, 409
            ) if up.exists else self._answer({"url": f"{up.base}/datasets/me/census"})
            up.exists = True
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif re.fullmatch(r"/api/datasets/me/census/tree/main", path):
            self._answer(
                [{"type": "file", "path": p, "size": len(c), "oid": git_oid(p, c)} for p, c in sorted(up.files.items())]
            )
        elif path == "/api/datasets/me/census/preupload/main":
            self._answer({"files": [self._mode(f["path"]) for f in json.loads(body)["files"]]})
        elif path == "/datasets/me/census.git/info/lfs/objects/batch":
            self._answer({"transfer": "basic", "objects": [self._action(o) for o in json.loads(body)["objects"]]})
        elif path.startswith("/lfs/"):
            up.blobs[path.removeprefix("/lfs/")] = body
            self._answer({})
        elif path == "/api/datasets/me/census/commit/main":
            self._commit([json.loads(line) for line in body.splitlines()])
        elif path.startswith("/api/datasets/me/census"):
            self._answer({"id": "me/census", "sha": f"{len(up.commits):040x}", "siblings": []})
        else:
            self._answer({"error": "not found"}, 404)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815

    def _mode(self, path: str) -> dict[str, Any]:
        there = self.uploads.files.get(path)
        mode = "lfs" if path.endswith(LFS) else "regular"
        return {
            "path": path,
            "uploadMode": mode,
            "shouldIgnore": False,
            **({"oid": git_oid(path, there)} if there is not None else {}),
        }

    def _action(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {**wanted, "actions": {"upload": {"href": f"{self.uploads.base}/lfs/{wanted['oid']}"}}}

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        up = self.uploads
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                up.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                up.files[value["path"]] = up.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del up.files[value["path"]]
        up.commits.append(lines)
        oid = f"{len(up.commits):040x}"
        self._answer({"commitUrl": f"{up.base}/datasets/me/census/commit/{oid}", "commitOid": oid, "success": True})


@contextmanager
def serving_uploads() -> Iterator[Uploads]:
    """Serves a replica on loopback."""
    uploads = Uploads()
    handler = type("Handler", (_Handler,), {"uploads": uploads})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    uploads.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield uploads
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
