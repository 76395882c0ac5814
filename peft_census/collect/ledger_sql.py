"""The ledger's tables, and the statements that need a name: what is still to read, how an outcome is noted."""

from __future__ import annotations

LISTED = (
    "model_id",
    "sha",
    "author",
    "created_at",
    "last_modified",
    "downloads",
    "likes",
    "library_name",
    "pipeline_tag",
    "tags",
    "gated",
    "has_readme",
    "has_config",
    "mended",
    "absent",
)
"""Columns that the listing gives."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS crawl (
  id INTEGER PRIMARY KEY, started_at REAL NOT NULL, listed INTEGER NOT NULL DEFAULT 0,
  finished INTEGER NOT NULL DEFAULT 0, relist INTEGER NOT NULL DEFAULT 0, summary TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS walk (
  crawl INTEGER NOT NULL, name TEXT NOT NULL, next TEXT, pages INTEGER NOT NULL DEFAULT 0,
  items INTEGER NOT NULL DEFAULT 0, malformed INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (crawl, name));
CREATE TABLE IF NOT EXISTS model (
  model_id TEXT PRIMARY KEY, crawl INTEGER NOT NULL, first_crawl INTEGER NOT NULL,
  sha TEXT, author TEXT, created_at INTEGER, last_modified INTEGER, downloads INTEGER, likes INTEGER,
  library_name TEXT, pipeline_tag TEXT, tags TEXT, gated TEXT NOT NULL DEFAULT '',
  has_readme INTEGER, has_config INTEGER, mended TEXT, absent TEXT,
  status TEXT, reason TEXT, read_sha TEXT, read_gated TEXT, read_crawl INTEGER, revision TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, shard INTEGER, row INTEGER, text_sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS config (
  model_id TEXT PRIMARY KEY, read_sha TEXT, status TEXT, reason TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  shard INTEGER, row INTEGER, text_sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shard (kind TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (kind, number));
"""

TO_READ = """crawl = :crawl AND (status IS NULL OR status = 'failed'
  OR (status = 'gone' AND read_crawl IS NOT :crawl) OR read_sha IS NOT sha
  OR (status = 'gated' AND read_gated IS NOT gated))"""
"""A listed model whose card must be read: new, changed, failed, back again, or with another gate."""

UPSERT = f"""INSERT INTO model (crawl, first_crawl, {", ".join(LISTED)})
  VALUES (:crawl, :crawl, {", ".join(":" + c for c in LISTED)})
  ON CONFLICT (model_id) DO UPDATE SET crawl = :crawl, {", ".join(f"{c} = excluded.{c}" for c in LISTED[1:])}"""  # noqa: S608 (column names of our own)

NOTE = """UPDATE model SET status = :status, reason = :reason, read_sha = :sha, read_gated = :gated,
  read_crawl = :crawl, revision = :revision, shard = :shard, row = :row, text_sha256 = :text_sha256,
  attempts = CASE WHEN read_sha IS :sha THEN attempts ELSE 0 END + :attempts WHERE model_id = :model_id"""

NOTE_CONFIG = """INSERT OR REPLACE INTO config (model_id, read_sha, status, reason, attempts, shard, row, text_sha256)
  VALUES (:model_id, :sha, :status, :reason, :attempts, :shard, :row, :text_sha256)"""
