"""Decides whether an ambiguous name stands where a sentence names a training method.

In: a name that is also an ordinary word, and the card. Out: the sign by which it names the technique, or None. "LoRA"
is a mention wherever it stands; "Bone" is one in "fine-tuned with Bone" and in "Method: Bone", not in "Bone scans".
What the card says elsewhere decides about places such as a heading or a list item, which hold any word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from peft_census.tag.clauses import clause_around
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.sentences import sentence_around
from peft_census.tag.techniques import HERE

_REACH = 260
"""Most characters on either side of a name that belong to its sentence."""


class MethodSign(StrEnum):
    """Why an ambiguous name is a mention. The values occur in the column ``disambiguation_rule``."""

    SETTING = "value_of_a_method_setting"
    TRAINED_WITH = "object_of_training"
    LABEL = "after_a_method_label"
    METHOD_NOUN = "before_a_method_noun"
    ADAPTER_CARD = "place_in_an_adapter_card"


def _compile(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_TUNE = (
    r"(?:(?:fine|instruction|instruct|post|pre)[- ]?tun\w*|finetun\w*|tuned|tuning|sft|feinabgest\w*|feinabstimm\w*"
    r"|feinjustier\w*|feingetun\w*|angepasst|anpassung|affin[eéa]\w*|ajust\w*|afina\w*|adapt(?:ed|ation|ing|\b|é\w*"
    r"|ad[oa]s?"
    r"|ier\w*|ación|ação)|дообуч\w*|донастро\w*|адаптир\w*|адаптаци\w*|файн-?тюн\w*|微调|微調|调优|適応"
    r"|ファインチューニング"
    r"|チューニング|미세 ?조정|파인 ?튜닝|튜닝)"
)
_TRAIN = (
    rf"(?:{_TUNE}|\b(?:re|post-?)?train(?:ed|ing|s|iert\w*)?\b|\btraining\w*|nachtrainiert|\blearn(?:ed|ing)\b"
    r"|speciali[sz]ed|experiments\b|entra[iîí]n\w*|entren\w*|trein\w*|обуч\w*|训练|訓練|学習|トレーニング|학습|훈련)"
)
_PARTICIPLE = (
    r"(?:(?:fine-?|re)?(?:trained|tuned)|adapted|(?:nach)?trainiert\w*|feinabgestimmt\w*|feinjustiert\w*|angepasst\w*"
    r"|entraîné\w*|affiné\w*|ajust(?:é|ad)\w*|entrenad\w*|treinad\w*|afinad\w*|обучен\w*|дообучен\w*)"
)
_TRAINING = _compile(_TRAIN)
_MARK = r"[\s*_`\"'“”«»(\[]{0,5}"
_MARK_AFTER = r"[*_`\"'“”»\])]{0,4}"
_ARTICLE = (
    r"(?:(?:the|a|an|our|its|only|just|plain|standard|vanilla|so-called|der|die|das|dem|den|einem?|einer|le|la|les"
    r"|un|une"
    r"|el|los|o|os|uma?|método|técnica|méthode|technique|methode|method|verfahren|метода|методом|техники"
    r"|parameter-efficient|lightweight|efficient|adapter|peft(?:['’]s)?|de|of|d['’]|von|do|da|del) )*"
)
_NO_MEANS = (
    r"(?<!accordance )(?<!compliance )(?<!compliant )(?<!\bline )(?<!together )(?<!\balong )(?<!collaboration )"
    r"(?<!partnership )(?<!compatible )(?<!familiar )(?<!compared )(?<!integrated )(?<!\bdeal )(?<!\bconform )"
)
_MEANS = _compile(
    rf"{_NO_MEANS}\b(?:with|using|via|through|by (?:means of|applying|using|training|running)|utili[sz]ing|leveraging"
    r"|employing|applying|rel(?:y|ies|ied|ying) on|mit|mittels|per|durch|unter (?:verwendung|einsatz) von|anhand von"
    r"|avec"
    r"|à l['’]aide d[e'’]|au moyen d[e'’]|grâce à|en utilisant|con|mediante|usando|utilizando|empleando|a través de"
    r"|por medio de|com|através d[eao]|por meio d[eao]|с помощью|с использованием|с применением|при помощи|через"
    rf"|посредством|\bс|методом|по методу|способом|используя|применяя) ?{_ARTICLE}{_MARK}{HERE}",
    rf"(?:使用|采用|採用|利用|通过|透過|基于|借助|应用|运用|经过|以|用)(?:了)? ?{_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER} ?(?:で|により|によって|による|を(?:用い|使|利用|適用|採用)|로|으로|을|를|기법|방식|기반)",
)
_USED = (
    r"(?:us(?:e|es|ed|ing)|appl(?:y|ies|ied|ying)|employ(?:s|ed)?|adopt(?:s|ed)?|ch(?:oo|o)se|picked|selected"
    r"|utili[sz]e[sd]?"
    r"|utilisé\w*|appliqué\w*|employé\w*|utiliz\w+|us[oóa]\w*|aplic\w+|emple\w+|empreg\w+|verwende\w*|nutz\w*|benutz\w*"
    r"|использ\w+|примен\w+)"
)
_LAYERS = r"(?:[qkv]_proj|attention (?:layers|blocks)|linear layers|all layers|(?:the )?base(?: model)?\b|basismodell)"
_BASE = (
    r"(?:the |our )?(?:(?:base )?model\b|[\w./-]*(?:llama|mistral|mixtral|gemma|qwen|phi-?\d|pythia|t5\b|bert\b|gpt"
    r"|falcon|bloom|whisper|stablelm)|[\w./-]+[- ]\d+(?:\.\d+)?[bm]\b)"
)
"""A base model: the word, a family, or a name with a size."""
_OBJECT = _compile(
    rf"\bw/ ?{_MARK}{HERE}|(?:{_TUNE}|training|entraînement)\b(?: \w+)? (?:by|par|por) {_ARTICLE}{_MARK}{HERE}",
    rf"(?:{_TRAIN}) (?:uses?|used|employs|applies) {_ARTICLE}{_MARK}{HERE}",
    rf"{_TUNE}.{{0,40}}\b{_USED} {_ARTICLE}{_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER} (?:\([^()]{{0,40}}\) )?(?:(?:was|is|were) )?(?:applied to|on|in(?:to)?) .{{0,30}}{_LAYERS}",
    rf"{HERE}{_MARK_AFTER} (?:lets|allows|enables|makes)\b.{{0,30}}{_TRAIN}|{HERE} auf .{{0,30}}angewend",
    rf"\b(?:appl(?:y|ied|ies)|aplic\w+|appliqué\w*) {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER} "
    rf"(?:to|ao?|al|à|au|sur|on) .{{0,20}}(?:mod[eè]l\w*|{_LAYERS})",
    rf"{HERE}{_MARK_AFTER} (?:over|instead of|rather than) (?:q?lora|full\b)",
    rf"(?:instead of|rather than) (?:q?lora|full (?:parameter )?fine-?tuning)\b.*\b{_USED} {_MARK}{HERE}",
    rf"\b{_USED} {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER} (?:in order )?(?:to|for|as|when|during|pour|para|zum|zur|um"
    rf"|für|для"
    rf"|при|на) (?:\w+ ){{0,2}}(?:[ld]['’])?{_TRAIN}(?! (?:data|set|corpus|images|samples|texts))",
    rf"\bappl(?:y|ies|ied|ying) {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER} to (?:{_BASE}|.{{0,80}}\b{_TRAIN})",
    rf"{HERE}{_MARK_AFTER} (?:was|were|is|has been|wurde|a été|fue|foi) (?:\w+ )?(?:used|applied|employed|chosen"
    rf"|adopted"
    rf"|selected|utilis\w+|utiliz\w+|usad\w+|verwendet|eingesetzt)\b[^.;]{{0,30}}{_TRAIN}",
    rf"(?:^|[.:*-] ?)(?:был[аои]? )?(?:использован\w?|применён\w?|применен\w*"
    rf"|обучен\w? методом) {_ARTICLE}{_MARK}{HERE}",
    rf"{_TRAIN}\b.{{0,60}}\b(?:réalisé\w*|effectué\w*|realizad\w+|durchgeführt)\b.{{0,20}}{HERE}",
    rf"\bdurch {_MARK}{HERE}|{HERE}{_MARK_AFTER} ?(?:微调|微調|训练|訓練|학습|훈련|미세 ?조정|파인 ?튜닝|적용|適用"
    rf"|アダプタ|チューニング)",
    rf"{HERE}{_MARK_AFTER} (?:微调|微調|训练|訓練|方法(?:进行|對|对)?)",
)
_OWN_WEIGHTS = _compile(
    rf"{HERE}{_MARK_AFTER} (?:parameters|weights|layers|modules|matrices) (?:are|were) "
    r"(?:trained|trainable|updated|merged)",
)
_PEFT = r"(?:peft|parameter[- ]efficient(?: fine-?tuning)?)"
_KIND = (
    r"(?:methods?|techniques?|approach|algorithm|algo|type|strategy|recipe|variant|verfahren|methode|technik|méthode"
    r"|método|técnica|метод|техника|способ)"
)
_LABEL = _compile(
    rf"(?:^|#{{1,6}}\s*|[|>*•-]\s*|\d[.)]\s*|[.,;(]\s){_MARK}(?:(?:the|our|my) )?(?:(?:{_PEFT}|fine-?tuning"
    rf"|finetuning|tuning|adaptation"
    rf"|adapter"
    rf"|ft|trainings?|feinabstimmungs?|anpassungs?)[- _]?)*"
    rf"(?:{_KIND}|{_PEFT}(?: config\w*)?|fine[-_]?tuning|finetuning|adaptation|adapters?"
    r"|training(?: (?:procedure|recipe|setup|details))?)"
    rf"(?: (?:used|d['’]\s?\w+|de \w+(?: \w+)?|del \w+|дообучения|обучения|настройки|адаптации|utilisée?|usad[ao]))?"
    rf"{_MARK_AFTER}(?:</\w+>)?\s*(?:[:：=|—–]|\b(?:is|was)\b)[\s*_`\"'|:]*{HERE}",
    rf"(?:方法|技术|技術|方式|手法|기법|방법|방식|算法)\s*[:：|=][\s*_`\"'|]*{HERE}",
    rf"(?:{_TUNE}|\bft|^#+ training)\s?(?:\(|\+|[:：]) ?{_MARK}{HERE}",
    rf"\b{_PEFT}(?: {_KIND})? ?[\(:,] ?{_MARK}{HERE}|\b{_PEFT} (?:{_KIND} )?(?:called|named|known as) {_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER},? (?:\(|is |as )?(?:(?:a|an|the|our|une?|ein\w*) )?(?:\w+ )?"
    rf"(?:{_PEFT}|(?:fine-?tuning|finetuning|tuning|training|adaptation) {_KIND})",
)
_SETTING = _compile(
    rf"--(?:peft|adapter|tuner|algo|finetuning|method)(?:[_-](?:type|method|name))?[ =][\"'`]?{HERE}(?![\w-])",
    rf"--(?:no|disable|without|use|enable|with)[-_](?:use[-_])?{HERE}(?![\w-])",
    rf"(?<![\w-])(?:peft_)?use_{HERE}[\"'`]{{0,2}}\s?[:=]",
    r"(?:peft|adapter|lora|tuner|finetuning|fine_tuning|tuning)[_ -]?(?:type|method|technique|algorithm"
    rf"|variant)[\"'`*]{{0,3}}\s?[:=|]{{1,2}}\s?[\"'`*]{{0,3}}(?:PeftType\.)?{HERE}",
    rf"(?:^|[{{,\"'`|(]|--|- )[ \t]*(?:algo|(?:train(?:ing)?|ft|tune)?_?method|adapter|network_(?:type|algo|module)"
    rf"|tuner|peft)"
    rf"[\"'`*]{{0,3}}(?:\s?[:=]\s?|\s)[\"'`]{{0,2}}(?:[\w.]+\.)?{HERE}[\"'`]{{0,2}}\s*(?:[,;}})\]#|]|$)",
)
_NOUN = (
    r"(?:adapters?|fine-?tun\w*|finetun\w*|tun(?:ed|ing)|peft|methods?(?! of (?!tun|fine|adapt|train))|techniques?"
    r"|approach|algorithm"
    r"|weights?|train(?:ed|ing)|config\w*|hyper-?parameters?|parameters?|ranks?|alpha|layers?|modules?|checkpoint|run"
    r"|initiali[sz]ation|init|implementation|适配器|アダプタ\w*|variant|settings?|recipe|blocks?|r\b|reductions?"
    r"|権重|权重|配置|方法|アダプタ\w*"
    r"|어댑터|微调|训练)"
)
_METHOD_NOUN = _compile(
    rf"{HERE}{_MARK_AFTER}[ -]?{_NOUN}(?![ -](?:files?|boards?|rings?|cables?|plates?)\b)",
    rf"\b(?:адаптер|веса|метод|adaptador|pesos|método|técnica|adaptateur|poids|méthode|adapter|gewichte|methode"
    rf"|technique"
    rf"|weights of) (?:d[eo] |d['’])?{_MARK}{HERE}",
)
_TUNED = _compile(
    rf"{HERE}{_MARK_AFTER}[ -](?:adapters?|weights) (?:for|of) {_BASE}",
    rf"{HERE}{_MARK_AFTER}[ -](?:fine-?tun\w*|finetun\w*|tuned|peft\b)",
    rf"{HERE}{_MARK_AFTER}[ -]adapters?\b.{{0,60}}{_TRAIN}",
    rf"{_TRAIN}.*{HERE}{_MARK_AFTER}[ -](?:adapters?|methods?|techniques?|approach|algorithm|recipe)\b",
)
"""A name before a noun that only a tuning method has."""
_FOLLOWED = (
    r"and (?:then|merged|later|the|a|an|we|it|is|was|evaluated|quanti[sz]ed|exported|saved|afterwards|released"
    r"|[A-Z]{2,}\w*|[a-z]+[A-Z]\w*|[A-Z][a-z]*[A-Z]\w*|early|gradient|mixed|\d)"
)
_END = re.compile(
    rf"{_MARK_AFTER}(?:\s?[(（\[][^()（）\[\]\n]{{0,60}}[)）\]])?{_MARK_AFTER}"
    r"(?:\s*(?:\Z|\n|[.。;；:：!?？|)）\]}、，→·=/+&<\"]|[—–]|-{1,2}\s)|"
    r",(?!\s(?:my|his|her|our|who|whose)\b)(?!\s[A-Z][a-z]+\b(?:[,.]| and\b))"
    rf"(?!\s(?:an?|the|one)\b(?!.{{0,60}}(?:peft|PEFT|method|technique|adapt|tuning|rank|orthogonal)))|"
    rf"\s(?:{_PARTICIPLE}|we\b|I\b|wir\b)|"
    rf"\s(?:{_FOLLOWED}|or\b|(?:on|for|to|in|at|from|over|during|pendant|por|durante|während|with|using|via|through"
    rf"|by|before|after|once|until|when|if|across|while"
    rf"|which"
    r"|that|then|because|since|so|but|only|instead|rather|as (?:the|a|our) (?:\w+[- ])?(?:fine|peft|tun|train|adapt"
    r"|method)\w*"
    r"|is|was|were|has|took|needs|gave|gives|works|trains|updates|uses|adds|keeps|reduces|applied|lets|allows"
    r"|enables|makes|ao|au|outperforms|than|plus|vs"
    r"|and (?=full)|auf|für|zum|zur|in|im|an|bei|mit|über|während|und|sur|pour"
    r"|pendant|durante|dans|en|et|du|des|para|em|no|na|sobre|y|e|con"
    r"|com|al|на|для|в|и|по|с|за|der|de|rank|r=|dim|alpha|with)\b)|"
    r"\s?[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])"
)
"""What follows a name that ends its noun phrase. Another noun makes the name a modifier: "Poly Haven", "Bone scans"."""
_NO_TEXT = frozenset(("name", "link", "citation"))
_IN_OPTION = re.compile(rf"\w_{HERE}|{HERE}_\w")
_ITEM = re.compile(
    rf"\s*(?:[-*+•]|\d{{1,2}}[.)]|#{{1,6}}|\|(?:[^|]{{0,60}}\|)*?)?\s*[*_`\"']{{0,3}}{HERE}[*_`\"']{{0,3}}\s*"
    r"(?:[:：|(,].*)?\Z",
    re.DOTALL,
)
"""A heading, list item or table cell that is the name."""
_TITLE = _compile(rf"\s*#{{1,6}}\s.{{0,60}}\b(?:with|using|via|by|and|mit|avec|con|com)\s{HERE}")
_COMPARED = _compile(
    rf"{HERE}{_MARK_AFTER}\W{{0,3}}(?:with )?(?:rank|r|dim|alpha)\b\W{{0,3}}\d",
    rf"\b{_USED} {_ARTICLE}{_MARK}{HERE}|\b(?:ran|run) {_MARK}{HERE}|\bthanks to {_MARK}{HERE}.*{_TRAIN}",
    rf"\b(?:loss|accuracy|results?|curves?)\b.{{0,20}}\b(?:of|with|for|under) (?:the )?{_MARK}{HERE}",
    rf"{HERE}.*\b(?:full (?:parameter )?fine-?tuning|lora|memory|trainable|parameters)\b",
    rf"\b(?:try|tried|tested|prefer|plan(?:ned)?|switch(?:ed)? to|vs\.?|versus|than) {_ARTICLE}{_MARK}{HERE}",
    rf"\b(?:full (?:parameter )?fine-?tuning|lora)\b.*{HERE}"
    rf"|\btrained {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER} on top of\b",
)
_NAMES_PEFT = re.compile(r"\bPEFT\b|[Pp]arameter[- ][Ee]fficient|get_peft_model|PeftModel|adapter_config")
_FEATURES = (
    re.compile(r"\b(?:[Rr]ank|r|lora_r|[Aa]lpha|lora_alpha)\W{1,6}\d|\brank[- ](?:of )?\d"),
    re.compile(r"\b[Tt]arget[ _][Mm]odules?\b|\btrainable param|\b[Aa]dapter weights\b|\b[Tt]his adapter\b"),
)
_IMAGE_SUBJECT = re.compile(
    r"instance_prompt|\btrigger (?:word|token)|\bcharacter\b|stable-diffusion|text-to-image", re.IGNORECASE
)


@dataclass(frozen=True)
class _Place:
    """What a sentence says about the name ``HERE`` in it.

    Args:
        sign: the sign that is enough in any card.
        method_noun: a noun such as adapter or weights follows, which is enough in the card of an adapter.
        item: the name is a whole list item, heading or cell, which is enough in a card that names PEFT.
        compared: a means, or compared with other tuning, which is enough in the card of an adapter.
    """

    sign: MethodSign | None
    method_noun: bool = False
    item: bool = False
    compared: bool = False


@lru_cache(maxsize=20_000)
def _names_setting(line: str) -> bool:
    return _SETTING.search(line) is not None


@lru_cache(maxsize=20_000)
def _read_place(sentence: str) -> _Place:
    if _IN_OPTION.search(sentence):
        return _Place(None)
    clause = clause_around(sentence)
    ends = _END.match(clause.partition(HERE)[2]) is not None
    is_means = ends and _MEANS.search(clause) is not None
    if (is_means and _TRAINING.search(clause)) or (ends and _OBJECT.search(clause)) or _OWN_WEIGHTS.search(clause):
        return _Place(MethodSign.TRAINED_WITH)
    if ends and _LABEL.search(sentence):
        return _Place(MethodSign.LABEL)
    method_noun = _METHOD_NOUN.search(clause) is not None
    if method_noun and (_TUNED.search(clause) or _NAMES_PEFT.search(sentence)):
        return _Place(MethodSign.METHOD_NOUN)
    item = ends and (_ITEM.match(sentence) or _TITLE.match(sentence)) is not None
    return _Place(None, method_noun, item, is_means or (ends and _COMPARED.search(sentence) is not None))


class MethodPlaces:
    """Finds the signs for the ambiguous names of one card.

    Args:
        text: the card.
        front: its front matter.
    """

    def __init__(self, text: str, front: FrontMatter) -> None:
        self._text = text
        self._front = front

    def is_setting(self, start: int, end: int, location: str) -> bool:
        """Returns whether ``text[start:end]`` is the value of a setting that selects a method."""
        return location not in _NO_TEXT and _names_setting(self._sentence(start, end, "code"))

    def sign(self, start: int, end: int, location: str) -> MethodSign | None:
        """Returns the sign by which ``text[start:end]`` names a technique; None if there is none."""
        if location in _NO_TEXT or location == "front_matter":
            return None
        place = _read_place(self._sentence(start, end, location))
        if place.sign is not None:
            return place.sign
        if place.method_noun and self.is_adapter:
            return MethodSign.METHOD_NOUN
        if (place.item and self._names_peft and not self._shows_subjects) or (
            place.compared and self.is_adapter and not self._shows_subjects
        ):
            return MethodSign.ADAPTER_CARD
        return None

    def _sentence(self, start: int, end: int, location: str) -> str:
        """Returns the sentence of a name; in a heading, table or code, and in the front matter, its line."""
        floor, ceiling = max(0, start - _REACH), end + _REACH
        if location != "prose":
            floor = max(floor, self._text.rfind("\n", floor, start) + 1)
            stop = self._text.find("\n", end, ceiling)
            return self._text[floor:start] + HERE + self._text[end : ceiling if stop < 0 else stop]
        return sentence_around(self._text, start, end, floor, ceiling)

    @cached_property
    def _shows_subjects(self) -> bool:
        """Whether the card is about an image model, whose LoRAs have the names of people and things."""
        return _IMAGE_SUBJECT.search(self._text) is not None

    @cached_property
    def _names_peft(self) -> bool:
        """Whether the card says that its model is tuned with PEFT."""
        tags = {t.lower() for t in self._front.strings("tags")}
        libraries = {t.lower() for t in self._front.strings("library_name")}
        return (
            "peft" in tags | libraries
            or any(t.startswith("base_model:adapter:") for t in tags)
            or _NAMES_PEFT.search(self._text, self._front.after) is not None
        )

    @cached_property
    def is_adapter(self) -> bool:
        """Whether the card names PEFT, or two features of an adapter."""
        if self._names_peft:
            return True
        signs = [sign.search(self._text, self._front.after) is not None for sign in _FEATURES]
        return bool(self._front.strings("base_model")) + sum(signs) >= 2
