"""What the replica of the Hub holds: models with a history of commits, and datasets with revisions.

Filled by a generator (for size), from the specimen, or from a folder of real material beside the repository.
"""

from __future__ import annotations

import base64
import bisect
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EPOCH = datetime(2022, 3, 2, 23, 29, 4, tzinfo=UTC)


def git_blob(body: bytes) -> str:
    """Returns the name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(body), body)).hexdigest()


def commit_of(*parts: object) -> str:
    """Returns a made-up commit."""
    return hashlib.sha1(repr(parts).encode()).hexdigest()


def iso(moment: datetime) -> str:
    """Returns a time as the Hub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + "000Z"


@dataclass(frozen=True)
class Record:
    """One model as it is now."""

    id: str
    sha: str
    key: str
    created_at: str
    last_modified: str
    files: dict[str, bytes]
    tags: tuple[str, ...] = ()
    downloads: int = 0
    likes: int = 0
    library_name: str | None = None
    pipeline_tag: str | None = None
    gated: str | bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def item(self, expand: Iterable[str]) -> dict[str, Any]:
        """Returns the listing's item with the fields asked for."""
        every: dict[str, Any] = {
            "author": self.id.partition("/")[0],
            "createdAt": self.created_at,
            "downloads": self.downloads,
            "gated": self.gated,
            "lastModified": self.last_modified,
            "library_name": self.library_name,
            "likes": self.likes,
            "pipeline_tag": self.pipeline_tag,
            "private": False,
            "sha": self.sha,
            "siblings": [{"rfilename": name} for name in sorted(self.files)],
            "tags": list(self.tags),
        }
        asked = set(expand) or {"createdAt", "downloads", "library_name", "likes", "pipeline_tag", "private", "tags"}
        chosen = {k: v for k, v in every.items() if k in asked and v is not None}
        return {"_id": self.key, "id": self.id, "modelId": self.id, **chosen, **self.extra}


