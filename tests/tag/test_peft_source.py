"""PEFT's source: a small artificial peft, the installed one if there is one, and input that is not peft."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

from peft_census.errors import BadInputError
from peft_census.tag.peft_source import missing, read_peft
from peft_census.tag.taxonomy import load_taxonomy, read_taxonomy
from peft_census.tag.techniques import Taxonomy

PEFT = {
    "__init__.py": '__version__ = "1.2.3"\n',
    "utils/peft_types.py": """
import enum

class PeftType(str, enum.Enum):
    LORA = "LORA"
    ROAD = "ROAD"
""",
    "tuners/road/__init__.py": """
if True:
    register_peft_method(name="road", config_cls=RoadConfig, model_cls=RoadModel)
""",
    "tuners/lora/__init__.py": 'register_peft_method(name="lora", config_cls=LoraConfig, model_cls=LoraModel)\n',
    "tuners/lora/config.py": """
class LoraConfig(PeftConfig):
    r: int = field(default=8)
    use_dora: bool = field(default=False)
    init_lora_weights: bool | Literal["gaussian", "pissa", "pissa_niter_[number of iters]"] = field(default=True)
    loftq_config: dict = field(default_factory=dict)
    invocation: Optional[list] = field(default=None, metadata={"is_lora_variant": True})
""",
    "tuners/lora/layer.py": """
def start(init_lora_weights, config):
    if init_lora_weights.lower() == "eva" or config.init_lora_weights.startswith("corda"):
        return
    if other == "nothing":
        return
""",
}

TECHNIQUES = """
ignored_lora_fields = ["loftq_config"]
ignored_lora_inits = ["gaussian"]

[[technique]]
id = "lora"
name = "LoRA"
kind = "peft_type"
family = "low-rank adapter"
peft_type = "LORA"
config_class = "LoraConfig"
aliases = ["LoRA"]
year = 2021
since = "0.0.1"

