"""Public and aggregate copies: labels and counts, no text that an author wrote, no model that is withheld."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from helpers import write_cards

from peft_census.cli.main import main
from peft_census.errors import UsageError
from peft_census.pipeline.aggregate_copy import FEW, aggregate_copy
from peft_census.pipeline.census import run_census
from peft_census.pipeline.counting import count_again, count_tables, evidence_of, instruments_of
from peft_census.pipeline.public_copy import public_copy
from peft_census.pipeline.public_values import RULES, base_model_rule
from peft_census.pipeline.sources import make_source
from peft_census.snapshot import schema
from peft_census.snapshot.instruments import NotRead
from peft_census.snapshot.manifest import SourceInfo
from peft_census.snapshot.schema import TABLES, check
from peft_census.snapshot.schema.column import Column, Public
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import Snapshot, find_snapshot, new_snapshot, read_snapshot
from peft_census.tag.corrections import Withheld

PERSONAL = "elmstreetjane"
"""Part of every personal text that tests plant; searched for without regard to case."""

CARDS = [
    {"modelId": "jane-doe/janes-lora", "author": "jane-doe", "card": "---\nbase_model: jane-doe/other\n---\n# wobble\nfine-tuned with LoRA by Jane Doe"},
    {"modelId": "jane-doe/other", "author": "jane-doe", "card": "---\nbase_model: /home/jane/base\n---\nfine-tuned with QLoRA, wobble"},
    {"modelId": "bob/x", "author": "bob", "card": "An IA3 adapter by PEFT, trained with (IA)^3"},
    {"modelId": "bert-base", "author": None, "card": "Nothing."},
    *({"modelId": f"author-{n % 4}/m{n}", "author": f"author-{n % 4}", "card": f"Model {n}, tuned with {'DoRA' if n % 2 else 'LoRA'}."} for n in range(16)),
]  # fmt: skip


def personal(field: str) -> str:
    """Returns a name and an address as an author could write them into a field."""
    return f"Jane {PERSONAL} {field}, 12 Elm Street, {PERSONAL}@example.org"


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """A private snapshot of a few cards."""
    source = make_source(str(write_cards(tmp_path / "cards.parquet", CARDS)))
    return run_census(source, tmp_path / "snapshots").snapshot


def rewritten(
    snapshot: Snapshot,
    root: Path,
    change: Callable[[str, pa.Table], pa.Table],
    manifest: dict[str, Any] | None = None,
) -> Snapshot:
    """Returns a private snapshot with changed rows, counted from these."""
    about = replace(snapshot.manifest, **(manifest or {}), snapshot_id=f"{snapshot.id}-changed")
    with new_snapshot(root) as writer:
        for name in ("models", "mentions", "coverage"):
            writer.put(name, change(name, snapshot.table(name)))
        preview = writer.preview(about)
        for name, table in count_tables(evidence_of(preview), instruments_of(preview)).items():
            writer.put(name, table)
        writer.preview(about)
        return writer.write(about, root)


def with_personal_text(name: str, table: pa.Table) -> pa.Table:
    """Returns ``table`` with personal text in every column whose values are not a closed list of the schema."""
    for column in TABLES[name].columns:
        if column.allowed or column.name in ("model_id", "technique"):
            continue
        text = personal(f"{name}.{column.name}")
        if pa.types.is_string(column.type):
            values = pa.array([text] * table.num_rows, pa.string())
        elif pa.types.is_list(column.type):
            tags = [text, f"license:{text}", "license:mit", f"base_model:{text}"]
            values = pa.array([tags if column.name == "tags" else [text]] * table.num_rows, column.type)
        else:
            continue
        place = table.schema.get_field_index(column.name)
        table = table.set_column(place, table.schema.field(place), values)
    return table


SOURCE = {
    "kind": "files",
    "label": personal("source.label"),
    "content_sha256": "5" * 64,
    "revision": personal("source.revision"),
    "specimen": False,
    "details": {
        "files": {f"/home/{PERSONAL}/cards.parquet": personal("source.details")},
        "paths": [f"/home/{PERSONAL}"],
        "population": personal("source.population"),
        "rows": 20,
    },
}
INSTRUMENTS = {"civitai": NotRead("failed", personal("instruments.reason"))}


def texts_of(file: Path) -> str:
    """Returns what a file holds: the values and metadata of a table, or its characters, in lower case."""
    if file.suffix == ".parquet":
        return repr((pq.read_schema(file), pq.read_table(file).to_pylist())).lower()
    return file.read_bytes().decode("utf-8", "replace").lower()


def holders(folder: Path, *texts: str) -> list[str]:
    """Returns the files below ``folder`` that hold any of ``texts``."""
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert files
    return [
        f.relative_to(folder).as_posix() for f in files for found in [texts_of(f)] if any(t in found for t in texts)
    ]


def publish(snapshot: Path, out: Path, *more: str) -> Result:
    """Runs ``publish``."""
    return CliRunner().invoke(main, ["publish", "--snapshot", str(snapshot), "--out", str(out), *more])


WAYS = [
    ("--for", "analysts"),
    ("--for", "hub", "--repo", "me/census"),
    ("--for", "page"),
    ("--for", "blog"),
    ("--for", "analysts", "--aggregate"),
    ("--for", "hub", "--repo", "me/census", "--aggregate"),
]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_personal_text_is_in_nothing_that_is_published(
    snapshot: Snapshot, tmp_path: Path, way: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text that stands in any free-text field of cards, listing or configuration is in no file of any copy or page."""
    monkeypatch.chdir(tmp_path)
    private = rewritten(
        snapshot, tmp_path / "private", with_personal_text, {"source": SourceInfo(**SOURCE), "instruments": INSTRUMENTS}
    )
    assert {"models.parquet", "mentions.parquet", "coverage.parquet", "breakdown.parquet", "manifest.json"} <= set(
        holders(private.path, PERSONAL)
    )
    done = publish(private.path, tmp_path / "out", *way)
    assert done.exit_code == 0, done.output
    assert holders(tmp_path / "out", PERSONAL) == []
    assert PERSONAL not in done.output


