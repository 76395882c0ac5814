"""The import parser, on literal texts and on the 393 real blocks."""

from __future__ import annotations

import ast
import hashlib
import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import SHARED

from peft_census.collect.github.imports import notebook_code, read_imports

EXPECTED = Path(__file__).parents[1] / "data" / "import_blocks.json"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from peft import LoraConfig", {"LoraConfig"}),
        ("from peft import get_peft_model, LoraConfig as L", {"get_peft_model", "LoraConfig"}),
        ("from peft import (\n    LoraConfig,  # the usual one\n    IA3Config,\n)", {"LoraConfig", "IA3Config"}),
        ("from peft import LoraConfig, \\\n    IA3Config", {"LoraConfig", "IA3Config"}),
        ("from peft.tuners.lora.config import EvaConfig", {"EvaConfig"}),
        ("from peft import *", {"*"}),
        ("import peft\ncfg = peft.LoraConfig(r=8)", {"LoraConfig"}),
        ("import peft as p\ncfg = p.LoHaConfig()", {"LoHaConfig"}),
        ("import os, peft as p\np.LoHaConfig()", {"LoHaConfig"}),
        ("cfg = peft.tuners.lora.LoraConfig.from_pretrained(x)", {"LoraConfig"}),
        ("from peft.tuners import lora\nlora.LoraConfig()", {"lora", "LoraConfig"}),
        ("x = 1; from peft import LoraConfig; y = 2", {"LoraConfig"}),
        ("if a: from peft import LoraConfig", {"LoraConfig"}),
        ("peft . LoraConfig ( )", {"LoraConfig"}),
    ],
)
def test_code_is_read(text: str, names: set[str]) -> None:
    """Every way of taking a name from peft is seen, under the name's own spelling."""
    assert read_imports(text).code == names


@pytest.mark.parametrize(
    "text",
    [
        "from .peft import LoraConfig",
        "from ..peft.tuners import LoraConfig",
        "from paddlenlp.peft import LoRAConfig",
        "from unsloth_zoo.peft_utils import LoraConfig",
        "from PEFT import LoraConfig",
        "from peft_utils import LoraConfig",
        "# from peft import LoraConfig",
        's = "from peft import LoraConfig"',
        '"""\nfrom peft import LoraConfig\n"""',
        "Write `from peft import LoraConfig` first.",
        "self.peft.LoraConfig()",
        "from paddlenlp import peft\npeft.LoraConfig()",
        "import paddlenlp.peft as peft\npeft.LoraConfig()",
        "my_peft.LoraConfig()",
    ],
)
def test_lookalikes_are_not_read(text: str) -> None:
    """Other packages, comments, strings and prose give no names."""
    assert not read_imports(text).code


def test_doctest_lines_are_kept_apart() -> None:
    """A doctest line is an example, with its continuation lines, and not code."""
    found = read_imports(">>> from peft import (\n...     LoraConfig,\n... )\nfrom peft import IA3Config")
    assert found.examples == {"LoraConfig"}
    assert found.code == {"IA3Config"}


def test_a_cut_import_says_so() -> None:
    """A fragment that ends inside an import's brackets gives what it shows and is marked."""
    found = read_imports("    from peft import (\n        AdaLoraConfig,\n        IA3Con")
    assert "AdaLoraConfig" in found.code
    assert found.cut
    assert not read_imports("from peft import (LoraConfig)").cut


@pytest.mark.parametrize(
    "before",
    [
        "'unclosed string",
        "x = (1,",
        "%pip install peft",
        "!pip install 'peft",
        ")",
        "        dedent\n    this",
        "x = 0777 $ ?",
    ],
)
def test_reading_goes_on_after_a_broken_line(before: str) -> None:
    """A line that is not Python costs no import on the lines after it."""
    assert read_imports(f"{before}\nfrom peft import LoraConfig\n").code == {"LoraConfig"}


def test_notebooks_are_read_whole_and_in_fragments() -> None:
    """The code of a notebook is found in its JSON, also when the JSON is cut on both sides."""
    cell = {"cell_type": "code", "source": ["import peft\n", "peft.IA3Config()"]}
    prose = {"cell_type": "markdown", "source": ["from peft import LoraConfig"]}
    whole = json.dumps({"cells": [cell, prose]})
    assert read_imports(whole, notebook=True).code == {"IA3Config"}
    lines = ["from peft import (\n", "  LoraConfig, get_peft_model\n", ")\n", '# a"b']
    fragment = 'rc": [\n' + ",\n".join(f"    {json.dumps(line)}" for line in lines) + '\n  ], "out'
    assert read_imports(fragment, notebook=True).code == {"LoraConfig", "get_peft_model"}
    assert notebook_code('"\\ud83"') == ""
    assert read_imports('"from peft import LoraConfig  # \\ud83d"', notebook=True).code == {"LoraConfig"}


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="fromipetLCg .,()*\n\t\\'\"#`>=:\0é", max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    """No text makes the parser fail."""
    read_imports(f"from peft import LoraConfig\n{text}\npeft.X")
    read_imports(text, notebook=True)


def _from_syntax_tree(text: str) -> set[str] | None:
    """Reads imports and ``peft.Name`` the other way, through the syntax tree; None where that fails."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return None
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "peft":
            found |= {a.name for a in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "peft":
            found.add(node.attr)
    return found


def _blocks() -> list[str]:
    file = SHARED / "real" / "imports.txt"
    if not file.is_file():
        pytest.skip("the real import blocks are not at hand; they stay out of the repository")
    return file.read_text(encoding="utf-8").rstrip("\n").split("\n----\n")


def test_all_real_blocks_are_right() -> None:
    """Each of the 393 real blocks gives the names written down for it, known by the block's SHA-256."""
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    wrong = []
    blocks = _blocks()
    for block in blocks:
        found = read_imports(block)
        said = {"code": sorted(found.code), "examples": sorted(found.examples), "uses_peft": found.uses_peft}
        if said != expected[hashlib.sha256(block.encode()).hexdigest()]:
            wrong.append((block, said))
    assert (len(blocks), wrong) == (393, [])


def test_the_syntax_tree_agrees_where_it_can_read() -> None:
    """On the real blocks that Python can parse, tokenizer and syntax tree find the same names."""
    pairs = [(read_imports(b).code, _from_syntax_tree(b)) for b in _blocks()]
    parsed = [(tokens, tree) for tokens, tree in pairs if tree is not None]
    assert len(parsed) > 300
    assert all(tokens == tree for tokens, tree in parsed)


def test_the_expected_results_hold_no_text() -> None:
    """The expected results are keyed by hash and hold identifiers only."""
    for key, said in json.loads(EXPECTED.read_text(encoding="utf-8")).items():
        assert len(key) == 64
        assert all(n == "*" or n.isidentifier() for n in said["code"] + said["examples"])
