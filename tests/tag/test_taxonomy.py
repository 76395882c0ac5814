"""The taxonomy: the bundled file, the names in it, and the errors for a broken file."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_disambiguation import decide

from peft_census.errors import TaxonomyError
from peft_census.snapshot.manifest import TechniqueFacts, root_of
from peft_census.tag import load_taxonomy, read_card
from peft_census.tag.disambiguation import AcceptedCandidate
from peft_census.tag.taxonomy import read_taxonomy
from peft_census.tag.techniques import Alias, normal_form

TAXONOMY = load_taxonomy()

PEFT_0_21_2 = """
ADALORA ADAMSS ADAPTION_PROMPT BEFT BOFT C3A CARTRIDGE CPT DEFT DELORA FOURIERFT FROD GLORA GRALORA HIRA HRA IA3 LILY
LN_TUNING LOHA LOKR LORA MISS MULTITASK_PROMPT_TUNING OFT OSF PEANUT POLY PREFIX_TUNING PROMPT_TUNING PSOFT PVERA
P_TUNING RANDLORA ROAD SHADOW SHIRA SUPERTUNING TINYLORA TRAINABLE_TOKENS UNILORA VBLORA VERA WAVEFT XLORA
""".split()


def named(text: str) -> set[str]:
    """Returns the techniques that a card with this text mentions."""
    return {m.technique for m in read_card("acme/zebra", text).mentions}


def test_every_type_of_peft_has_one_technique() -> None:
    """The 45 types of PEFT 0.21.2 and the removed BONE each belong to exactly one technique."""
    types = [t.peft_type for t in TAXONOMY.techniques.values() if t.kind == "peft_type"]
    assert sorted(t for t in types if t) == sorted([*PEFT_0_21_2, "BONE"])
    assert TAXONOMY.techniques["bone"].removed == "0.19.0"


def test_conditioning_modules_are_no_techniques() -> None:
    """ControlNet, IP-Adapter, T2I-Adapter and DreamBooth are not in the taxonomy: they tune nothing by themselves."""
    assert not {"controlnet", "ip_adapter", "t2i_adapter", "dreambooth"} & set(TAXONOMY.techniques)
    assert named("Works with ControlNet, IP-Adapter and T2I-Adapter; trained with DreamBooth.") == set()


@pytest.mark.parametrize(
    ("technique", "root"),
    [
        ("lora", "lora"),
        ("dora", "lora"),
        ("qdora", "lora"),
        ("qlora", "lora"),
        ("locon", "lora"),
        ("ic_lora", "lora"),
        ("adalora", "adalora"),
        ("vera", "vera"),
        ("mad_x", "bottleneck_adapter"),
        ("galore", "galore"),
    ],
)
def test_root_follows_variants(technique: str, root: str) -> None:
    """The root of a variant of LoRA is LoRA; a technique that is not a variant is its own root."""
    assert root_of(technique, TAXONOMY.techniques) == root


def test_facts_for_the_manifest() -> None:
    """The manifest keeps name, kind, family, type and dates of every technique."""
    facts = TAXONOMY.facts()
    assert list(facts) == list(TAXONOMY.techniques)
    assert facts["dora"] == TechniqueFacts(
        name="DoRA",
        kind="variant",
        variant_of="lora",
        selector="use_dora = true",
        family="low-rank adapter",
        year=2024,
        paper_month="2024-02",
        released="2024-02-28",
    )


def test_every_disambiguation_rule_is_used() -> None:
    """Every rule in the file belongs to an alias."""
    used = {a.disambiguation_rule for t in TAXONOMY.techniques.values() for a in t.aliases if a.disambiguation_rule}
    assert used == set(TAXONOMY.disambiguation_rules)


def test_every_technique_can_be_found() -> None:
    """Every technique has a name, and every variant a selector or a note that it leaves no trace."""
    for technique in TAXONOMY.techniques.values():
        assert technique.aliases, technique.id
        if technique.kind == "variant":
            assert technique.selector or "no trace" in (technique.note or ""), technique.id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # LoRA and its recipes
        ("Fine-tuned with LoRAs of rank 16.", {"lora"}),
        ("LoRA微调 的权重", {"lora"}),
        ("Weights from low-rank adaptation.", {"lora"}),
        ("trained with qLoRA", {"qlora"}),
        ("trained with Q-LoRa on one GPU", {"qlora"}),
        ("AdaLoRA keeps a rank budget.", {"adalora"}),
        ("use_dora=True, use_rslora=True", {"dora", "rslora"}),
        ("tags:\n- lora\n- dora\n", {"lora", "dora"}),
        ("tags:\n- text-to-image\n- dora\n- template:sd-lora\n", {"lora", "dora"}),
        ("This is a DoRA adapter.", {"dora"}),
        ("Merged from a QDoRA run.", {"qdora"}),
        ("QLoRA (4-bit NF4) with DoRA, rsLoRA, LoRA+ and NEFTune", {"qlora", "dora", "rslora", "lora_plus"}),
        ("loraplus_lr_ratio: 16", {"lora_plus"}),
        ('init_lora_weights="pissa_niter_4"', {"lora", "pissa"}),
        ('init_lora_weights="eva"', {"lora", "eva"}),
        ('init_lora_weights = "orthogonal"', {"lora", "orthogonal_init"}),
        ("LoRA-GA initialises from the gradient.", {"lora_ga"}),
        ("QA-LoRA: quantization-aware low-rank adaptation", {"qalora"}),
        ("Variants: PiSSA, EVA and CorDA.", {"pissa", "eva", "corda"}),
        ("Load the LCM-LoRA for four steps.", {"lcm_lora"}),
        ("In-Context LoRA (IC-LoRA) for FLUX", {"ic_lora"}),
        ("Control-LoRA for canny edges", {"control_lora"}),
        ("LongLoRA with shifted attention", {"longlora"}),
        ("Adapters that wait for alora_invocation_tokens", {"alora"}),
        # other types
        ("VeRA adapters share their projections.", {"vera"}),
        ("VB-LoRA, X-LoRA (a mixture of experts) and RandLoRA", {"vblora", "xlora", "randlora"}),
        ("Compared with LoRA, IA3, VeRA and BOFT", {"lora", "ia3", "vera", "boft"}),
        ("tuned by (IA)^3", {"ia3"}),
        ("LyCORIS with the algo LoHa", {"lycoris", "loha"}),
        ('{"algo": "lokr"}', {"lokr"}),
        ('{"algo": "oft"}', {"oft"}),
        ("OFT (orthogonal fine-tuning) with block size 4", {"oft"}),
        ("We trained with MiSS, a PEFT method.", {"miss"}),
        ('"peft_type": "MISS"', {"miss"}),
        ('"peft_type": "ROAD", "r": 8', {"road"}),
        ("RoAd is a parameter-efficient method.", {"road"}),
        ("Compared: DoRA, Lily, MiSS", {"dora", "lily", "miss"}),
        ("SHiRA adapters are sparse.", {"shira"}),
        ("| name | peft_type |\n|---|---|\n| one | ROAD |\n", {"road"}),
        ("We like Super-Tuning, a PEFT method.", {"supertuning"}),
        ("Numbers for SSF, VPT and GLoRA", {"ssf", "visual_prompt_tuning", "glora"}),
        ("LN-tuning updates the norms; layernorm tuning is cheap.", {"ln_tuning"}),
        ("FourierFT and WaveFT", {"fourierft", "waveft"}),
        ("Prefix_tuning, P-Tuning and Ptuning", {"prefix_tuning", "p_tuning"}),
        ("ChatGLM with P-Tuning v2", {"p_tuning_v2"}),
        ("Prompt tuning with 20 virtual tokens", {"prompt_tuning"}),
        ("improves the ability of the model to be used for prompt tuning", {"prompt_tuning"}),
        ("multi-task prompt tuning", {"multitask_prompt_tuning"}),
        ("context-aware prompt tuning (CPT)", {"cpt"}),
        ("LLaMA-Adapter with zero-init attention", {"llama_adapter"}),
        # outside PEFT
        ("tags:\n- adapter-transformers\n- adapterhub:sts/mrpc\n", {"bottleneck_adapter"}),
        ('adapter_config="pfeiffer"', {"bottleneck_adapter"}),
        ("customise it by PEFT (P-tuning, Adapters, LoRA and more)", {"p_tuning", "bottleneck_adapter", "lora"}),
        ("BitFit trains the biases only.", {"bitfit"}),
        ("the `<cat>` concept taught to Stable Diffusion via Textual Inversion", {"textual_inversion"}),
        ("A hypernetwork for the webui of Stable Diffusion", {"hypernetwork"}),
        ("LoReFT interventions", {"reft"}),
        ("GaLore 全参微调", {"galore"}),
        ("optim: galore_adamw", {"galore"}),
        ("Trained using Spectrum on the top layers by signal-to-noise ratio.", {"spectrum"}),
        ("serving thousands of adapters with S-LoRA and Punica", {"s_lora", "punica"}),
    ],
)
def test_names_that_count(text: str, expected: set[str]) -> None:
    """Texts that mean a technique name it, and no other technique."""
    assert named(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An exploration of floral patterns", set()),
        ("LoRaWAN gateways and LoRa nodes at 868 MHz", set()),
        ("My name is Lora.", set()),
        ("Dora the Explorer asks a question.", set()),
        ("A LoRA of Dora in a park.", {"lora"}),
        ("Anna's LoRA", {"lora"}),
        ("o LoRA foi treinado", {"lora"}),
        ("entrenamiento de LoRA", {"lora"}),
        ("a tiny LoRA for pixel art", {"lora"}),
        ("a long LoRA of 32 MB", {"lora"}),
        ("a medical QA LoRA", {"lora"}),
        ("Use the slider to control LoRA strength.", {"lora"}),
        ("Twitter/X LoRA of a bird", {"lora"}),
        ("a Mixtral MoE LoRA", {"lora"}),
        ("whisper-lora-fa for Persian", {"lora"}),
        ("vLLM supports dynamic LoRA loading.", {"lora"}),
        ("the activated LoRAs of the pipeline", {"lora"}),
        ("Headings in Lora, text in Merriweather.", set()),
        ("El castillo de Álora", set()),
        (
            '{"use_rslora": false, "use_dora": false, "lora_ga_config": null, "qalora_group_size": 16, "r": 8}',
            {"lora", "rslora", "dora"},
        ),
        ("Super tuning of the block weights of this LoRA", {"lora"}),
        ("LN tuning, that is, on the logarithm of the price", set()),
        ("Small-scale fisheries (SSF)", set()),
        ("VPT, the Minecraft agent", set()),
        ("LoRA plus a full prompt", {"lora"}),
        ("Það er oft gott að vera heima.", set()),
        ("postupy a jejich úloha", set()),
        ("Miss Fortune walked down Hills Road with Lily, Vera and Eva.", set()),
        ("back-bone of bones", set()),
        ("EVA-CLIP is the vision encoder; LoRA was used.", {"lora"}),
        ("A LoRA of EVA Unit-01", {"lora"}),
        ("Lily LoRA, trigger word lily", {"lora"}),
        ("ia1 ia2 ia3 ia4", set()),
        ("La intel·ligència artificial (IA) avança", set()),
        ("OpenVLA-OFT is optimized fine-tuning with LoRA.", {"lora"}),
        ("CPT (continued pre-training) on Korean", set()),
        ("We did prompt tuning and polishing of the wording.", set()),
        ("Good prompt engineering and prompt tuning help a T5.", set()),
        ("Number of trainable tokens: 12345", set()),
        ("data on osf.io and at the OSF; LoRA weights there too", {"lora"}),
        ("OpenAI's Sora makes videos.", set()),
        ("Chisato from Lycoris Recoil, a LoRA", {"lora"}),
        ("library_name: adapter-transformers", set()),
        ("author = {Pfeiffer, Jonas and Houlsby, Neil}", set()),
        ("# Load LoRA adapters\nmodel.load()", {"lora"}),
        ("bargains galore in our shop", set()),
        ("LISA reasons about segmentation masks.", set()),
        ("the spectrum of light and a Spectrum of colours", set()),
        ("ReFT: reasoning with reinforced fine-tuning", set()),
        ("a custom diffusion model", set()),
        ("MLX adapter fusion of a LoRA", {"lora"}),
        ("adjust top-p tuning", set()),
        ("instrumento de cordas; una mica igual; 50 kronor; mora timing", set()),
    ],
)
def test_names_that_do_not_count(text: str, expected: set[str]) -> None:
    """Ordinary words, people, other acronyms and other languages name no technique."""
    assert named(text) == expected


def test_selector_reads_a_configuration() -> None:
    """A selector matches only its value; null, false and empty keys of new releases match nothing."""
    shown = {t.id: t.selector for t in TAXONOMY.techniques.values() if t.selector}
    config = {"use_dora": True, "init_lora_weights": "pissa_niter_4", "arrow_config": None, "eva_config": {"rho": 2.0}}
    assert {t for t, s in shown.items() if s.matches(config)} == {"dora", "pissa"}
    empty = {"use_dora": False, "init_lora_weights": True, "velora_config": {}, "alora_invocation_tokens": []}
    assert not any(s.matches(empty) for s in shown.values())
    assert shown["alora"].matches({"alora_invocation_tokens": [1, 2]})


def test_two_names_with_one_normal_form_are_the_same_name() -> None:
    """Case, separators and punctuation do not distinguish names; a plus sign does."""
    assert normal_form("P-Tuning v2") == normal_form("ptuning_V2") == "ptuningv2"
    assert normal_form("LoRA+") != normal_form("LoRA")


GOOD = """
[disambiguation_rule.nearby]
why = "a word"
window = 20
near = 'peft'