def test_personal_text_of_cards_is_in_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from the card on: front matter, listing and configuration go through the census itself."""
    monkeypatch.chdir(tmp_path)
    front = "\n".join(
        f"{key}: '{personal(key)}'" for key in ("language", "base_model", "license", "tags", "pipeline_tag")
    )
    config = json.dumps({k: personal(k) for k in ("peft_type", "base_model_name_or_path", "peft_version")})
    rows = [
        {
            "modelId": f"owner-{n % 4}/m{n}",
            "author": personal("author"),
            "library_name": personal("library_name"),
            "pipeline_tag": personal("pipeline_tag"),
            "tags": [personal("tags")],
            "adapter_config": config,
            "card": f"---\n{front}\n---\n# {personal('title')}\n\n{personal('prose')}: tuned with LoRA. {personal('more')}",
        }
        for n in range(12)
    ]
    file = write_cards(tmp_path / f"{PERSONAL}.parquet", rows)
    private = run_census(make_source(str(file)), tmp_path / "private").snapshot
    assert PERSONAL in repr(private.table("breakdown")["value"].to_pylist())
    assert holders(private.path / "report", PERSONAL) == []
    for way in WAYS:
        assert publish(private.path, tmp_path / "-".join(way).replace("/", "-"), *way).exit_code == 0
    written = [p for p in tmp_path.iterdir() if p.is_dir() and p.name.startswith("--")]
    assert len(written) == len(WAYS)
    assert [h for folder in written for h in holders(folder, PERSONAL)] == []
    values = next(p for p in written if "analysts" in p.name and "aggregate" not in p.name)
    models = read_snapshot(next(values.glob("*-public"))).table("models")
    assert set(models["languages"].to_pylist()[0]) == {"other"}
    assert set(models["library_name"].to_pylist()) == set(models["base_model"].to_pylist()) == {"other"}


def test_a_new_column_is_dropped_until_it_says_otherwise(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that nobody thought of is in no copy, whatever its type and whether it may be null."""
    added = (
        Column("shoe_size", pa.string(), "New.", nullable=False),
        Column("height", pa.int64(), "New."),
        Column("kept", pa.int64(), "New.", public=Public.AS_IS),
    )
    columns = {c.name: c for c in added}
    for name in ("models", "mentions"):
        table = TABLES[name]
        monkeypatch.setitem(schema.TABLES, name, table._replace(columns=(*table.columns, *added)))
    schema.arrow_schema.cache_clear()

    def with_columns(name: str, table: pa.Table) -> pa.Table:
        if name == "coverage":
            return table
        for column in columns.values():
            text = pa.types.is_string(column.type)
            values = pa.array([PERSONAL if text else 42] * table.num_rows, column.type)
            table = table.append_column(pa.field(column.name, column.type, nullable=column.nullable), values)
        return table

    try:
        with monkeypatch.context() as patched:
            patched.setattr(Snapshot, "schema", lambda self, name: pq.read_schema(self.path / f"{name}.parquet"))
            private = rewritten(snapshot, tmp_path / "private", with_columns)
        copy = public_copy(private, tmp_path / "out")
        for name in ("models", "mentions"):
            assert {"kept"} == {"kept", "shoe_size", "height"} & set(copy.table(name).schema.names)
        assert holders(copy.path, PERSONAL, "shoe_size") == []
    finally:
        schema.arrow_schema.cache_clear()


