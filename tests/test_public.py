"""Public copies: the same numbers, and nothing by which a card or a person could be read."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from pathlib import Path

import planted
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from helpers import REPO, write_cards

from peft_census.census import make_source, run_census
from peft_census.cli import main
from peft_census.counting import count_again
from peft_census.errors import OutputError, UsageError
from peft_census.public import public_copy, read_key
from peft_census.schema import check
from peft_census.snapshot import Snapshot, read_snapshot

KEY = bytes(range(32))
SECRETS = ("jane-doe", "janes-lora", "wobble", "/home/jane", "Jane Doe")

CARDS = [
    {"modelId": "jane-doe/janes-lora", "author": "jane-doe", "card": "---\nbase_model: big/Base-7B\n---\n# wobble\nfine-tuned with LoRA by Jane Doe"},
    {"modelId": "jane-doe/other", "author": "jane-doe", "card": "---\nbase_model: /home/jane/base\n---\nfine-tuned with QLoRA, wobble"},
    {"modelId": "bob/x", "author": "bob", "card": "An IA3 adapter by PEFT, trained with (IA)^3"},
    {"modelId": "bert-base", "author": None, "card": "Nothing."},
]  # fmt: skip


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    source = make_source(str(write_cards(tmp_path / "cards.parquet", CARDS)))
    return run_census(source, tmp_path / "snapshots", lambda batches, total: batches).snapshot


def test_a_public_copy_counts_the_same(snapshot: Snapshot, tmp_path: Path) -> None:
    """Every rule gives the same shares from the copy as from the snapshot."""
    copy = public_copy(snapshot, tmp_path / "out", KEY)
    copy.verify()
    assert copy.manifest["public"]
    assert copy.id == f"{snapshot.id}-public"
    for name in ("models", "mentions", "shares", "sensitivity", "coverage"):
        check(name, copy.table(name))
    assert count_again(copy).equals(count_again(snapshot))
    assert count_again(copy, "blog/per_author").num_rows
    assert count_again(copy, "blog/per_author").equals(count_again(snapshot, "blog/per_author"))


def test_a_public_copy_names_nobody_and_quotes_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    """No file of the copy holds a name, a path or a word of a card; models of one owner stay together."""
    copy = public_copy(snapshot, tmp_path / "out", KEY)
    tables = [repr(copy.table(name).to_pylist()) for name in copy.manifest["tables"]]
    files = [f.read_bytes().decode("utf-8", "replace") for f in copy.path.rglob("*") if f.is_file()]
    for text in (*tables, *files):
        assert not [s for s in SECRETS if s in text]
    assert set(copy.table("mentions")["matched"].to_pylist()) == {""}
    authors = copy.table("models")["author"].to_pylist()
    assert len(set(authors)) == 3
    assert "Base-7B" in copy.table("models")["base_model"].to_pylist()


def test_copies_of_one_key_compare_and_others_do_not(snapshot: Snapshot, tmp_path: Path) -> None:
    """The key decides the hashes; the same key gives the same bytes."""
    ids = []
    for name, key in (("a", KEY), ("b", KEY), ("c", bytes(32))):
        copy = public_copy(snapshot, tmp_path / name, key)
        ids.append(copy.table("models")["model_id"].to_pylist())
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])
    for file in sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file()):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_a_copy_of_a_copy_is_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    """A public copy can be given away as it is; made twice it is found again."""
    copy = public_copy(snapshot, tmp_path / "out", KEY)
    assert public_copy(snapshot, tmp_path / "out", KEY).path == copy.path
    with pytest.raises(UsageError, match="public copy already"):
        public_copy(copy, tmp_path / "out", KEY)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """First use makes a random key; a damaged file is refused."""
    file = tmp_path / "raw" / "key"
    key = read_key(file)
    assert read_key(file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_key(tmp_path / "other") != key
    file.write_text("short")
    with pytest.raises(UsageError, match="holds no key"):
        read_key(file)


def test_a_key_that_could_not_be_written_is_made_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no half a key behind, which every later copy would be refused for."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(OutputError, match=r"no space left while writing .*key"):
            read_key(tmp_path / "key")
    assert len(read_key(tmp_path / "key")) == 32
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("kind", ["analysts", "hub"])
def test_the_key_stays_on_this_machine(
    kind: str, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are hashed under the key, which no published file and no output holds; it lies below data/raw alone."""
    monkeypatch.chdir(tmp_path)
    key_file = Path("data/raw/public-copies.key")
    key_file.parent.mkdir(parents=True)
    key_file.write_text(planted.KEY, encoding="ascii")
    more = ("--repo", "me/census") if kind == "hub" else ()
    done = CliRunner().invoke(main, ["publish", "--snapshot", str(snapshot.path), "--for", kind, "--out", "o", *more])
    assert done.exit_code == 0 and planted.KEY not in done.output, done.output
    assert planted.leaks(Path("o")) == []
    key = bytes.fromhex(planted.KEY)
    assert not [f for f in Path("o").rglob("*") if f.is_file() and key in f.read_bytes()]
    assert [p for p in Path().rglob("*") if p.is_file() and planted.holds(p.read_bytes())] == [key_file]
    models = pa.parquet.read_table(next(Path("o").rglob("models.parquet")))
    jane = hashlib.blake2b(b"owner:jane-doe", key=key, digest_size=8).hexdigest()
    assert jane in models["author"].to_pylist()
    assert not {"card", "text"} & set(models.column_names)
    key_file.unlink()  # this test wrote it there itself


def test_the_command_line_makes_a_public_copy(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`publish --for analysts` prints where the copy is; `count` reads it."""
    monkeypatch.chdir(tmp_path)
    arguments = ["publish", "--snapshot", str(snapshot.path), "--for", "analysts", "--out", "public", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    path = json.loads(result.stdout)["snapshot_path"]
    assert CliRunner().invoke(main, ["count", "--snapshot", path]).exit_code == 0
    assert pa.parquet.read_metadata(Path(path, "models.parquet")).num_rows == len(CARDS)


SHIPPED = sorted((REPO / "data" / "snapshots").glob("*-public"))


def test_a_snapshot_for_analysts_is_shipped() -> None:
    """Git keeps one at least, or notebooks have nothing real to read."""
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_the_shipped_snapshot_is_whole_and_counts_as_today(path: Path) -> None:
    """Sealed bytes, today's schema and rules, no matched text, hashed ids; after a change of rules, make it anew."""
    shipped = read_snapshot(path)
    shipped.verify()
    for name in shipped.manifest["tables"]:
        check(name, shipped.table(name))
    assert set(shipped.table("mentions")["matched"].to_pylist()) == {""}
    ids = pa.compute.match_substring_regex(shipped.table("models")["model_id"], "^[0-9a-f]{16}/[0-9a-f]{16}$")
    assert pa.compute.all(ids).as_py()
    assert count_again(shipped).equals(shipped.table("shares"))