def generated(i: int, n: int) -> Record:
    """Returns model ``i`` of ``n``: newest first, three at each second; some without card, some gated."""
    owner, created = f"owner-{i % 977:03d}", EPOCH + timedelta(seconds=(n - i) // 3)
    tags = ["safetensors", *(["peft", "lora"] if i % 3 == 0 else []), *(["license:mit"] if i % 2 else [])]
    words = ["LoRA", "DoRA", "IA3", "OFT", "full fine-tuning"][i % 5]
    text = f"---\ntags: [{', '.join(tags[:-1])}]\n---\n# Model {i}\n\nTrained with {words}. Größe {i}, 微调.\n"
    text += f"Line {i} of filling.\n" * (i * 7919 % 60)
    files = {".gitattributes": b"*.bin filter=lfs\n"}
    if i % 11:
        files["README.md"] = text.encode()
    if i % 3 == 0:
        files["adapter_config.json"] = json.dumps({"peft_type": "LORA", "r": i % 64}).encode()
    return Record(
        id=f"{owner}/model-{i:07d}",
        sha=commit_of(i, 0),
        key=f"{i:024x}",
        created_at=iso(created),
        last_modified=iso(created + timedelta(days=1)),
        files=files,
        tags=tuple(tags),
        downloads=i * 31 % 5000,
        likes=i % 17,
        library_name="peft" if i % 3 == 0 else None,
        gated="auto" if i % 41 == 5 else False,
    )


class Lazy:
    """A million models without holding them: the listing only."""

    def __init__(self, n: int) -> None:
        self.n = n

    def page(self, tag: str | None, limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
        """Returns a page of the listing and the cursor of the next."""
        start = int(base64.b64decode(cursor)) if cursor else 0
        end = min(start + limit, self.n)
        found = [generated(i, self.n) for i in range(start, end)]
        return found, base64.b64encode(str(end).encode()).decode() if end < self.n else None

    def find(self, model_id: str) -> Record | None:
        """Returns a model."""
        return generated(int(model_id.rpartition("-")[2]), self.n)

    def file(self, model_id: str, sha: str, name: str) -> bytes | None:
        """Returns a file at a commit."""
        found = self.find(model_id)
        return found.files.get(name) if found else None


class Catalogue:
    """Models that can change, come and go; every commit that ever was stays readable, as in git."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.models: dict[str, Record] = {}
        self.history: dict[tuple[str, str], dict[str, bytes]] = {}
        self._sorted: dict[str | None, list[tuple[tuple[str, str], str]]] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Adds or replaces a model."""
        self.models[record.id] = record
        self.history[record.id, record.sha] = record.files
        self._sorted.clear()

    def change(self, model_id: str, text: str) -> None:
        """Commits a new README.md."""
        old = self.models[model_id]
        files = {**old.files, "README.md": text.encode()}
        self.put(replace(old, files=files, sha=commit_of(old.sha, text), last_modified="2026-11-01T00:00:00.000Z"))

    def delete(self, model_id: str) -> None:
        """Removes a model; its commits are gone as well."""
        old = self.models.pop(model_id)
        for key in [k for k in self.history if k[0] == old.id]:
            del self.history[key]
        self._sorted.clear()

    def page(self, tag: str | None, limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
        """Returns a page of the listing, newest first with the key as tie-break, and the next cursor."""
        rows = self._sorted.get(tag)
        if rows is None:
            chosen = [r for r in self.models.values() if tag is None or tag in r.tags]
            rows = sorted(((_descending(r.created_at), r.key), r.id) for r in chosen)
            self._sorted[tag] = rows
        start = 0
        if cursor:
            created, key = json.loads(base64.b64decode(cursor))
            start = bisect.bisect_right(rows, ((_descending(created), key), "\U0010ffff"))
        found = [self.models[model_id] for _, model_id in rows[start : start + limit]]
        if start + limit >= len(rows):
            return found, None
        last = found[-1]
        return found, base64.b64encode(json.dumps([last.created_at, last.key]).encode()).decode()

    def find(self, model_id: str) -> Record | None:
        """Returns a model as it is now."""
        return self.models.get(model_id)

    def file(self, model_id: str, sha: str, name: str) -> bytes | None:
        """Returns a file at a commit."""
        return self.history.get((model_id, sha), {}).get(name)


def _descending(text: str) -> str:
    return "".join(chr(255 - ord(c)) for c in text)


@dataclass
class Dataset:
    """A dataset: files by revision, which revision ``main`` is, and every commit with its date, oldest first."""

    id: str
    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    main: str = ""
    commits: list[tuple[str, datetime]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], when: datetime = EPOCH) -> str:
        """Adds a revision and makes it main."""
        self.main = commit_of(self.id, sorted((k, git_blob(v)) for k, v in files.items()))
        self.revisions[self.main] = files
        self.commits.append((self.main, when))
        return self.main

    def forget(self, sha: str) -> None:
        """Drops a revision's files; its commit stays listed, as when a listing is older than a squashed history."""
        del self.revisions[sha]


def from_generator(n: int) -> Catalogue:
    """Returns ``n`` made-up models."""
    return Catalogue(generated(i, n) for i in range(n))


def from_specimen(path: Path) -> Catalogue:
    """Returns the models of a specimen in JSON lines."""

    def records() -> Iterator[Record]:
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            files = {"README.md": row["text"].encode()} if row.get("text") is not None else {}
            yield _plain_record(row["model_id"], n, files, row)

    return Catalogue(records())


def from_real(folder: Path) -> Catalogue:
    """Returns real models: the records of a stored listing, and stored cards, where the folder has them."""
    import pyarrow.parquet as pq

    rows: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {}
    for path in sorted((folder / "model_cards").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            files = {"README.md": row["card"].encode()} if row["card"] else {}
            rows[row["modelId"]] = (files, row | {"created_at": row.get("createdAt")})
    for path in sorted(folder.glob("hub_listing_*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                if "id" not in row:  # notes beside the records
                    continue
                names = [str(s).partition("rfilename='")[2].partition("'")[0] for s in row.get("siblings") or []]
                card = rows.get(row["id"], ({}, {}))[0].get("README.md", b"")
                files = {name: (card if name == "README.md" else b"{}") for name in names if name}
                rows[row["id"]] = (files, row)
    return Catalogue(_plain_record(model_id, n, *rows[model_id]) for n, model_id in enumerate(sorted(rows)))


def _plain_record(model_id: str, n: int, files: dict[str, bytes], row: dict[str, Any]) -> Record:
    created, modified = _moment(row.get("created_at")), _moment(row.get("last_modified"))
    return Record(
        id=model_id,
        sha=commit_of(model_id, sorted((k, git_blob(v)) for k, v in files.items())),
        key=f"{n:024x}",
        created_at=iso(created),
        last_modified=iso(modified),
        files=files,
        tags=tuple(row.get("tags") or ()),
        downloads=int(row.get("downloads") or 0),
        likes=int(row.get("likes") or 0),
        library_name=row.get("library_name"),
        pipeline_tag=row.get("pipeline_tag"),
        gated=row.get("gated") or False,
    )


def _moment(value: object) -> datetime:
    if value is None:
        return EPOCH
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
