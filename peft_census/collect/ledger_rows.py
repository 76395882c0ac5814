"""The tables of the crawl state, and one record for each kind of row that leaves it.

The other statements are in ``ledger``.
"""

from __future__ import annotations

from typing import NamedTuple

VERSION = 5
"""Stored in the file; changes when a table changes. Zero in files older than this number."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS crawl (
  id INTEGER PRIMARY KEY, started_at REAL NOT NULL, listed INTEGER NOT NULL DEFAULT 0,
  finished INTEGER NOT NULL DEFAULT 0, relist INTEGER NOT NULL DEFAULT 0, summary TEXT NOT NULL DEFAULT '{}',
  first_day TEXT, last_day TEXT);
CREATE TABLE IF NOT EXISTS listing (
  crawl INTEGER NOT NULL, name TEXT NOT NULL, next TEXT, pages INTEGER NOT NULL DEFAULT 0,
  items INTEGER NOT NULL DEFAULT 0, malformed INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (crawl, name));
CREATE TABLE IF NOT EXISTS model (
  model_id TEXT PRIMARY KEY, crawl INTEGER NOT NULL, first_crawl INTEGER NOT NULL,
  sha TEXT, author TEXT, created_at INTEGER, last_modified INTEGER, downloads INTEGER, likes INTEGER,
  library_name TEXT, pipeline_tag TEXT, tags TEXT, gated TEXT NOT NULL DEFAULT '',
  has_readme INTEGER, has_config INTEGER, adapter_files INTEGER, repaired TEXT, absent TEXT,
  status TEXT, reason TEXT, read_sha TEXT, read_gated TEXT, read_crawl INTEGER, revision TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, text_sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS config (
  model_id TEXT PRIMARY KEY, read_sha TEXT, status TEXT, reason TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  text_sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
  crawl INTEGER NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, item INTEGER NOT NULL,
  PRIMARY KEY (crawl, place, reason));
"""

ADD_PAGE = """INSERT INTO listing VALUES (:crawl, :name, :next, 1, :items, :malformed, :done)
  ON CONFLICT (crawl, name) DO UPDATE SET next = :next, pages = pages + 1, items = items + :items,
  malformed = malformed + :malformed, done = :done"""

ADD_DAY = """UPDATE crawl SET first_day = min(coalesce(first_day, :day), :day),
  last_day = max(coalesce(last_day, :day), :day) WHERE id = :crawl"""


class ListedModel(NamedTuple):
    """A model as the listing describes it.

    Args:
        model_id: the model.
        sha: its commit; None if the listing names none.
        created_at: microseconds since 1970, UTC; so is ``last_modified``.
        tags: the Hub's tags, a JSON list.
        gated: ``auto``, ``manual`` or ``yes``; empty if everyone may read it.
        has_readme: None if the listing does not name the files; so is ``has_config`` (``adapter_config.json``).
        adapter_files: number of files with the name of an adapter's; likewise.
        repaired: the fields that could not be read, if any.
        absent: why there is no such model, if there is none.
    """

    model_id: str
    sha: str | None = None
    author: str | None = None
    created_at: int | None = None
    last_modified: int | None = None
    downloads: int | None = None
    likes: int | None = None
    library_name: str | None = None
    pipeline_tag: str | None = None
    tags: str = "[]"
    gated: str = ""
    has_readme: bool | None = None
    has_config: bool | None = None
    adapter_files: int | None = None
    repaired: str | None = None
    absent: str | None = None


class ModelRow(NamedTuple):
    """A listed model and the outcome of reading its card."""

    model_id: str
    sha: str | None
    author: str | None
    created_at: int | None
    last_modified: int | None
    downloads: int | None
    likes: int | None
    library_name: str | None
    pipeline_tag: str | None
    tags: str | None
    adapter_files: int | None
    gated: str
    repaired: str | None
    crawl: int
    status: str | None
    reason: str | None
    read_sha: str | None
    revision: str | None
    attempts: int
    text_sha256: str | None


class ConfigRow(NamedTuple):
    """The outcome of reading one model's ``adapter_config.json``."""

    model_id: str
    status: str | None
    read_sha: str | None
    text_sha256: str | None


class FileRequest(NamedTuple):
    """A file of a model to read: of which model, at which commit, and whether access is restricted."""

    model_id: str
    sha: str
    gated: str = ""


class ListingCursor(NamedTuple):
    """The progress of one listing: the address of the next page, and how many pages and models are stored."""

    next: str | None = None
    pages: int = 0
    items: int = 0
    done: bool = False


class ListingSummary(NamedTuple):
    """How many models a complete listing has, compared with the one before."""

    listed: int
    new: int
    changed: int
    unchanged: int
    missing: int
    to_read: int
