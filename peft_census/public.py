"""A copy of a snapshot that may be given away: labels and counts, no text of a card, no name of a person.

In: a sealed snapshot and a secret key. Out: a snapshot of the same schema beside it. Ids and authors become
keyed hashes (BLAKE2b), the same in every copy made with the same key, so that copies can be compared; without the
key nobody can look a name up. It hides names from readers, not from somebody who matches dates and downloads
with the Hub: what is public there stays public.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.census import REPORT
from peft_census.errors import UsageError, output_error
from peft_census.schema import arrow_schema
from peft_census.snapshot import PUBLIC, Snapshot, find_snapshot, new_snapshot

EMPTIED = ("tags", "revision", "config_base_model")
"""Columns of ``models`` that are null in a public copy: they may hold names or paths."""

KEY_BYTES = 32


def read_key(file: Path) -> bytes:
    """Returns the key in ``file``, making one on first use that only its owner may read.

    Raises:
        OutputError: it can neither be read nor written.
        UsageError: the file holds no key.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(f".{file.name}.partial")
            partial.touch(mode=0o600)
            partial.write_text(secrets.token_hex(KEY_BYTES) + "\n", encoding="ascii")
            partial.replace(file)
        text = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise output_error(file, error) from error
    if len(text) != 2 * KEY_BYTES:
        raise UsageError(f"{file} holds no key", "remove it for a new one; old public copies then no longer compare.")
    return bytes.fromhex(text)


def public_copy(snapshot: Snapshot, root: Path, key: bytes) -> Snapshot:
    """Returns the public copy of ``snapshot`` below ``root``, made where it is not there yet.

    Raises:
        UsageError: ``snapshot`` is a public copy already.
        OutputError: ``root`` cannot be written.
    """
    from peft_census.publish import publish

    if snapshot.manifest.get("public"):
        raise UsageError(f"snapshot {snapshot.id} is a public copy already", "it can be given away as it is.")
    manifest = {**snapshot.manifest, "snapshot_id": snapshot.id + PUBLIC, "public": True}
    if (root / manifest["snapshot_id"]).is_dir():
        return find_snapshot(manifest["snapshot_id"], root)
    models, mentions = snapshot.table("models"), snapshot.table("mentions")
    names = hashed_ids(models["model_id"], key)
    with new_snapshot(root) as writer:
        writer.put("models", public_models(models, names, key))
        writer.put("mentions", public_mentions(mentions, models["model_id"], names))
        for name in snapshot.manifest["tables"]:
            if name not in ("models", "mentions"):
                writer.put(name, snapshot.table(name))
        publish(
            writer.preview(manifest), writer.path / REPORT, ("headline",)
        )  # the others are drawn anew from the tables
        return writer.seal(manifest, root)


def hashed_ids(ids: pa.ChunkedArray, key: bytes) -> list[str]:
    """Returns ``<owner>/<model>`` in hashes for every id; models of one owner share the first part."""
    owners: dict[str, str] = {}
    hashed = []
    for model_id in ids.to_pylist():
        owner = model_id.rpartition("/")[0]
        if owner not in owners:
            owners[owner] = _hash(f"owner:{owner}", key)
        hashed.append(f"{owners[owner]}/{_hash(f'model:{model_id}', key)}")
    return hashed


def public_models(models: pa.Table, names: list[str], key: bytes) -> pa.Table:
    """Returns ``models`` without names, ordered by hash; days instead of seconds."""
    columns = {name: models[name] for name in models.schema.names}
    columns["model_id"] = pa.array(names, pa.string())
    columns["author"] = pa.array([n.partition("/")[0] for n in names], pa.string())
    for name in ("created_at", "last_modified"):
        columns[name] = pc.floor_temporal(models[name], unit="day")
    for name in ("card_sha256", "near_duplicate"):
        values = models[name].to_pylist()
        columns[name] = pa.array([None if v is None else _hash(f"{name}:{v}", key) for v in values], pa.string())
    columns["base_model"] = pa.array([_public_base(b) for b in models["base_model"].to_pylist()], pa.string())
    for name in EMPTIED:
        columns[name] = pa.nulls(models.num_rows, models.schema.field(name).type)
    schema = arrow_schema("models")
    return pa.table([columns[f.name] for f in schema], schema=schema).sort_by("model_id")


def public_mentions(mentions: pa.Table, ids: pa.ChunkedArray, names: list[str]) -> pa.Table:
    """Returns ``mentions`` with hashed ids and without the matched text, ordered by hash."""
    places = pc.index_in(mentions["model_id"], value_set=ids.combine_chunks())
    columns = {name: mentions[name] for name in mentions.schema.names}
    columns["model_id"] = pa.array(names, pa.string()).take(places.combine_chunks())
    columns["matched"] = pa.array([""] * mentions.num_rows, pa.string())
    schema = arrow_schema("mentions")
    table = pa.table([columns[f.name] for f in schema], schema=schema)
    order = [("model_id", "ascending"), ("start", "ascending"), ("end", "ascending"), ("technique", "ascending")]
    return table.sort_by(order)


def _public_base(base: str | None) -> str | None:
    """Returns the base model's name where it is a Hub id, without its owner; None for paths and anything else."""
    if base is None or base.count("/") != 1 or base.startswith(("/", ".", "~")):
        return None
    return base.partition("/")[2]


def _hash(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()
