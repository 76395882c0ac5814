"""What is fuzzed: every reader of text from outside, with what must hold whatever it is given.

A target takes bytes, and raises only where something is wrong with this project. ``read_card`` never raises; decoders
of answers raise the errors that their callers expect.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa

from peft_census.collect.civitai import Page, read_page
from peft_census.collect.github.imports import read_imports
from peft_census.collect.github.search import read_total
from peft_census.collect.http.common import Answer, decode_json
from peft_census.collect.hub.listed_model import parse_model
from peft_census.collect.hub.options import is_model_id
from peft_census.errors import SourceError
from peft_census.snapshot.records import read_record, to_json
from peft_census.snapshot.schema import EVIDENCE_LEVELS, FORMS, LOCATIONS, POLARITIES
from peft_census.tag import load_taxonomy, read_card
from peft_census.tag.adapter_config import read_adapter_config
from peft_census.tag.candidates import bundled_scanner
from peft_census.tag.card_structure import CardStructure
from peft_census.tag.front_matter import read_front_matter


def text_of(data: bytes) -> str:
    """Returns any text for any bytes: UTF-8 where it is, else Latin-1, so that every byte says something."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def front_matter(data: bytes) -> None:
    """The block lies inside the text, and its data are a mapping."""
    text = text_of(data)
    front = read_front_matter(text)
    assert 0 <= front.start <= front.end <= len(text) and front.after <= len(text)
    assert isinstance(front.data, dict)
    for key in ("tags", "license", "base_model"):
        assert all(isinstance(s, str) for s in front.strings(key))


