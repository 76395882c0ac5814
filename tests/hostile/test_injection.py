"""Cards with code in every field: no page, chart, table or terminal executes it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from helpers import write_cards

from peft_census.pipeline.settings import settings

MARK = "pwned"
EVIL = {
    "markup": f"\"'><script>{MARK}()</script><img src=x onerror={MARK}()>",
    "ended": f"</title></style></textarea></template></svg><svg onload={MARK}()>",
    "javascript": f"javascript:{MARK}()",
    "markdown": f"x](javascript:{MARK}()) ![i](http://evil.example/{MARK}) | `` \n# {MARK}",
    "formula": f'=HYPERLINK("http://evil.example/{MARK}")',
    "at": f"@SUM({MARK})",
    "template": "{{ 7*7 }}{% raw %}${7*7}",
    "terminal": f"\x1b]0;{MARK}\x07\x1b[2J\x9b31m",
    "turned": f"a\u202e{MARK}\u2066\u200f",
    "path": f"../../{MARK}",
    "yaml": f"\n---\nlicense: {MARK}\n...",
    "nul": f"a\x00{MARK}",
}
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
DATED = "2025-01-01T00:00:00Z"


def cards() -> list[dict[str, Any]]:
    """A card of each evil in every field, and some honest ones, which cite two techniques."""
    made = [{"modelId": f"honest/m{i}", "card": f"Trained with {('LoRA', 'IA3')[i % 5 == 4]}."} for i in range(10)]
    for name, evil in EVIL.items():
        front = yaml.safe_dump({"tags": ["lora", evil], "license": evil, "base_model": evil, "library_name": evil})
        text = f"---\n{front}---\n# {evil}\n\nFine-tuned with LoRA {evil}. Also `{evil}` and AdaLoRA{evil}.\n"
        tags = ["lora", evil, f"base_model:adapter:{evil}"]
        config = json.dumps({"peft_type": evil, "base_model_name_or_path": evil})
        row = {"modelId": f"{evil}/{name}{evil}", "card": text, "tags": tags, "author": evil, "adapter_config": config}
        made.append(row | {"pipeline_tag": evil, "library_name": evil, "createdAt": DATED})
    return made


class Active(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script" and ("type", "application/json") not in attrs
        self.found += [f"{name}={value}" for name, value in attrs if name.startswith("on")]
        self.found += [str(v) for n, v in attrs if n in ("href", "src", "action", "style") and MARK in str(v)]

    def handle_data(self, data: str) -> None:
        if self._script and MARK in data:
            self.found.append(data)


def check_html(text: str) -> None:
    assert Active(text).found == []


def check_svg(text: str) -> None:
    for element in ElementTree.fromstring(text).iter():
        assert not element.tag.endswith(("script", "foreignObject"))
        assert not [n for n, v in element.attrib.items() if n.startswith("on") or (MARK in v and "href" in n)]


def check_csv(text: str) -> None:
    for row in csv.reader(text.splitlines()):
        for cell in row:
            assert not cell.startswith(("=", "@", "\t", "\r")), cell
            assert not cell.startswith(("+", "-")) or re.fullmatch(r"[+-]?[\d.e+-]+|-", cell), cell


def check_markdown(text: str) -> None:
    check_html(re.sub(r"(?s)```.*?```", "", text))
    assert not re.search(r"(?<!\\)\]\((javascript:|http://evil)", text)
    assert not re.search(rf"(?m)^#+ {MARK}", text)


CHECKS: dict[str, Callable[[str], None]] = {
    ".html": check_html, ".svg": check_svg, ".csv": check_csv, ".md": check_markdown, ".json": json.loads,
}  # fmt: skip


def check_folder(folder: Path) -> int:
    """Checks every file by its kind; returns how many there were."""
    files = [p for p in folder.rglob("*") if p.suffix in CHECKS]
    for path in files:
        CHECKS[path.suffix](path.read_text(encoding="utf-8"))
    return len(files)


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws all charts."""
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", "all")


@pytest.fixture
def census(run: Any, tmp_path: Path) -> Any:
    """Runs the command line in a folder with a snapshot of ``cards``."""
    write_cards(tmp_path / "cards.parquet", cards())
    done = run("census", "--source", "cards.parquet")
    assert done.exit_code in (0, 3), done.output
    return run


def test_no_output_obeys_a_card(charts: None, census: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, pictures, tables, Markdown, feeds of every publication hold strangers' words as words."""
    snapshot = next(p for p in (tmp_path / "data/snapshots").iterdir() if not p.name.startswith("."))
    assert check_folder(snapshot) > 10
    settings.cache_clear()
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", "headline")
    write_cards(tmp_path / "fewer.parquet", cards()[:-3])
    assert census("census", "--source", "fewer.parquet").exit_code in (0, 3)
    for kind, more in (("blog", ()), ("page", ("--since", snapshot.name)), ("hub", ("--repo", "me/census"))):
        done = census("publish", "--for", kind, "--out", kind, *more)
        assert done.exit_code == 0, done.output
        assert check_folder(tmp_path / kind) > 0
    for form in ("markdown", "html", "json"):
        told = census("diff", snapshot.name, "latest", "--format", form).stdout
        {"markdown": check_markdown, "html": check_html, "json": json.loads}[form](told)
    assert {p.name for p in tmp_path.iterdir()} == {
        "cards.parquet", "fewer.parquet", "data", "blog", "page", "hub"
    }  # fmt: skip


def test_no_terminal_obeys_a_card(census: Any, tmp_path: Path) -> None:
    """No verb prints a sequence that moves, paints, renames or turns the reader's terminal."""
    for name, row in zip(EVIL, cards()[-len(EVIL) :], strict=True):
        (tmp_path / f"{name}.md").write_text(row["card"], encoding="utf-8")
        if "\x00" not in row["modelId"]:
            for form in ((), ("--json",)):
                said = census("explain", row["modelId"], *form)
                assert said.exit_code == 0 and not OBEYED.search(said.output), said.output
        assert not OBEYED.search(census("explain", "--file", f"{name}.md").output)
    for verb in (
        ("show",), ("show", "--json"), ("count",), ("count", "--json"), ("verify",), ("diff", "latest", "latest"), ("diff", "latest", "latest", "--json"),
        ("explain", EVIL["terminal"]), ("show", EVIL["terminal"]), ("tag", "-s", "cards.parquet", "-o", "out"),
        ("census", "-s", EVIL["terminal"]), ("sample-gold", "5", "--out", "gold"),
    ):  # fmt: skip
        said = census(*verb)
        assert not OBEYED.search(said.output), (verb, said.output)


def test_json_says_what_was_there(census: Any) -> None:
    """What is written out for the terminal is the same text to a reader of JSON."""
    model_id = f"{EVIL['turned']}/turned{EVIL['turned']}"
    assert json.loads(census("explain", model_id, "--json").stdout)["model_id"] == model_id
