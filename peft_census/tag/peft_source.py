"""Reads the techniques of a release of ``peft`` from its source, and compares them with the taxonomy.

In: a wheel or a folder with the source of ``peft``, which is parsed and not imported. Out: its types, config classes
and LoRA options, and what the taxonomy lacks. Anything that is not ``peft`` is rejected.
"""

from __future__ import annotations

import ast
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peft_census.errors import BadInputError
from peft_census.tag.techniques import Taxonomy, Technique

_MOST_FILES, _MOST_BYTES = 2_000, 50_000_000
"""Of the files that are read, unpacked: many times those of a release of peft."""

_RELEVANT = re.compile(r"__init__\.py|utils/\w+\.py|tuners/\w+\.py|tuners/\w+/(?:__init__|config|layer)\.py")

_HINT = "give a peft wheel (peft-….whl) or the folder of its source."


@dataclass(frozen=True)
class PeftFacts:
    """The techniques of one release of ``peft``.

    Args:
        version: the release.
        types: members of ``PeftType`` with their config class; None if no call registers one (releases before 0.15).
        lora_switches: fields of ``LoraConfig`` that may select a variant.
        lora_inits: values of ``init_lora_weights``; a prefix ends in ``*``.
    """

    version: str
    types: dict[str, str | None]
    lora_switches: tuple[str, ...]
    lora_inits: tuple[str, ...]


def read_peft(wheel_or_dir: Path) -> PeftFacts:
    """Returns the techniques of the ``peft`` in a wheel or folder.

    Raises:
        BadInputError: the path does not contain ``peft``, or cannot be read.
    """
    sources = _sources(wheel_or_dir)
    trees = {name: _parse(wheel_or_dir, name, text) for name, text in sources.items()}
    version = next((v for n, v in _assignments(trees["__init__.py"]) if n == "__version__"), None)
    enum = next((c for name in sorted(trees) if (c := _class(trees[name], "PeftType"))), None)
    lora = next((c for name in sorted(trees) if "lora" in name and (c := _class(trees[name], "LoraConfig"))), None)
    if version is None or enum is None or lora is None:
        missing_name = "__version__" if version is None else "PeftType" if enum is None else "LoraConfig"
        raise BadInputError(f"{wheel_or_dir}: is not peft: {missing_name} is missing", _HINT)
    classes = dict(_registered(trees.values()))
    fields = dict(_fields(lora))
    layers = [tree for name, tree in trees.items() if name == "tuners/lora/layer.py"]
    inits = sorted({*_words(fields.get("init_lora_weights")), *_compared(layers, "init_lora_weights")})
    return PeftFacts(
        version,
        {member: classes.get(member) for member, _ in _assignments(enum)},
        tuple(name for name, field in fields.items() if _is_switch(name, field)),
        tuple(inits),
    )


def missing(taxonomy: Taxonomy, facts: PeftFacts) -> list[str]:
    """Returns one line for each technique of the release that the taxonomy lacks."""
    return [*_missing_types(taxonomy, facts), *_missing_switches(taxonomy, facts)]


def _missing_types(taxonomy: Taxonomy, facts: PeftFacts) -> Iterator[str]:
    known = {t.peft_type: t for t in taxonomy.techniques.values() if t.kind == "peft_type"}
    for member, config_class in facts.types.items():
        technique = known.get(member)
        if technique is None:
            yield f"peft {facts.version} has the type {member} ({config_class}); no technique has this peft_type."
        elif config_class not in (None, technique.config_class):
            yield (
                f"peft {facts.version} calls the config class of {member} {config_class}; "
                f"technique {technique.id} says {technique.config_class}."
            )
    for technique in known.values():
        if _expected(technique, facts.version) and technique.peft_type not in facts.types:
            yield f"peft {facts.version} has no type {technique.peft_type}; mark technique {technique.id} removed."


def _missing_switches(taxonomy: Taxonomy, facts: PeftFacts) -> Iterator[str]:
    selectors = [t.selector for t in taxonomy.techniques.values() if t.selector]
    keys = {s.key for s in selectors} | taxonomy.ignored_lora_fields
    for name in facts.lora_switches:
        if name not in keys:
            yield (
                f"LoraConfig of peft {facts.version} has the field {name}; "
                "neither a selector nor ignored_lora_fields names it."
            )
    for word in facts.lora_inits:
        plain = word.removesuffix("*")
        covered = any(s.key == "init_lora_weights" and s.accepts(plain) for s in selectors)
        if not covered and plain not in taxonomy.ignored_lora_inits:
            yield (
                f"init_lora_weights of peft {facts.version} takes {word}; "
                "neither a selector nor ignored_lora_inits names it."
            )