def test_a_public_copy_counts_the_same(snapshot: Snapshot, tmp_path: Path) -> None:
    """Every rule gives the same shares from the copy as from the snapshot, where no model is withheld."""
    copy = public_copy(snapshot, tmp_path / "out")
    copy.verify()
    assert copy.public and not copy.aggregate
    assert copy.id == f"{snapshot.id}-public"
    assert set(copy.manifest.tables) == {"models", "mentions", "coverage", *COUNTED_TABLES}
    for name in copy.manifest.tables:
        check(name, copy.table(name), public=True)
    assert count_again(copy).equals(count_again(snapshot))
    assert count_again(copy, "exactly_one/per_author").equals(count_again(snapshot, "exactly_one/per_author"))
    assert count_again(copy, "exactly_one/deduplicated").num_rows
    assert copy.table("models")["model_id"].to_pylist() == sorted(c["modelId"] for c in CARDS)


def test_a_public_copy_quotes_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    """Ids of models are there; the words of a card, its title and its paths are not."""
    copy = public_copy(snapshot, tmp_path / "out")
    assert holders(copy.path, "wobble", "/home/jane", "jane doe", "cards.parquet") == []
    techniques = copy.manifest.taxonomy.techniques
    for row in copy.table("mentions").to_pylist():
        assert row["matched"] == techniques[row["technique"]].name
    bases = dict(zip(*(copy.table("models")[c].to_pylist() for c in ("model_id", "base_model")), strict=True))
    assert bases["jane-doe/janes-lora"] == "jane-doe/other"
    assert bases["jane-doe/other"] == "other"
    assert "jane-doe/janes-lora" in (copy.path / "report/report.html").read_text("utf-8")


def test_the_same_snapshot_gives_the_same_copy(snapshot: Snapshot, tmp_path: Path) -> None:
    """Byte for byte; a copy that is there is found again, and a copy of a copy is refused."""
    for make in (public_copy, aggregate_copy):
        one, two = make(snapshot, tmp_path / "a"), make(snapshot, tmp_path / "b")
        assert make(snapshot, tmp_path / "a").path == one.path
        for file in (p for p in one.path.rglob("*") if p.is_file()):
            assert file.read_bytes() == (two.path / file.relative_to(one.path)).read_bytes()
    with pytest.raises(UsageError, match="public copy already"):
        public_copy(find_snapshot(f"{snapshot.id}-public", tmp_path / "a"), tmp_path / "c")
    with pytest.raises(UsageError, match="aggregate copy already"):
        aggregate_copy(find_snapshot(f"{snapshot.id}-aggregate", tmp_path / "a"), tmp_path / "c")