[[technique]]
id = "lora"
name = "LoRA"
kind = "peft_type"
family = "low-rank adapter"
peft_type = "LORA"
config_class = "LoraConfig"
aliases = ["LoRA", { text = "Lora", case = true, disambiguation_rule = "nearby" }]
arxiv = ["2106.09685"]
title = "LoRA: Low-Rank Adaptation of Large Language Models"
year = 2021
since = "0.0.1"

[[technique]]
id = "dora"
name = "DoRA"
kind = "variant"
variant_of = "lora"
family = "low-rank adapter"
selector = "use_dora = true"
aliases = ["DoRA"]
year = 2024
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "techniques.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """A valid file gives its techniques in order, and its own hash."""
    taxonomy = read_taxonomy(written(tmp_path, GOOD))
    assert list(taxonomy.techniques) == ["lora", "dora"]
    assert taxonomy.techniques["lora"].aliases == (
        Alias("LoRA"),
        Alias("Lora", case=True, disambiguation_rule="nearby"),
    )
    assert len(taxonomy.sha256) == 64 and taxonomy.sha256 != TAXONOMY.sha256


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('id = "dora"', "id = dora", "not valid TOML"),
        ("year = 2024", "year = 2024\ncolour = 'red'", "technique dora: colour: Unexpected"),
        ("[[technique]]", "[rules]\n[[technique]]", "rules: Unexpected"),
        ('name = "DoRA"\n', "", "technique dora: name: Field required"),
        ("year = 2024", 'year = "2024"', "technique dora: year: Input should be a valid integer"),
        ("year = 2024", "year = true", "year: Input should be a valid integer"),
        ('name = "DoRA"', 'name = ""', "name: String should have at least 1 character"),
        ('id = "dora"', 'id = "Dora"', "technique Dora: id: String should match pattern"),
        ('id = "dora"', 'id = "lora"', "the id occurs twice"),
        ('aliases = ["DoRA"]', 'aliases = ["DoRA", "l-o-r-a"]', "name 'lora' already belongs to lora"),
        ('aliases = ["DoRA"]', 'aliases = ["DoRA", "--"]', "has no letters"),
        ('aliases = ["DoRA"]', "aliases = [7]", "aliases.0: Input should be a dictionary"),
        (
            'aliases = ["DoRA"]',
            'aliases = [{ text = "DoRA", disambiguation_rule = "nowhere" }]',
            "unknown disambiguation rule 'nowhere'",
        ),
        ('aliases = ["DoRA"]', 'aliases = [{ text = "DoRA", casing = true }]', "aliases.0.casing: Unexpected"),
        ('kind = "variant"', 'kind = "flavour"', "kind: Input should be 'peft_type', 'variant'"),
        ('variant_of = "lora"', 'variant_of = "lorra"', "is not a technique"),
        ('variant_of = "lora"', 'variant_of = "dora"', "is a variant of itself: dora → dora"),
        ('variant_of = "lora"\n', "", "variant_of is missing"),
        ("near = 'peft'", "near = '(peft'", "is not a regular expression"),
        ("near = 'peft'", "near = '%PEFT%'", "unknown shorthand %PEFT%"),
        ("near = 'peft'\n", "", "has no condition"),
        ("near = 'peft'", "near = 'peft'\nlocations = ['margin']", "unknown location margin"),
        ("window = 20", "window = 0", "disambiguation_rule nearby: window: Input should be greater than 0"),
        ('arxiv = ["2106.09685"]', 'arxiv = ["2113.09685"]', "technique lora: arxiv.0: String should match pattern"),
        ("year = 2024", 'year = 2024\narxiv = ["2106.09685"]', "arXiv id '2106.09685' already belongs to lora"),
        ("year = 2024", 'year = 2024\nclasses = ["LoraConfig"]', "class 'LoraConfig' already belongs to lora"),
        (
            'selector = "use_dora = true"',
            'selector = "use_dora"',
            "selector: Value error, 'use_dora' is not a selector",
        ),
        ('since = "0.0.1"', 'since = "first"', "technique lora: since: String should match pattern"),
        ("year = 2024", 'year = 2024\npaper = "2024"', "technique dora: paper: String should match pattern"),
        ('since = "0.0.1"', 'since = "0.0.1"\npaper = "2021-06"', "both give the month of the paper"),
        (
            'kind = "variant"',
            'kind = "peft_type"\npeft_type = "LORA"\nconfig_class = "DoraConfig"\nsince = "0.9.0"',
            "peft_type 'LORA' already belongs to lora",
        ),
    ],
)
def test_a_broken_file_is_rejected(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """The error for each broken rule names the file, the entry and the fault, and has a hint."""
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1) if "[[" in old else new.join(GOOD.rsplit(old, 1)))
    with pytest.raises(TaxonomyError) as caught:
        read_taxonomy(path)
    assert complaint in caught.value.what
    assert str(path) in caught.value.what
    assert caught.value.hint


def test_cycles_are_rejected(tmp_path: Path) -> None:
    """Two techniques cannot be variants of each other."""
    text = GOOD.replace('family = "low-rank adapter"', 'family = "low-rank adapter"\nvariant_of = "dora"', 1)
    with pytest.raises(TaxonomyError, match="lora → dora → lora"):
        read_taxonomy(written(tmp_path, text))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The error for a path that does not exist says that the file cannot be read."""
    with pytest.raises(TaxonomyError, match="cannot be read"):
        read_taxonomy(tmp_path / "none.toml")