[[technique]]
id = "road"
name = "RoAd"
kind = "peft_type"
family = "orthogonal"
peft_type = "ROAD"
config_class = "RoadConfig"
aliases = ["RoAd"]
year = 2024
since = "0.18.0"
"""

VARIANTS = {"dora": "use_dora = true", "pissa": "init_lora_weights = pissa*", "eva": "init_lora_weights = eva"}
VARIANTS |= {"corda": "init_lora_weights = corda", "alora": "invocation = set"}


def tree(folder: Path, **changes: str) -> Path:
    """Writes the artificial peft below ``folder``; a change replaces the text of the file with that ending."""
    for name, text in PEFT.items():
        path = folder / "peft" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changes.get(path.stem, text) if path.stem != "__init__" else text, encoding="utf-8")
    return folder


def taxonomy(folder: Path, *without: str, more: str = "") -> Taxonomy:
    """Returns a taxonomy with all techniques of the artificial peft, except those in ``without``."""
    entries = "".join(
        f'[[technique]]\nid = "{name}"\nname = "{name}"\nkind = "variant"\nvariant_of = "lora"\nfamily = "f"\n'
        f'selector = "{selector}"\naliases = ["{name}"]\nyear = 2024\n\n'
        for name, selector in VARIANTS.items()
        if name not in without
    )
    path = folder / "techniques.toml"
    path.write_text(f"{TECHNIQUES}\n{entries}\n{more}", encoding="utf-8")
    return read_taxonomy(path)


def test_facts_of_a_source_tree(tmp_path: Path) -> None:
    """Version, types, config classes, switches and initializations are read without importing anything."""
    facts = read_peft(tree(tmp_path))
    assert facts.version == "1.2.3"
    assert facts.types == {"LORA": "LoraConfig", "ROAD": "RoadConfig"}
    assert facts.lora_switches == ("use_dora", "loftq_config", "invocation")
    assert facts.lora_inits == ("corda*", "eva", "gaussian", "pissa", "pissa_niter_*")


def test_folder_and_wheel_say_the_same(tmp_path: Path) -> None:
    """The parent folder, the package folder, a checkout with src/ and a wheel give equal facts."""
    facts = read_peft(tree(tmp_path))
    wheel = tmp_path / "peft-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in PEFT.items():
            archive.writestr(f"peft/{name}", text)
    assert read_peft(wheel) == read_peft(tmp_path / "peft") == facts
    assert read_peft(tree(tmp_path / "checkout" / "src").parent) == facts


@pytest.mark.parametrize("files", [{"utils/big.py": 60_000_000}, {f"tuners/t{i}.py": 1 for i in range(2_100)}])
def test_a_wheel_that_unpacks_to_too_much_is_refused(tmp_path: Path, files: dict[str, int]) -> None:
    """Neither many files nor a few kilobytes that unpack to many megabytes are read."""
    wheel = tmp_path / "peft-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in PEFT.items():
            archive.writestr(f"peft/{name}", text)
        for name, size in files.items():
            archive.writestr(f"peft/{name}", b"#" * size)
    with pytest.raises(BadInputError, match="too large"):
        read_peft(wheel)


def test_nothing_is_missing(tmp_path: Path) -> None:
    """A complete taxonomy lacks nothing."""
    assert missing(taxonomy(tmp_path), read_peft(tree(tmp_path))) == []


def test_a_new_type_is_reported(tmp_path: Path) -> None:
    """A member of PeftType without a technique is reported."""
    types = PEFT["utils/peft_types.py"] + '    SUNRISE = "SUNRISE"\n'
    lines = missing(taxonomy(tmp_path), read_peft(tree(tmp_path, peft_types=types)))
    assert len(lines) == 1 and "SUNRISE" in lines[0] and "1.2.3" in lines[0]


def test_a_dropped_type_is_reported(tmp_path: Path) -> None:
    """A type that the release does not contain must be marked as removed."""
    facts = read_peft(tree(tmp_path, peft_types='class PeftType:\n    LORA = "LORA"\n'))
    assert [line for line in missing(taxonomy(tmp_path), facts) if "ROAD" in line]
    marked = taxonomy(tmp_path)
    text = (
        (tmp_path / "techniques.toml")
        .read_text(encoding="utf-8")
        .replace('since = "0.18.0"', 'since = "0.18.0"\nremoved = "1.2.0"')
    )
    (tmp_path / "techniques.toml").write_text(text, encoding="utf-8")
    marked = read_taxonomy(tmp_path / "techniques.toml")
    assert missing(marked, facts) == []


def test_an_older_release_lacks_nothing(tmp_path: Path) -> None:
    """A type is not expected in a release before its first one."""
    more = TECHNIQUES[TECHNIQUES.index('[[technique]]\nid = "road"') :].replace("road", "dawn").replace("ROAD", "DAWN")
    more = more.replace("RoadConfig", "DawnConfig").replace("RoAd", "Dawn").replace("0.18.0", "9.0.0")
    assert missing(taxonomy(tmp_path, more=more), read_peft(tree(tmp_path))) == []


def test_another_config_class_is_reported(tmp_path: Path) -> None:
    """A config class with another name than in the taxonomy is reported."""
    folder = tree(tmp_path)
    door = folder / "peft" / "tuners" / "road" / "__init__.py"
    door.write_text('register_peft_method(name="road", config_cls=RoadsConfig, model_cls=M)\n', encoding="utf-8")
    lines = missing(taxonomy(tmp_path), read_peft(folder))
    assert len(lines) == 1 and "RoadsConfig" in lines[0] and "RoadConfig" in lines[0]


@pytest.mark.parametrize("name", ["dora", "pissa", "eva", "corda", "alora"])
def test_a_switch_without_a_technique_is_reported(tmp_path: Path, name: str) -> None:
    """A field or value of LoraConfig that neither a selector nor an ignore list covers is reported."""
    lines = missing(taxonomy(tmp_path, name), read_peft(tree(tmp_path)))
    assert lines and all(VARIANTS[name].split(" = ")[0] in line for line in lines)


def test_not_peft(tmp_path: Path) -> None:
    """An empty folder, another package, a text file, a truncated wheel and a missing path are rejected with a hint."""
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "__init__.py").write_text('__version__ = "1.0"\n', encoding="utf-8")
    text = tmp_path / "notes.whl"
    text.write_text("no wheel", encoding="utf-8")
    foreign = tmp_path / "foreign.whl"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("numpy/__init__.py", "")
    cut = tmp_path / "cut.whl"
    cut.write_bytes(foreign.read_bytes()[:20])
    for path in (tmp_path / "empty", other, text, foreign, cut, tmp_path / "nothing"):
        with pytest.raises(BadInputError) as caught:
            read_peft(path)
        assert str(path) in caught.value.what and caught.value.hint


def test_broken_python_is_an_error(tmp_path: Path) -> None:
    """The error names the file that does not parse."""
    with pytest.raises(BadInputError, match=r"config\.py is not valid Python"):
        read_peft(tree(tmp_path, config="class LoraConfig(:\n"))


def test_the_installed_peft_lacks_nothing() -> None:
    """The bundled taxonomy contains every technique of the installed peft."""
    spec = importlib.util.find_spec("peft")
    if spec is None or spec.origin is None:
        pytest.skip("peft is not installed; `peft-census techniques --check WHEEL` does the same for a wheel")
    assert missing(load_taxonomy(), read_peft(Path(spec.origin).parent)) == []
