"""A snapshot as a dataset for the Hub: Parquet, a README that its viewer reads, metadata, and the way up.

In: a snapshot. Out: a folder that holds nothing private, made from the public copy; on demand, one commit.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml

from peft_census.collect.hub.upload import check_repo, push_folder
from peft_census.errors import UsageError
from peft_census.pipeline.aggregate_copy import aggregate_copy
from peft_census.pipeline.public_copy import public_copy, publishable
from peft_census.pipeline.settings import settings
from peft_census.publish.claims.shares import COVERAGE, HEADLINE, make_claims
from peft_census.publish.folder import publish
from peft_census.publish.text.table import markdown_safe
from peft_census.snapshot.files import refuse_other_files, replaced_folder
from peft_census.snapshot.schema import TABLES, columns_of, data_dictionary
from peft_census.snapshot.snapshot import Snapshot

LICENCE = "cc-by-4.0"
CROISSANT = "croissant.json"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MARK = ".peft-census-dataset"
"""File by which a folder is known as one of ours, which may be replaced."""


def publish_dataset(
    snapshot: Snapshot, out: Path, repo: str | None, push: bool, aggregate: bool = False
) -> tuple[dict[str, Any], str]:
    """Writes the dataset folder, uploads it where ``push``, and returns what was done for tools and for people.

    Raises:
        UsageError: no repository, one that cannot be, or a specimen that was to be uploaded.
        OutputError: the folder cannot be written, or holds something else.
        SourceError: the Hub did not take it; the folder is there all the same.
    """

    if repo is None:
        raise UsageError("--for hub needs to know for which repository", "add --repo OWNER/NAME.")
    check_repo(repo)
    if push and snapshot.manifest.specimen:
        raise UsageError("a specimen is not uploaded: its shares mean nothing", "name a snapshot of real cards.")
    write_dataset(snapshot, out, repo, aggregate)
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() and p.name != MARK)
    size = sum((out / f).stat().st_size for f in files)
    facts: dict[str, Any] = {
        "snapshot_id": snapshot.id,
        "folder": str(out),
        "repo": repo,
        "files": files,
        "bytes": size,
    }
    facts["commit"] = push_folder(out, repo, f"Snapshot {snapshot.id}", {MARK}) if push else None
    lines = [str(out / f) for f in files]
    if push:
        lines.append(f"uploaded to {repo}: {facts['commit']}")
    else:
        lines.append(f"{len(files)} files, {size:,} bytes for {repo}; nothing was sent (--push uploads them)")
    return facts, "\n".join(lines)


def write_dataset(snapshot: Snapshot, out: Path, repo: str, aggregate: bool = False) -> None:
    """Writes the folder of the dataset; an earlier one is replaced."""
    if not (out / MARK).is_file():
        refuse_other_files(out, (), "publish --for hub")
    with replaced_folder(out) as new:
        _write(_copy(snapshot, new.parent, aggregate), new, repo)


def _copy(snapshot: Snapshot, folder: Path, aggregate: bool) -> Snapshot:
    """Returns the copy to publish: ``snapshot`` itself if it is one, otherwise a copy made in ``folder``.

    Raises:
        UsageError: it is a public copy that names models which are withheld today.
    """
    if snapshot.aggregate:
        return snapshot
    if aggregate:
        return aggregate_copy(snapshot, folder / "copy")
    if not snapshot.public:
        return public_copy(snapshot, folder / "copy")
    if not pc.all(publishable(snapshot.table("models", ["model_id"])["model_id"])).as_py():
        raise UsageError(
            f"snapshot {snapshot.id} names models that corrections.toml withholds today",
            "make the public copy again with --for analysts.",
        )
    return snapshot


def _write(copy: Snapshot, folder: Path, repo: str) -> None:

    (folder / "data").mkdir()
    for name in copy.manifest.tables:
        shutil.copyfile(copy.path / f"{name}.parquet", folder / "data" / f"{name}.parquet")
    shutil.copyfile(copy.path / "manifest.json", folder / "manifest.json")
    publish(copy, folder / "report", settings().copy_chart_names, blog=True)
    for name in ("citation.bib", "CITATION.cff"):
        (folder / "report" / name).rename(folder / name)
    texts = {
        "README.md": readme(copy, repo, folder),
        "data-dictionary.md": data_dictionary(),
        CROISSANT: croissant(copy, repo, folder),
        MARK: "Made by peft-census publish --for hub; may be replaced by it.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


CONTENT = {
    False: "One census by [peft_census](CITATION.cff): for every listed model where its card cites which PEFT "
    "technique, on what evidence, and the shares that counting rules give.",
    True: "The counted tables of one census by [peft_census](CITATION.cff): which PEFT techniques model cards cite, "
    "by counting rule, month and group of cards.",
}
"""What a data set holds, by whether it is made from an aggregate copy."""

NAMES = {
    False: "Models have the ids that the Hub publishes, so that everybody can check which were counted. No text of a "
    "card is in this data set: `matched` is the name of the technique, and a language, library, task, licence or base "
    "model is given only where it is in a closed list, else as `other`. Dates are whole days; downloads and likes are "
    "those of the day on which the listing was read. Model ids contain the names of Hub accounts, which can be names "
    "of people. Models whose authors asked to be left out are neither listed nor counted. A model that was deleted on "
    "the Hub is not in the next snapshot; earlier commits of this repository keep it.",
    True: "No model is named, and no text of a card is in this data set. Cells of fewer than 5 models are added up as "
    "`other`, or left out where they cannot be. Models whose authors asked to be left out are not counted.",
}
"""What a data set says of names and texts, by whether it is made from an aggregate copy."""


def _retrieved(copy: Snapshot) -> str:
    read = copy.manifest.source.retrieved
    return "" if read is None else f", read from {read.first.isoformat()} to {read.last.isoformat()}"


def readme(copy: Snapshot, repo: str, folder: Path) -> str:
    """Returns the dataset's card: front matter for the Hub's viewer, then what the numbers mean."""

    claims = {c.id: c for c in make_claims(copy)}
    first, coverage = claims[HEADLINE], claims[COVERAGE]
    tables = copy.manifest.tables
    rows = tables["shares" if copy.aggregate else "models"].rows
    front = {
        "license": LICENCE,
        "pretty_name": f"peft_census {copy.id}",
        "tags": ["peft", "lora", "model cards", "census"],
        "size_categories": [next((name for most, name in SIZES if rows < most), "1M<n<10M")],
        "configs": [
            {
                "config_name": name,
                "data_files": f"data/{name}.parquet",
                **({"default": True} if name == "shares" else {}),
            }
            for name in sorted(tables)
        ],
    }
    listed = "\n".join(f"| `{name}` | {tables[name].rows:,} | {TABLES[name][0]} |" for name in sorted(tables))
    mark = "> **SPECIMEN: made-up cards, shares mean nothing.**\n\n" if first.specimen else ""
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---

# {markdown_safe(first.title)}

{mark}![{markdown_safe(first.alt_text)}](report/headline.png)

To quote: {markdown_safe(first.quote)}

Not to write: ~~{markdown_safe(first.misquote)}~~ {markdown_safe(first.why_not)}

{markdown_safe(first.caveat)}

## What is in it

{CONTENT[copy.aggregate]} {markdown_safe(coverage.quote)}

| table | rows | what |
|---|---|---|
{listed}

Every column is explained in [data-dictionary.md](data-dictionary.md); all shares with their rules are in
[report/shares.md](report/shares.md) and [report/report.html](report/report.html).

```python
import pandas as pd
shares = pd.read_parquet("hf://datasets/{repo}/data/shares.parquet")
shares[shares.rule == "exactly_one"]
```

## Names and texts

{NAMES[copy.aggregate]}

## Licence

Labels and counts are offered under {LICENCE.upper()}. The cards are not part of this data set: each has the licence
that its author gave it. Ids, dates, downloads and likes are facts of the Hub's public listing{_retrieved(copy)}.

## To be left out, or to correct a label

Open a discussion [here](https://huggingface.co/datasets/{repo}/discussions) and name the model. It is then left out of
the next snapshot and of its counts, or labelled again. Say so if earlier commits should be removed as well.
"""