def accepts(path: Path, card: str, start: int, end: int, location: str) -> bool:
    """Returns whether the rule ``nearby`` of a file accepts ``card[start:end]``."""
    return isinstance(decide(read_taxonomy(path), "nearby", card, start, end, location), AcceptedCandidate)


def test_conditions_of_a_rule(tmp_path: Path) -> None:
    """Near, anywhere and locations accept; unless precedes them; the candidate is not part of its own context."""
    path = written(
        tmp_path,
        GOOD.replace(
            "near = 'peft'", "near = 'peft|lora'\nanywhere = 'adapter'\nunless = 'radio'\nlocations = ['code']"
        ),
    )
    assert accepts(path, "peft Lora", 5, 9, "prose")
    assert not accepts(path, "the Lora", 4, 8, "prose")
    assert accepts(path, "the Lora", 4, 8, "code")
    assert accepts(path, "Lora" + " " * 100 + "adapter", 0, 4, "prose")
    assert not accepts(path, "radio Lora peft", 6, 10, "code")
    assert not accepts(path, "peft" + " " * 21 + "Lora", 25, 29, "prose")


def test_a_rule_with_unless_alone_accepts_everything_else(tmp_path: Path) -> None:
    """A rule that only has unless accepts every other candidate."""
    path = written(tmp_path, GOOD.replace("near = 'peft'", "unless = 'radio'"))
    assert accepts(path, "a Lora", 2, 6, "prose")
    assert not accepts(path, "Lora radio", 0, 4, "prose")
