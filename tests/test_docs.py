"""The docs say what the code does."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click
import pandas
import pytest
from helpers import REPO, commands, write_cards

import peft_census
from peft_census.errors import DONE
from peft_census.pipeline.evaluate import score_rows
from peft_census.pipeline.settings import settings
from peft_census.snapshot.schema import data_dictionary
from peft_census.snapshot.snapshot import read_snapshot
from peft_census.tag import read_card
from peft_census.tag.candidates import CandidateScanner
from peft_census.tag.taxonomy import read_taxonomy


def test_the_data_dictionary_is_fresh() -> None:
    """docs/data-dictionary.md is what the schema generates; `make docs` writes it."""
    assert (REPO / "docs/data-dictionary.md").read_text(encoding="utf-8") == data_dictionary()


@pytest.mark.parametrize("verb", list(commands()))
def test_every_command_is_in_the_readme_and_has_an_example(verb: str) -> None:
    """The README names each command, and its --help shows an example that calls it."""
    assert f"| `{verb}`" in (REPO / "README.md").read_text(encoding="utf-8")
    command = commands()[verb]
    text = command.get_help(click.Context(command, info_name=verb, help_option_names=["-h", "--help"]))
    assert re.search(rf"Examples?:\s+peft-census {verb}\b", text)


@pytest.mark.parametrize("verb", list(commands()))
def test_every_option_is_explained(verb: str) -> None:
    """No option is without a help text."""
    for parameter in commands()[verb].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_readme_carries_the_figures_of_record() -> None:
    """The README's table of precision and recall is made from data/gold/scores.json by `make docs`."""
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    for row in score_rows():
        assert row in readme, f"the README lacks: {row}"


def test_make_targets_are_explained(tmp_path: Path) -> None:
    """Every phony target of the Makefile has a line of help."""
    text = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    for target in targets:
        assert re.search(rf"^{target}:.*## \w", text, re.MULTILINE), target