def locations(data: bytes) -> None:
    """Every place has one location, and it is one of the known."""
    text = text_of(data)[:3000]
    found = CardStructure(text, read_front_matter(text))
    for place in range(0, len(text), max(1, len(text) // 50)):
        assert found.location(place) in LOCATIONS


def names(data: bytes) -> None:
    """Looking near hits finds what searching the whole text finds, and a column is answered text by text."""
    text, scan = text_of(data), bundled_scanner()
    raw = text.encode()
    whole = [m.span() for m in scan._name_pattern.finditer(raw.lower().decode())]
    assert list(scan._spans(raw, scan._pattern_scanner.in_text(raw))) == whole
    texts = text.split("\n")
    assert scan.prefilter(pa.array(texts)).to_pylist() == [
        bool(scan._pattern_scanner.in_text(t.encode())) for t in texts
    ]


def card(data: bytes) -> None:
    """Mentions lie inside the card, say what stands there, are known in all their words, and come out the same twice."""
    first, _, rest = data.partition(b"\n")
    model_id, text = text_of(first[:80]), text_of(rest)
    reading = read_card(model_id, text)
    for m in reading.mentions:
        assert m.start is not None and m.end is not None
        assert 0 <= m.start < m.end <= len(text) and text[m.start : m.end] == m.matched
        assert m.technique in load_taxonomy().techniques
        assert (
            m.evidence_level in EVIDENCE_LEVELS
            and m.location in LOCATIONS
            and m.form in FORMS
            and m.polarity in POLARITIES
        )
    assert vars(read_card(model_id, text)) == vars(reading)


def config(data: bytes) -> None:
    """Whatever the configuration holds, its type is known or said to be unknown."""
    found = read_adapter_config(text_of(data), load_taxonomy())
    for m in found.mentions:
        assert m.technique in load_taxonomy().techniques


def imports(data: bytes) -> None:
    """Names are text without a gap, in code and in notebooks."""
    text = text_of(data)
    for notebook in (False, True):
        found = read_imports(text, notebook)
        assert all(isinstance(n, str) and n and not n.isspace() for n in (*found.code, *found.examples))


def listing(data: bytes) -> None:
    """An item of the Hub's listing is a row, or a ValueError; no strange id gets in."""
    for item in _json(data):
        try:
            row = parse_model(item)
        except ValueError:
            continue
        assert is_model_id(row.model_id) and ".." not in row.model_id
        assert all(v is None or isinstance(v, str | int | float | bool) for v in row)


def github(data: bytes) -> None:
    """A search answer is read, incomplete, refused or failed."""
    status, body = _answer(data)
    found = read_total(Answer(status, {}, body))
    assert found.status in ("read", "incomplete", "refused", "failed")


def civitai(data: bytes) -> None:
    """A page is rows, or a SourceError that names it."""
    status, body = _answer(data)
    try:
        found = read_page(Answer(status, {}, body), 1)
    except SourceError as error:
        assert "page 1" in error.what
        return
    assert read_record(Page, json.loads(json.dumps(to_json(found))), "store") == found


def _answer(data: bytes) -> tuple[int, bytes]:
    statuses = (200, 200, 200, 400, 403, 404, 422, 429, 500)
    return statuses[data[0] % len(statuses)] if data else 200, data[1:]


def _json(data: bytes) -> list[Any]:
    try:
        found = decode_json(text_of(data))
    except ValueError:
        return []
    return found if isinstance(found, list) else [found]


TARGETS: dict[str, Callable[[bytes], None]] = {
    f.__name__: f for f in (front_matter, locations, names, card, config, imports, listing, github, civitai)
}


@cache
def corpus(name: str) -> tuple[bytes, ...]:
    """Returns the seeds of a target: small inputs written for this project."""
    lines = {
        "front_matter": FRONT, "locations": CARDS, "names": CARDS, "card": tuple("owner/a-lora\n" + c for c in CARDS), "config": CONFIGS,
        "imports": IMPORTS, "listing": ITEMS, "github": tuple("\0" + a for a in ANSWERS), "civitai": tuple("\0" + p for p in PAGES),
    }[name]  # fmt: skip
    return tuple(line.encode() for line in lines)


FRONT = (
    "---\ntags:\n- lora\n- peft\nlibrary_name: peft\n---\n# T",
    "---\nbase_model: &a x\nother: *a\ntags: [lora, 'ia3', 3, null]\n---\n",
    "\ufeff---\r\nlicense: mit\r\n---\r\n",
    "# Title\n\n---\ntags: lora\n---\n",
    "---\na: !!python/object/apply:os.system ['x']\n---\n",
    "---\n? [a, b]\n: {c: d}\n...\n",
)
CARDS = (
    "---\ntags: [lora]\n---\n# LoRA model\n\nTrained with **LoRA** (r=8), not with AdaLoRA.\n\n```python\nfrom peft import LoraConfig\n```\n",
    "| method | score |\n|---|---|\n| QLoRA | 3 |\n\n[a link](https://x.y/lora) `prefix-tuning` <code>IA3</code>\n",
    "Hu et al. LoRA: Low-Rank Adaptation of Large Language Models. arXiv:2106.09685\n\n@misc{a, title={QLoRA}}\n",
    "# DoRA\n\nThis adapter was fine-tuned using DoRA and rsLoRA on top of base/model. No LoRA here.\n",
    "modelo treinado com o LoRA\u202e; обучена с помощью LoRA; 使用LoRA微调\n",
    "~~~\nLoRA\n~~~\n<pre>LoRA</pre>\n\n    LoRA indented\n\nHeading LoRA\n===\n",
)
CONFIGS = (
    '{"peft_type": "LORA", "use_dora": true, "r": 8, "target_modules": ["q"]}',
    '{"peft_type": "IA3"}',
    '{"peft_type": "NOT_YET", "r": 1e400}',
    '{"config": {"architecture": "lora", "r": 8}, "config_id": "x"}',
    '{"architecture": "prefix_tuning"}',
    "[1, 2]",
)
IMPORTS = (
    "from peft import LoraConfig, get_peft_model as g\n",
    "import peft\npeft.LoraConfig(r=1)\n",
    '{"cells": [{"cell_type": "code", "source": ["from peft import IA3Config\\n"]}]}',
    ">>> from peft import (\n...     LoHaConfig,\n... )\n",
    "from peft import *\nfrom peft.tuners.lora import LoraModel\n",
    "import peft as import\nimport.x\nfrom peft.ra import import (\nimport.y\n",  # ran forever once: found by fuzzing
)
ITEMS = (
    '[{"id": "a/b", "sha": "0123", "tags": ["lora"], "downloads": 3, "createdAt": "2024-01-01T00:00:00.000Z", "gated": "auto"}]',
    '[{"id": "../x"}, {"_id": 3}, 5, null, {"modelId": "a/b", "siblings": [{"rfilename": "README.md"}]}]',
    '{"id": "c/d", "lastModified": "yesterday", "likes": -1, "tags": "lora"}',
)
ANSWERS = (
    '{"total_count": 12, "incomplete_results": false, "items": []}',
    '{"total_count": -1, "incomplete_results": 0}',
    '{"message": "API rate limit exceeded"}',
    "<html>",
)
PAGES = (
    '{"items": [{"id": 1, "type": "LORA", "modelVersions": [{"baseModel": "SD 1.5", "createdAt": "2024"}]}], "metadata": {"nextCursor": "2"}}',
    '{"items": [{"id": "1"}, 5, {"id": 2, "type": "DoRA", "stats": 7}], "metadata": {}}',
    '{"items": {}, "metadata": []}',
)