def croissant(copy: Snapshot, repo: str, folder: Path) -> str:
    """Returns the metadata in Croissant (MLCommons), made by ``mlcroissant``.

    Raises:
        UsageError: the extra is not installed.
    """

    try:
        import mlcroissant as mlc
    except ImportError as error:
        raise UsageError(
            "metadata for a dataset needs the library mlcroissant", "run `pip install '.[dataset]'` in the clone."
        ) from error
    kinds = {
        "string": mlc.DataType.TEXT,
        "bool": mlc.DataType.BOOL,
        "double": mlc.DataType.FLOAT,
        "int32": mlc.DataType.INTEGER,
        "int64": mlc.DataType.INTEGER,
        "timestamp[us, tz=UTC]": mlc.DataType.DATETIME,
    }
    files, sets = [], []
    for name in sorted(copy.manifest.tables):
        path = f"data/{name}.parquet"
        about = copy.manifest.tables[name]
        files.append(
            mlc.FileObject(
                id=path,
                name=path,
                content_url=path,
                content_size=f"{about.bytes} B",
                encoding_formats=["application/x-parquet"],
                sha256=about.sha256,
            )
        )
        fields = [
            mlc.Field(
                id=f"{name}/{c.name}",
                name=f"{name}/{c.name}",
                description=c.meaning,
                repeated=str(c.type).startswith("list"),
                data_types=[kinds[str(c.type).removeprefix("list<item: ").removesuffix(">")]],
                source=mlc.Source(file_object=path, extract=mlc.Extract(column=c.name)),
            )
            for c in columns_of(name, public=True)
        ]
        sets.append(mlc.RecordSet(id=name, name=name, description=TABLES[name][0], fields=fields))
    metadata = mlc.Metadata(
        name=f"peft_census_{copy.id}",
        description="Which PEFT techniques model cards cite, on what evidence, and the shares that rules make of it.",
        url=f"https://huggingface.co/datasets/{repo}",
        license=[f"https://spdx.org/licenses/{LICENCE.upper()}.html"],
        version="1.0.0",
        distribution=files,
        record_sets=sets,
        cite_as=(folder / "citation.bib").read_text(encoding="utf-8"),
        creators=[mlc.Organization(name="The peft_census maintainers")],
        keywords=["PEFT", "LoRA", "model cards"],
    )
    return json.dumps(metadata.to_json(), indent=1, sort_keys=True, default=str) + "\n"