def _expected(technique: Technique, version: str) -> bool:
    """Returns whether the release has the technique's type, according to since and removed."""
    since = technique.since is None or _release(technique.since) <= _release(version)
    return since and (technique.removed is None or _release(version) < _release(technique.removed))


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"[0-9]+", version)[:3])


def _sources(path: Path) -> dict[str, str]:
    """Returns the texts of the relevant Python files, by their path inside the package."""
    if path.is_dir():
        places = (path, path / "peft", path / "src" / "peft")
        package = next((p for p in places if (p / "__init__.py").is_file()), None)
        names = [] if package is None else [p.relative_to(package).as_posix() for p in package.rglob("*.py")]
        texts = _read_all(path, names, lambda name: (package or path).joinpath(name).read_bytes())
    elif path.is_file():
        texts = _wheel_sources(path)
    else:
        raise BadInputError(f"{path}: no such file or folder", _HINT)
    if "__init__.py" not in texts:
        raise BadInputError(f"{path}: is not peft: it contains no package of that name", _HINT)
    return texts


def _wheel_sources(path: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(path) as wheel:
            sizes = {
                i.filename.removeprefix("peft/"): i.file_size for i in wheel.infolist() if i.filename[:5] == "peft/"
            }
            names = [name for name in sizes if _RELEVANT.fullmatch(name)]
            if len(names) > _MOST_FILES or sum(sizes[name] for name in names) > _MOST_BYTES:
                raise BadInputError(f"{path}: is too large for a wheel of peft", _HINT)
            return _read_all(path, names, lambda name: wheel.read(f"peft/{name}"))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInputError(f"{path}: is not a wheel: {error}", _HINT) from error


def _read_all(path: Path, names: list[str], read: Callable[[str], bytes]) -> dict[str, str]:
    """Returns the texts of the files to parse: the package's __init__.py, its utilities and its tuners."""
    try:
        return {name: read(name).decode("utf-8") for name in sorted(names) if _RELEVANT.fullmatch(name)}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", _HINT) from error


def _parse(path: Path, name: str, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise BadInputError(f"{path}: {name} is not valid Python: {error}", _HINT) from error


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    return next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)


def _assignments(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yields ``NAME = "text"`` statements."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def _registered(trees: Iterable[ast.Module]) -> Iterator[tuple[str, str]]:
    """Yields type and config class of every ``register_peft_method`` call."""
    for tree in trees:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "register_peft_method"
            ):
                arguments = {k.arg: k.value for k in node.keywords}
                match arguments.get("name"), arguments.get("config_cls"):
                    case ast.Constant(value=str(name)), ast.Name(id=config_class):
                        yield name.upper(), config_class


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.AnnAssign]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement


def _is_switch(name: str, field: ast.AnnAssign) -> bool:
    """Returns whether a field may select a variant: PEFT marks it so, or it is a flag or a configuration."""
    marked = any(isinstance(n, ast.Constant) and n.value == "is_lora_variant" for n in ast.walk(field))
    flag = isinstance(field.annotation, ast.Name) and field.annotation.id == "bool"
    return marked or flag or name.startswith("use_") or name.endswith("_config")


def _words(field: ast.AnnAssign | None) -> Iterator[str]:
    """Yields the values of a field's ``Literal`` annotation; ``pissa_niter_[…]`` becomes ``pissa_niter_*``."""
    if field is None:
        return
    for node in ast.walk(field.annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            head, bracket, _ = node.value.partition("[")
            yield f"{head}*" if bracket else head


def _compared(trees: list[ast.Module], variable: str) -> Iterator[str]:
    """Yields the values that code compares a variable with. Annotations do not list all of them."""
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=str(word))]):
                    if _refers_to(left, variable):
                        yield word
                case ast.Call(func=ast.Attribute(value=left, attr="startswith"), args=[ast.Constant(value=str(word))]):
                    if _refers_to(left, variable):
                        yield f"{word}*"


def _refers_to(node: ast.expr, variable: str) -> bool:
    """Returns whether an expression is the variable, an attribute of that name, or a method call on one."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name == variable:
            return True
        case ast.Call(func=ast.Attribute(value=inner)):
            return _refers_to(inner, variable)
    return False
