"""Decides whether a candidate is part of a name: LoRA in "tuned with LoRA" is not, in ``acme/llama-7b-lora`` it is.

In: a candidate and its context. Out: whether it is inside a repository id, path, file name or the model's own name.
The decision depends on the unbroken run of name characters around the candidate.
"""

from __future__ import annotations

import re

from peft_census.tag.card_structure import CardStructure
from peft_census.tag.front_matter import FrontMatter

_RUN = re.compile(r"[A-Za-z0-9_./\\:~@%=-]{0,200}")
_EXTENSION = re.compile(
    r"\.(?:safetensors|bin|pth?|ckpt|gguf|ggml|json[l5]?|ya?ml|py|ipynb|md|txt|png|jpe?g|gif|webp|svg|sh|bat|zip|tar|gz|"
    r"onnx|mp4|wav|csv|parquet|html?|toml|cfg|conf|ini|log|npz|h5|msgpack|model|whl|cpp)$",
    re.IGNORECASE,
)
_MODEL_SIZE = re.compile(r"(?:^|[-_.])v?\d+(?:\.\d+)*(?:[bmk]|k?steps?|e)?(?=$|[-_.])", re.IGNORECASE)
_DIGIT_WORD = re.compile(r"(?:r|rank|dim|alpha|fp|bf|int|nf|q|w)?\d+(?:-?bits?)?$", re.IGNORECASE)

# Words that form a compound with a technique without forming a name: "LoRA-based", "multi-LoRA".
_PLAIN_WORDS = frozenset(
    """a adapted adapter adapters adaption adaptation aided all and aware base based bit by checkpoint checkpoints
    compatible compressed config configs configuration conv custom driven dreambooth dropout efficient enabled
    enhanced enriched equipped experts ext file files fine finetune finetuned finetunes finetuning ft for format
    free friendly full fused fusion guided head hyperparameters hot in inference inspired instruction inspired
    initialised initialized joint layer layers like lite loader load loaded loading low matrices matrix merge merged
    merging method mix mixed model models module modules moe motion multi multiple no non of on only or original
    param parameter parameters params peft plus post pre precision pretrained pruned quantised quantization
    quantized rank ranks rate ready reft scale serving sft single slider small specific stack stacked stage steps
    strength strengths style supervised support supported supporting swap swappable switching target task the to
    trainable trained trainer training trick tune tuned tuner tuning tunings turbo type un updated use used user
    using variant variants via vs weight weighted weights with without cfg tag triggered trigger""".split()
)
_SLASH_WORDS = frozenset(
    """adapter adapters dpo embedding embeddings fft finetune finetuned finetuning full
    hypernetwork hypernetworks merge merged none orpo peft ppo rlhf sft steps and or""".split()
)
_FOLDER_WORDS = frozenset(
    ("models", "checkpoints", "outputs", "output", "weights", "data", "configs", "scripts", "src")
)
_OPTION_WORDS = frozenset(
    """adapter adapters adapt add algo all alpha apply args attn base bias checkpoint ckpt config configs cpu dim dir
    directory disable dropout dtype embedding enable enabled extra factor fan file finetune finetuning for from fuse
    fused get has id in include init is k n niter iter kwargs
    layer layers learning linear list load loaded local loraplus lr max merge
    merged mlp model module modules modulo name names network no num offload on only optimizer out params parameters
    path paths pattern peft plus pretrained prune qkv r random rank rate ratio request requests s save scale scales
    scaling scheduler seed set size sizes state strength target targets task te text train trainable training type
    unet unload update use using vae weight weights with without checkpoints encoder prior dict to
    lora qlora dora""".split()
)


_JOINED = re.compile(r"[-_/]")
_ONE_WORD = re.compile(r"[\w.+/-]*[-_/][\w.+/-]*", re.ASCII)
METHOD_OF_BASE = re.compile(r"-[A-Z][A-Za-z]+\d?(?:\.\d+)?")
"""What follows the method in the name of a row such as "P-tuning-ERNIE1.0"."""
_AROUND_TITLE = re.compile(r"^Model Card for (?:Model )?|[`*]")