def test_make_refuses_a_variable_that_it_does_not_know() -> None:
    """`make census source=x` is an error; make would ignore the variable and run the specimen. SOURCE is accepted."""
    slip = subprocess.run(["make", "-n", "census", "source=x"], cwd=REPO, capture_output=True, text=True)
    assert slip.returncode == 2
    assert "no variable source; there are SOURCE OUT" in slip.stderr
    known = ["SOURCE=x", "OUT=y", "WITH=a b", "GAPS=publish", "ARGS=--json --quiet"]
    assert subprocess.run(["make", "-n", "census", *known], cwd=REPO, capture_output=True).returncode == 0
    named = set(re.findall(r"\b([A-Z_]{2,})=", (REPO / "Makefile").read_text(encoding="utf-8"))) - {"PATH", "HOSTILE"}
    known_here = re.search(r"^KNOWN +:= (.*)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert known_here and named <= set(known_here[1].split())


def canonical(pin: str) -> str:
    """Returns a pin with the name as registries compare it."""
    name, _, version = pin.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def test_nothing_names_a_registry_or_this_machine() -> None:
    """Constraints pin versions without an index address; the files with hashes have the same versions."""
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[0-9A-Za-z.+!-]+", line) for line in lines if line)
    pins = {canonical(line) for line in lines}
    for file in (REPO / "requirements").glob("*.txt"):
        for line in file.read_text(encoding="utf-8").splitlines():
            found = re.fullmatch(r"(\S+==\S+)( ; [^\\@]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)
            assert found, (file.name, line)
            assert found[1] is None or canonical(found[1]) in pins, (file.name, line)


def test_the_command_line_is_documented() -> None:
    """docs/cli.md is what --help prints for every command; `make docs` writes it."""
    name = "generate_docs"
    spec = importlib.util.spec_from_file_location(name, REPO / "docs/generate.py")
    assert spec and spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (REPO / "docs/cli.md").read_text(encoding="utf-8") == generate.command_line()
    for verb, command in commands().items():
        for option in (o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")):
            assert option in generate.command_line().split(f"## peft-census {verb}\n")[1].split("\n## ")[0], (
                verb,
                option,
            )


COMMANDS = [
    (file.relative_to(REPO).as_posix(), line.split("  #")[0].strip())
    for file in sorted([REPO / "README.md", REPO / "CONTRIBUTING.md", *(REPO / "docs").rglob("*.md")])
    if file.name != "cli.md"
    for line in re.findall(r"^(?:\.venv/bin/)?(peft-census .*)$|`(peft-census [^`]*)`", file.read_text(), re.MULTILINE)
    for line in [line[0] or line[1]]
]


@pytest.mark.parametrize(("file", "line"), COMMANDS)
def test_every_command_shown_exists(file: str, line: str) -> None:
    """Each command that a document shows exists, with its options."""
    _, *words = line.split()
    if not words or words[0].startswith(("-", "VERB")):
        return
    verb = words[0].rstrip(".,")
    assert verb in commands(), f"{file}: {line}"
    known = {o for p in commands()[verb].params for o in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    options = [w.partition("=")[0].rstrip(".,;)") for w in words[1:] if re.match(r"-{1,2}[a-z]", w)]
    assert not set(options) - known, f"{file}: {line}"


def test_the_python_of_the_readme_counts_as_the_rules_do(run: Any, specimen: str) -> None:
    """The README's Python runs, and its cards per technique are those of rule ``any/variants_separate``."""
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", (REPO / "README.md").read_text(encoding="utf-8"), re.DOTALL)[0], names)
    counted = names["cited"].groupby("technique").model_id.nunique()
    shares = peft_census.shares(names["snapshot"], "any/variants_separate").set_index("technique").numerator
    assert len(shares) > 20
    assert {technique: counted[technique] for technique in shares.index} == shares.to_dict()


@pytest.fixture
def recipes(run: Any, specimen: str, tmp_path: Path) -> str:
    """docs/recipes.md, in a folder with the specimen's snapshot, one by an older tagger, and a list of cards."""
    Path("mine.csv").write_text(
        "modelId,card,createdAt,last_modified,downloads,tags\n"
        'acme/one,"# One\n\nTrained with LoRA.",2025-01-02,2025-01-03T04:05:06Z,7,"[\'peft\']"\n'
        "acme/two,,,2025-01-03T04:05:06Z,,\n"
    )
    write_cards(tmp_path / "mine.parquet", [{"modelId": "acme/one", "card": "Trained with LoRA."}])
    older = tmp_path / "data/snapshots/2020-01-01-0123456789ab"
    shutil.copytree(tmp_path / "data/snapshots" / specimen, older)
    manifest = replace(read_snapshot(older).manifest, snapshot_id=older.name, tagger_version="2")
    (older / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    (tmp_path / "data/snapshots" / specimen / "manifest.json").touch()
    model = peft_census.top("latest", by="model", n=1).model[0]
    year = peft_census.top("latest", "dora", by="year", rule="any/variants_separate", n=1).year[0]
    text = (REPO / "docs/recipes.md").read_text(encoding="utf-8").replace("OWNER/NAME", model)
    return text.replace('"year": "2026"', f'"year": "{year}"').replace("year=2026", f"year={year}")


def test_the_python_of_the_recipes_runs(run: Any, recipes: str) -> None:
    """Every Python block of docs/recipes.md runs, and each line of the ten questions gives an answer."""
    names: dict[str, Any] = {"peft_census": peft_census, "pandas": pandas}
    questions, others = recipes.split("## Ten questions")[1].split("\n## ", 1)
    lines = [line for block in re.findall(r"```python\n(.*?)```", questions, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 11
    for line in lines:
        answer = eval(line, names)
        assert not isinstance(answer, pandas.DataFrame) or len(answer), line
    assert len(pandas.read_csv("shares.csv")) > 10 and len(pandas.read_excel("shares.xlsx")) > 10
    for block in re.findall(r"```python\n(.*?)```", others, re.DOTALL):
        exec(block.replace('open("sensitivity.svg", "w").write(chart.svg)', "assert chart.svg"), names)
    assert run("census", "--source", "mine.parquet", "--out", "mine", "--quiet").exit_code == 0
    assert "1 of 1" in run("show", "mine").stdout
    assert set(peft_census.load_snapshot("mine").models.created_at.dt.year.dropna()) == {2025}


def test_the_shell_lines_of_the_ten_questions_run(run: Any, recipes: str) -> None:
    """Each question has one line in the shell, which succeeds and prints or writes an answer."""
    questions = recipes.split("## Ten questions")[1].split("\n## ")[0]
    lines = [line for block in re.findall(r"```console\n(.*?)```", questions, re.DOTALL) for line in block.splitlines()]
    assert [len(re.findall(r"```console", part)) for part in re.split(r"\n\*\*\d+\. ", questions)[1:]] == [1] * 10
    for line in lines:
        result = run(*shlex.split(line)[1:])
        assert result.exit_code == DONE, (line, result.stderr)
        assert result.stdout or "--out" in line, line
    assert Path("shares.csv").read_text().startswith("rule,month,task,technique")
    assert Path("shares.xlsx").stat().st_size > 1000


def test_the_settings_of_the_recipes_are_read(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The census.toml of the recipes is valid. The environment, which the tests use to draw no charts, precedes it."""
    monkeypatch.delenv("PEFT_CENSUS_CHARTS", raising=False)
    text = (REPO / "docs/recipes.md").read_text(encoding="utf-8")
    (tmp_path / "census.toml").write_text(re.findall(r"```toml\n(snapshots.*?)```", text, re.DOTALL)[0])
    settings.cache_clear()
    assert settings().charts == "headline"
    assert settings().snapshots == Path("data/snapshots")


def test_the_technique_of_the_recipes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry and the rule of the recipe find the technique and reject the cloth."""
    text = (REPO / "docs/recipes.md").read_text(encoding="utf-8")
    entry = textwrap.dedent(re.findall(r"   ```toml\n(.*?)   ```", text, re.DOTALL)[0])
    ours = (REPO / "peft_census/tag/techniques.toml").read_text(encoding="utf-8")
    (tmp_path / "techniques.toml").write_text(f"{ours}\n{entry}", encoding="utf-8")
    taxonomy = read_taxonomy(tmp_path / "techniques.toml")
    monkeypatch.setattr("peft_census.tag.mentions.load_taxonomy", lambda: taxonomy)
    monkeypatch.setattr("peft_census.tag.mentions.bundled_scanner", cache(lambda: CandidateScanner(taxonomy)))
    found = read_card("a/b", "Trained with Velvet adapters. The curtain is of velvet.")
    assert [m.technique for m in found.mentions] == ["velvet"]
    assert "velvet" in {r.technique for r in found.rejected}


LONGEST = {"README.md": 900, "docs/method.md": 1500}


@pytest.mark.parametrize("page", LONGEST)
def test_a_page_is_short(page: str) -> None:
    """README.md and docs/method.md have at most so many words."""
    assert len((REPO / page).read_text(encoding="utf-8").split()) <= LONGEST[page]


PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "data/*.md", "data/*/README.md", "benchmarks/*.md")
    for page in REPO.glob(pattern)
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(REPO).as_posix())
def test_links_and_paths_exist(page: Path) -> None:
    """Every relative link leads to a file and a heading; every path of the package, tests or data exists."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, link
    if page.name == "CHANGELOG.md":
        return
    for path in re.findall(
        r"`((?:peft_census|tests|scripts|docs|benchmarks|data/(?:gold|specimen))/[\w./-]*\w/?)`", text
    ):
        assert (REPO / path).exists(), path


def test_every_page_is_on_the_site() -> None:
    """A page that mkdocs.yml does not name cannot be found on the site."""
    named = set(re.findall(r"[\w/-]+\.md", (REPO / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]))
    pages = {page.relative_to(REPO / "docs").as_posix() for page in (REPO / "docs").rglob("*.md")}
    assert named == pages | {"index.md", "CONTRIBUTING.md", "CHANGELOG.md"}
