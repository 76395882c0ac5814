"""Which names a piece of Python imports from the ``peft`` package.

In: source text, complete or a fragment as a code search returns it (cut anywhere, indented, inside a notebook's JSON).
Out: the names from ``peft`` or one of its modules, by ``from peft… import`` or as ``peft.Name``. Text in comments,
strings and Markdown is not code; ``from .peft import`` and ``from paddlenlp.peft import`` are other packages; doctest
lines are returned separately, as examples.

The text is read with Python's tokenizer. The syntax tree is no use: parsing fails on a fragment.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from peft_census.collect.http.common import decode_json

_ROOT = "peft"
_SKIP = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
_JSON_LINE = re.compile(r'^\s*(?:"source"\s*:\s*\[?\s*)?("(?:[^"\\]|\\.)*")\s*[,\]]*\s*$')
_PROMPT = re.compile(r"^\s*>>> ?")
_MORE = re.compile(r"^\s*\.\.\.(?: |$)")


@dataclass(frozen=True)
class PeftNames:
    """What one text imports from ``peft``.

    Args:
        code: names that the code imports or uses as ``peft.Name``; ``*`` for a star import.
        examples: the same for doctest lines.
        uses_peft: whether the code imports or uses ``peft`` at all.
        cut: whether the text ends inside the brackets of an import, so that names may be missing.
    """

    code: frozenset[str] = frozenset()
    examples: frozenset[str] = frozenset()
    uses_peft: bool = False
    cut: bool = False


def read_imports(text: str, notebook: bool = False) -> PeftNames:
    """Returns what ``text`` imports from ``peft``.

    Args:
        text: Python source or a fragment of it.
        notebook: whether ``text`` is a notebook's JSON or a fragment of it.
    """
    if notebook:
        text = notebook_code(text)
    # The tokenizer rejects half a surrogate pair (a fragment cut inside an emoji).
    code, examples = _split_doctest(text.encode("utf-8", "replace").decode("utf-8"))
    code_reader, example_reader = _Reader(code), _Reader(examples)
    return PeftNames(code_reader.names, example_reader.names, code_reader.uses_peft, code_reader.cut)


def notebook_code(text: str) -> str:
    """Returns the code in a notebook's JSON, or in a fragment of it.

    Of a complete notebook only the code cells are read. A fragment is read line by line: each line of a cell is one
    JSON string. A fragment does not show the types of cells, so its prose is returned as well.
    """
    try:
        cells = decode_json(text)["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
        return "\n".join("".join(s) for s in sources)
    except (ValueError, KeyError, TypeError):
        pieces = []
    for line in text.splitlines():
        found = _JSON_LINE.match(line)
        if not found:
            continue
        try:
            pieces.append(json.loads(found[1], strict=False).rstrip("\n"))
        except ValueError:
            continue  # not a JSON string (a cut escape)
    return "\n".join(pieces)


def _split_doctest(text: str) -> tuple[str, str]:
    """Returns the code and the doctest lines of ``text``, the latter without their prompts."""
    code: list[str] = []
    examples: list[str] = []
    prompted = False
    for line in text.splitlines():
        prompt = _PROMPT.match(line) or (prompted and _MORE.match(line))
        prompted = bool(prompt)
        (examples if prompt else code).append(line[prompt.end() :] if prompt else line)
    return "\n".join(code), "\n".join(examples)


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """Yields the tokens of ``text`` and continues after a line that Python's tokenizer rejects.

    Indentation is removed first: a fragment begins anywhere, and imports do not depend on it. A line with a
    back-quote outside strings is Markdown or reStructuredText, never Python 3; its tokens are dropped.
    """
    lines = [line.lstrip() for line in text.splitlines()]
    first = 0
    while first < len(lines):
        rest = io.StringIO("\n".join(lines[first:]) + "\n")
        held: list[tokenize.TokenInfo] = []
        bad: int | None = None
        try:
            for token in tokenize.generate_tokens(rest.readline):
                # A back-quote is an operator for Python 3.12 and later, an error for earlier versions.
                if token.string == "`" or (token.type == tokenize.ERRORTOKEN and not token.string.isspace()):
                    bad = token.start[0]
                    break
                held.append(token)
        except tokenize.TokenError as error:
            bad = error.args[1][0]
        except SyntaxError as error:
            bad = error.lineno or 1
        if bad is None:
            yield from held
            return
        if bad > len(lines) - first:  # the text ends inside brackets: everything before was read
            yield from held
            return
        yield from (t for t in held if t.end[0] < bad or (t.start[0] < bad and t.type != tokenize.ENDMARKER))
        if "`" not in lines[first + bad - 1]:
            yield from (t for t in held if t.start[0] == bad)
        yield tokenize.TokenInfo(tokenize.NEWLINE, "", (bad, 0), (bad, 0), "")
        first += bad


class _Reader:
    """Reads the tokens of one text twice: first imports, then ``module.Name`` chains."""

    def __init__(self, text: str) -> None:
        self._tokens = [t for t in _tokens(text) if t.type not in _SKIP] if _ROOT in text else []
        self._found: set[str] = set()
        self._modules: set[str] = set()
        self._foreign: set[str] = set()
        self.uses_peft = False
        self.cut = False
        self._imports()
        # A fragment seldom shows `import peft`: the name `peft` means the package unless another import binds it.
        if _ROOT not in self._foreign:
            self._modules.add(_ROOT)
        self._chains()
        self.names = frozenset(self._found)

    def _word(self, i: int) -> str:
        return self._tokens[i].string if 0 <= i < len(self._tokens) else ""

    def _is_name(self, i: int) -> bool:
        return 0 <= i < len(self._tokens) and self._tokens[i].type == tokenize.NAME

    def _dotted(self, i: int) -> tuple[str, int]:
        """Returns the dotted name at token ``i``, leading dots included, and the index after it."""
        parts = []
        while self._word(i) in (".", "..."):
            parts.append(self._word(i))
            i += 1
        while self._is_name(i) and self._word(i) != "import":
            parts.append(self._word(i))
            i += 1
            if self._word(i) != ".":
                break
            parts.append(".")
            i += 1
        return "".join(parts), i

    def _imports(self) -> None:
        i = 0
        while i < len(self._tokens):
            if self._is_name(i) and self._word(i) == "from":
                module, after = self._dotted(i + 1)
                i = self._from_import(module, after + 1) if self._word(after) == "import" else i + 1
            elif self._is_name(i) and self._word(i) == "import":
                i = self._plain_import(i + 1)
            else:
                i += 1

    def _alias(self, i: int, name: str) -> tuple[str, int]:
        if self._word(i) == "as" and self._is_name(i + 1):
            return self._word(i + 1), i + 2
        return name, i

    def _from_import(self, module: str, i: int) -> int:
        ours = module == _ROOT or module.startswith(_ROOT + ".")
        self.uses_peft |= ours
        bracket = self._word(i) == "("
        i += bracket
        while i < len(self._tokens):
            if self._word(i) == "*" and ours:
                self._found.add("*")
            if not self._is_name(i):
                break
            name = self._word(i)
            bound, i = self._alias(i + 1, name)
            if ours:
                self._found.add(name)
                self._bind_below(name, bound)
            elif bound == _ROOT:
                self._foreign.add(bound)
            if self._word(i) != ",":
                break
            i += 1
        self.cut |= ours and bracket and self._word(i) != ")"
        return i

    def _bind_below(self, name: str, bound: str) -> None:
        """Records a module imported from ``peft`` (``from peft.tuners import lora``); module names are lower case."""
        if name.islower():
            self._modules.add(bound)

    def _plain_import(self, i: int) -> int:
        while self._is_name(i):
            module, i = self._dotted(i)
            top = module.split(".")[0]
            bound, i = self._alias(i, top)
            if top == _ROOT:
                self.uses_peft = True
                self._modules.add(bound)
            elif bound == _ROOT:
                self._foreign.add(bound)
            if self._word(i) != ",":
                break
            i += 1
        return i

    def _chains(self) -> None:
        i = 0
        while i < len(self._tokens):
            start = self._is_name(i) and self._word(i) in self._modules and self._word(i - 1) not in (".", "...")
            if not start or self._word(i + 1) != "." or self._word(i - 1) in ("import", "from"):
                i += 1
                continue
            self.uses_peft = True
            chain, after = self._dotted(i)
            i = max(after, i + 1)  # a module bound to the word `import` is not a chain
            parts = [p for p in chain.split(".")[1:] if p]
            # peft.tuners.lora.LoraConfig and peft.LoraConfig.from_pretrained both use the class.
            classes = [p for p in parts if p.lstrip("_")[:1].isupper()]
            self._found.update(classes[:1] or parts[-1:])