def test_withheld_models_are_in_no_copy(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither named nor counted in the copies, not named on a page; a copy made before is not given away again."""
    before = public_copy(snapshot, tmp_path / "out")
    aggregate_copy(snapshot, tmp_path / "out")
    withheld = Withheld(frozenset({"bob/x"}), frozenset({"jane-doe"}))
    monkeypatch.setattr("peft_census.pipeline.public_copy.bundled_withheld", lambda: withheld)
    for make in (public_copy, aggregate_copy):
        with pytest.raises(UsageError, match="other withheld models"):
            make(snapshot, tmp_path / "out")
    copy = public_copy(snapshot, tmp_path / "new")
    assert copy.manifest.cards.rows == copy.table("models").num_rows == len(CARDS) - 3
    assert pc.sum(copy.table("coverage")["n"]).as_py() == len(CARDS) - 3
    techniques = set(copy.table("shares")["technique"].to_pylist())
    assert "ia3" in set(before.table("shares")["technique"].to_pylist()) and "ia3" not in techniques
    assert count_again(copy).equals(copy.table("shares"))
    aggregate = aggregate_copy(snapshot, tmp_path / "new")
    assert aggregate.manifest.cards == copy.manifest.cards
    assert publish(snapshot.path, tmp_path / "page", "--for", "blog").exit_code == 0
    for folder in (copy.path, aggregate.path, tmp_path / "page"):
        assert holders(folder, "bob/x", "jane-doe") == []
    refused = publish(before.path, tmp_path / "dataset", "--for", "hub", "--repo", "me/census")
    assert refused.exit_code == 2 and "withholds today" in refused.output


def test_an_aggregate_copy_has_no_small_cell(snapshot: Snapshot, tmp_path: Path) -> None:
    """Counted tables only; techniques of few models are ``other``, from the snapshot and from its public copy alike."""
    copy = aggregate_copy(snapshot, tmp_path / "out")
    copy.verify()
    assert copy.id == f"{snapshot.id}-aggregate" and copy.aggregate
    assert set(copy.manifest.tables) == {"coverage", *COUNTED_TABLES}
    assert holders(copy.path, *(str(c["modelId"]).lower() for c in CARDS)) == []
    shares = {(r["rule"], r["technique"]): r for r in copy.table("shares").to_pylist()}
    assert ("any", "ia3") not in shares
    assert min(r["numerator"] for r in shares.values() if "per_author" not in r["rule"]) >= FEW
    for rule in ("exactly_one", "any"):
        whole = {r["technique"]: r["numerator"] for r in snapshot.table("shares").to_pylist() if r["rule"] == rule}
        kept = {t: r["numerator"] for (of, t), r in shares.items() if of == rule}
        assert all(whole[t] == n for t, n in kept.items() if t != "other")
        assert sum(kept.values()) == sum(whole.values())
    for name, cells in {"authorship": ["cards"], "monthly": ["base"], "breakdown": ["numerator", "base"]}.items():
        for row in copy.table(name).to_pylist():
            assert all(row[c] is None or row[c] == 0 or row[c] >= FEW for c in cells), (name, row)
    again = aggregate_copy(public_copy(snapshot, tmp_path / "out"), tmp_path / "again")
    assert again.id == copy.id and again.table("shares").equals(copy.table("shares"))


def test_the_command_line_reads_an_aggregate_copy(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted is shown; what needs rows says so in one clear line."""
    monkeypatch.chdir(tmp_path)
    aggregate_copy(snapshot, tmp_path / "out")

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--snapshot", "out"])

    assert CliRunner().invoke(main, ["show", "out"]).exit_code == 0
    assert "other techniques" in run("count").output
    for name in COUNTED_TABLES:
        assert run("count", "--table", name).exit_code == 0
    assert run("publish", "--out", "page").exit_code == 0
    assert "lists no models" in Path("page/report.html").read_text("utf-8")
    for words in (("count", "--rule", "any"), ("explain", "bob/x"), ("sample-gold", "5", "--out", "x")):
        done = run(*words)
        assert done.exit_code in (1, 2) and "Traceback" not in done.output
        assert "aggregate copy" in done.output or "public copy" in done.output


def test_a_private_snapshot_comes_before_its_copies(snapshot: Snapshot, tmp_path: Path) -> None:
    """A prefix and ``latest`` mean the private snapshot, then the public copy, then the aggregate."""
    root = snapshot.path.parent
    public_copy(snapshot, root)
    aggregate_copy(snapshot, root)
    for name in ("latest", snapshot.id[:12]):
        assert find_snapshot(name, root).path == snapshot.path
    snapshot.path.rename(tmp_path / "away")
    for name in ("latest", snapshot.id[:12]):
        assert find_snapshot(name, root).id.endswith("-public")


def test_aggregate_is_refused_for_a_page(snapshot: Snapshot, tmp_path: Path) -> None:
    """A page shows the snapshot that it is made from."""
    done = publish(snapshot.path, tmp_path / "page", "--aggregate")
    assert done.exit_code == 2 and "--aggregate needs" in done.output
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        (Public.LANGUAGES, " EN ", "en"),
        (Public.LANGUAGES, "pt-BR", "pt"),
        (Public.LANGUAGES, "en, call 555 0100", "other"),
        (Public.LIBRARY, "diffusers", "diffusers"),
        (Public.LIBRARY, "janes-library", "other"),
        (Public.TASK, "text-to-image", "text-to-image"),
        (Public.TASK, "text-to-jane", "other"),
        (Public.LICENCES, "license:apache-2.0", "license:apache-2.0"),
        (Public.LICENCES, "license:ask-jane", None),
        (Public.LICENCES, "lora", None),
        (Public.REASON, "HTTP 404", "HTTP 404"),
        (Public.REASON, "cut at 2,000,000 bytes; invalid UTF-8: unreadable bytes replaced", "cut at 2,000,000 bytes; invalid UTF-8: unreadable bytes replaced"),
        (Public.REASON, "HTTP 404; jane", "other"),
        (Public.REASON, "placeholder: Entry not found", "placeholder: Entry not found"),
        (Public.GENERATOR, "peft/0.18.1", "peft/0.18.1"),
        (Public.GENERATOR, "peft/0.jane", "peft"),
        (Public.GENERATOR, "jane", "other"),
        (Public.VERSION, "0.18.0.dev0", "0.18.0.dev0"),
        (Public.VERSION, "0.18.jane", "other"),
        (Public.SOURCE, "hub-dump", "hub-dump"),
        (Public.COMMIT, "a" * 40, "a" * 40),
        (Public.COMMIT, "jane", None),
    ],
)  # fmt: skip
def test_free_text_is_kept_where_a_list_has_it(rule: Public, value: str, kept: str | None) -> None:
    """Known values stay, everything else is ``other`` or left out."""
    assert RULES[rule](value) == kept