def own_names(model_id: str, front: FrontMatter, structure: CardStructure) -> frozenset[str]:
    """Returns the model's own names in lower case: from its id, front matter and one-word headings."""
    names = {model_id, model_id.rpartition("/")[2]}
    names.update(front.strings("model_name"))
    index = front.data.get("model-index")
    for entry in index if isinstance(index, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            names.add(entry["name"])
    for heading in structure.headings[:200]:
        if not _JOINED.search(heading.text):
            continue
        title = _AROUND_TITLE.sub("", heading.text).strip()
        if _ONE_WORD.fullmatch(title) and len(title) > 5:
            names.add(title)
    return frozenset(n.strip().lower() for n in names if n and n.strip())


def run_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Returns the span of the unbroken run of name characters around a candidate, at most 200 on either side."""
    left = _RUN.match(text[max(0, start - 200) : start][::-1])
    right = _RUN.match(text, end)
    begin = start - left.end() if left else start
    stop = right.end() if right else end
    while stop > end and text[stop - 1] in ".:/-_=@%~\\":
        stop -= 1
    while begin < start and text[begin] in ".:=@%":
        begin += 1
    return begin, stop


def is_name(text: str, start: int, end: int, location: str, own_names: frozenset[str]) -> bool:
    """Returns whether the candidate ``text[start:end]`` is part of a name.

    Args:
        text: the card.
        start: first character of the candidate.
        end: one past its last character.
        location: location of the candidate.
        own_names: the model's own names, lower case.
    """
    begin, stop = run_around(text, start, end)
    run = text[begin:stop]
    if run == text[start:end]:
        return False
    if run.lower().strip("-_") in own_names:
        return True
    if run.startswith("--"):
        return False
    if _EXTENSION.search(run) and not run.lower().endswith(".model"):
        return True
    if "/" in run or "\\" in run:
        return _is_path(run, start - begin, end - begin, location)
    assigned = run.rfind("=", 0, start - begin)
    if assigned >= 0:  # key=value: decide for the side with the candidate
        return _is_compound_name(
            run[assigned + 1 :], start - begin - assigned - 1, end - begin - assigned - 1, location
        )
    if "=" in run[end - begin :]:
        run = run[: run.index("=", end - begin)]
    return _is_compound_name(run, start - begin, end - begin, location)


def _is_path(run: str, start: int, end: int, location: str) -> bool:
    """Returns whether a run with slashes is a path, not a list of alternatives such as "LoRA/DoRA"."""
    if run.startswith(("/", "./", "../", "~", "\\")) or ":" in run[:12] or "\\" in run or ".." in run:
        return True
    pieces = run.split("/")
    at = run.count("/", 0, start)
    piece_start = run.rfind("/", 0, start) + 1
    others = [p for i, p in enumerate(pieces) if i != at]
    plain = all(_is_alternative(p) for p in others)
    if not plain or len(pieces) > 5:
        return True
    own = pieces[at]
    if own == run[start:end]:
        return False
    return _is_compound_name(own, start - piece_start, end - piece_start, location)


def _is_alternative(piece: str) -> bool:
    """Returns whether a piece between slashes is another method, not a folder or an owner."""
    lowered = piece.lower()
    if lowered in _FOLDER_WORDS:
        return False
    return (
        not piece
        or lowered in _SLASH_WORDS
        or all(w in _PLAIN_WORDS or w in _SLASH_WORDS for w in re.split(r"[-_]", lowered))
        or bool(
            re.fullmatch(
                r"[A-Za-z(+-]*(?:L[oO][rR][aA]|LOHA|LoHa|LoKr|LoCon|OFT|IA\^?3|FT|Tuning|tuning)[A-Za-z)+-]*", piece
            )
        )
        or bool(re.fullmatch(r"(?:ql|d|l)oras?|lycoris|lokr|loha|locon|dreambooth|controlnets?|embeddings?", lowered))
    )


def _is_compound_name(run: str, start: int, end: int, location: str) -> bool:
    """Returns whether a run without slashes is a name: ``llama-2-7b-lora`` is, "LoRA-based" and ``lora_r`` are not."""
    if location == "table" and start == 0 and METHOD_OF_BASE.fullmatch(run, end):
        return False
    rest = run[:start] + "\x00" + run[end:]
    parts = [p for p in re.split(r"[-_.:@%~\x00]+", rest.lower()) if p]
    if not parts:
        return False
    if "_" in run and "-" not in run:
        options = all(p in _OPTION_WORDS or _DIGIT_WORD.fullmatch(p) for p in parts)
        if options or location == "code":
            return not options and bool(_MODEL_SIZE.search(rest.replace("\x00", "_")) or len(parts) > 4)
    if all(p in _PLAIN_WORDS or _DIGIT_WORD.fullmatch(p) for p in parts):
        return False
    if any(c.isdigit() for p in parts for c in p if not _DIGIT_WORD.fullmatch(p)):
        return True
    return len(parts) > 1 or "_" in run


def without_own_name(model_id: str, text: str) -> str:
    """Returns a lower-case text without the name and the owner of its model."""
    owner, _, name = model_id.lower().rpartition("/")
    for part in (name, name.replace("-", " ").replace("_", " "), owner):
        if len(part) > 2:
            text = text.replace(part, " ")
    return text