def test_every_rule_of_the_schema_is_known() -> None:
    """A column says either that it is dropped, or something that ``public_values`` knows; instruments say nothing."""
    special = {Public.DROPPED, Public.AS_IS, Public.DAY, Public.OWNER, Public.TECHNIQUE_NAME, Public.BASE_MODEL}
    assert {*RULES, *special} == set(Public)
    free = [c for t in ("models", "mentions", "coverage") for c in TABLES[t].columns if c.public is Public.AS_IS]
    ids = ("model_id", "technique")
    assert not [c.name for c in free if not c.allowed and c.name not in ids and "string" in str(c.type)]
    for name in ("github_counts", "github_imports", "civitai", "benchmark"):
        assert {c.public for c in TABLES[name].columns} == {Public.DROPPED}
    assert replace(Column("x", pa.string(), "y")).public is Public.DROPPED


def test_a_base_model_is_a_listed_id_or_a_family() -> None:
    """An id that the copy lists stays; of others the family is kept, and never the name."""
    known = base_model_rule(frozenset({"acme/base", "Jane Doe, llama"}))
    assert known("acme/base") == "acme/base"
    assert known("jane-doe/my-llama-7b") == "llama" == known("llama")
    assert known("jane-doe/elm-street") == known("Jane Doe, llama") == known("/home/jane/llama") == "other"
