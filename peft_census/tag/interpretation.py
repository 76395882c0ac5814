"""What a card says about a technique at one place: denied or not, applied to this model or only cited.

In: the sentence around a mention, its location, the headings above it and a few facts about the card.
Out: polarity, applied, and the cue that decided, so that ``explain`` can show the argument.
The order of the rules is the argument: a denial beats everything, advice to the reader beats a statement
about the model, a statement beats the card's general drift.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from peft_census.tag.locations import Heading
from peft_census.tag.techniques import HERE

REACH = 260
"""Characters of context read on either side."""


@dataclass(frozen=True)
class Interpretation:
    """How one place is read.

    Args:
        negated: the card says that the technique was not used.
        applied: the card says that this model was trained with it.
        cue: name of the rule that decided.
    """

    negated: bool
    applied: bool
    cue: str | None


@dataclass(frozen=True)
class CardContext:
    """What the card as a whole is about.

    Args:
        adapter: it presents itself as an adapter (PEFT library, adapter tags, code that loads this very
            repository as one).
        for_training: it offers a base for others to train adapters on.
    """

    adapter: bool = False
    for_training: bool = False


def _compiled(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_LINK = r"[\s*_`\"'“”(\[]{0,4}"
_AFTER = r"[\s*_`\"'“”)\]]{0,4}"
_NEGATED = _compiled(
    rf"\b(?:no|without|sans|ohne|sem|sin|без|senza|zonder|بدون|بلا|neither|nor)\s+(?:the\s|any\s|use of\s|using\s|a\s|un\s|une\s|ein\w*\s|um\s|use\s|adapters?\s*(?:or|/|,)\s*|(?:peft|lora|qlora|adapters?)\s*(?:or|/|,|nor)\s*)*{_LINK}{HERE}(?!-?(?:free\b|merg|required|needed|trigger))",
    rf"\b(?:not|never|n't|nicht|nunca|não|ne|pas|не)\s+(?:\w+\s){{0,1}}(?:us(?:e|ed|ing)|appl(?:y|ied)|employ(?:ed)?|involve|rely on|trained (?:with|using|via)|fine-?tuned (?:with|using|via)|using|with|via|through|a|an|based on|utili[sz]ed?|use of|использ\w+|utilis\w+|usa\w*|utiliza\w*)\s(?:a |an |any |the |de |of |la |le |a técnica )?{_LINK}{HERE}",
    rf"{HERE}{_AFTER}(?:adapters?|weights|training|fine-?tuning)?\s*(?:was|were|is|are|has been|have been)(?:\s+(?:deliberately|intentionally|explicitly))?\s*(?:not|never|n't)\s+(?:\w+ly\s)?(?:used|applied|employed|involved|utili[sz]ed|needed|part of)",
    rf"{HERE}{_AFTER}(?:wasn't|weren't|isn't) (?:used|applied|employed)",
    rf"{HERE}{_AFTER}\|\s*{_LINK}(?:forbidden|none|no|not used|n/?a|false|disabled|off|✗|✘|❌|🚫|0|never|nein|нет|não)\b{_AFTER}(?:\||$|[(,;])",
    rf"{HERE}{_AFTER}\|\s*(?:✗|✘|❌|🚫|✖)",
    rf"{HERE}{_AFTER}\s*[:=：]\s*{_LINK}(?:false|none|null|no|not used|disabled|off|n/a|~|✗|❌|нет|否|無し|无|没有)\b(?!\s*(?:bias|one))",
    rf"(?:instead of|rather than|in place of|as opposed to|anstelle von|statt|вместо|au lieu d[eu]'?|en lugar de|em vez de)\s(?:using |applying |a |an |the |parameter-efficient (?:methods|fine-?tuning)(?: (?:such as|like))? |adapters? (?:such as|like) )*{_LINK}{HERE}",
    rf"(?:未使用|没有使用|沒有使用|不使用|没有用|未采用|未用|无需|不用|并非|不是|无|非){_LINK}(?:任何)?{_LINK}{HERE}",
    rf"{HERE}{_AFTER}(?:を|は)?{_LINK}(?:一切)?(?:使用|利用|適用)?(?:して(?:い)?(?:ない|ません)|せず|なし|ではな[くい]|を使わず|使っていません|未使用)",
    rf"{HERE}{_AFTER}(?:을|를|은|는|이|가)?\s?(?:사용하지|적용하지|쓰지|없이|아닌|미사용)",
    rf"{HERE}{_AFTER}(?:не|wurde nicht|n'a pas|não foi|no se|nicht)\s?(?:\w+\s)?(?:использова\w+|применя\w+|verwendet|benutzt|eingesetzt|été|usad\w|utilizad\w|usó|utilizó)",
    rf"{HERE}-free\b",
    rf"\bkein(?:e[nmr]?)?\s+{_LINK}{HERE}",
    rf"\b(?:(?:did|do|does|was|were|is|are) not|n't|never|without|neither)\b[^.;:]{{0,40}}\b(?:or|nor)\s+{_LINK}{HERE}",
    rf"(?:do|does|did)(?:\s+not|n't)\s+(?:use|apply|employ|involve|rely on|include)\s(?:a |an |any |the )?{_LINK}{HERE}",
)
SWITCHED_OFF = _compiled(
    rf"(?<![\w-])(?:--)?(?:(?:use|enable|is|do|with|apply)[_-]?)?{HERE}(?:_enabled|_training|_finetuning)?[\"']?\s*[:=]\s*[\"']?(?:false|none|null|no|off|~|0)(?![\w.])"
)
"""An option that says: not with this technique. Numbers and empty values of its parameters say nothing."""
_NOT_A_DENIAL = _compiled(
    rf"\bnot (?:only|just|merely|limited to)\b.{{0,60}}{HERE}",
    rf"\b(?:no|without)(?: any)? (?:need|measurable|significant|quality|additional|extra|further)\b.{{0,60}}{HERE}",
    rf"(?:do not|don't|never) (?:use|apply|merge|load|combine|stack)\b.{{0,30}}{HERE}.{{0,40}}\b(?:with|for|on|above|below|if|when|at)\b",
    rf"(?:with (?:and|or|/) ?(?:or )?without|with/without|w/ and w/o)\b.{{0,20}}{HERE}",
    rf"{HERE} for the text encoder was enabled",
)
_ADVICE = _compiled(
    # to the reader, or about what is possible
    rf"\b(?:you|users?|anyone|developers?|researchers?|practitioners?)\b.{{0,30}}\b(?:can|could|may|might|should|want|wish|need|"
    rf"like|prefer|would|are (?:free|able|welcome)|must|will)\b.{{0,160}}{HERE}",
    rf"\b(?:can|could|may|might|should) (?:also |then |easily |further |now |still |only |optionally )?(?:be )?(?:further )?"
    rf"(?:fine-?tuned?|trained?|adapted?|used?|applied|apply|loaded|load|combined?|merged?|customi[sz]ed?|tuned?|served?|"
    rf"plugged|swapped|run|consider|try)\b.{{0,120}}{HERE}",
    rf"{HERE}.{{0,60}}\b(?:can|could|may|might|should|is going to|will) (?:also |then |easily |not )?"
    rf"(?:be (?:fine-?tuned|trained|used|applied|added|loaded|combined|released|supported|downloaded|found|available|"
    rf"merged|swapped)|require|work|need|help|run|reduce)",
    rf"\bsupport(?:s|ed|ing)?\b.{{0,120}}{HERE}",
    rf"\b(?:compatib(?:le|ility)|recommend(?:s|ed)?|suggest(?:s|ed)?|suitable|ready|intended|designed|meant|useful|ideal|perfect|"
    rf"good|great|usable|capable|ability|able|used|base) (?:\w+ ){{0,5}}(?:for|of|with|to|in|by)\b.{{0,50}}"
    rf"(?<!using )(?<!with )(?<!via ){HERE}",
    rf"\brecommend(?:s|ed)?\b.{{0,60}}{HERE}",
    rf"{HERE}{_AFTER}[^.|]{{0,60}}\b(?:support(?:ed|s)?|compatib(?:le|ility)|is possible|coming soon|to come|planned)\b",
    rf"{HERE}{_AFTER}\W{{0,3}}(?:(?:fine-?tuning|training|tuning|inference|loading|example) ){{0,2}}(?:scripts?|tutorials?|examples?|notebooks?|guides?|toolkit|recipes?)\b",
    rf"(?:^|[:;,(]\s?)(?:in order )?to (?:further )?(?:fine-?tune|train|load|use|enable|apply|perform|run|do|continue|learn|merge)\b.{{0,120}}{HERE}",
    rf"\bhow to\b.{{0,120}}{HERE}",
    rf"\b(?:examples?|scripts?|tutorials?|notebooks?|guides?|recipes?|instructions|code|demo|tips|command|tools?)\b.{{0,30}}"
    rf"\b(?:for|of|on|to|showing|about|with|using|including)\b.{{0,80}}{HERE}",
    rf"\b(?:if|when|whether|in case)\b[^.,]{{0,60}}{HERE}",
    rf"\b(?:require|requires|need|needed|needs|enable|enables|allow|allows|allowing)\b.{{0,80}}{HERE}",
    rf"\b(?:script|tool|code|repo|framework|guide)s?\b.{{0,20}}\b(?:released|available|added|published)\b.{{0,60}}{HERE}",
    rf"{HERE}.{{0,40}}\b(?:scripts?|code|guide)\b.{{0,20}}\b(?:released|available|added|published)",
    rf"\b(?:plug-and-play|off-the-shelf|extensions?)\b.{{0,80}}{HERE}",
    rf"\b(?:scalable|efficient|further|downstream|easy|custom|future|continued|lightweight|native) (?:fine-?tuning|training|"
    rf"finetuning) (?:with|using|via|through|by) {_LINK}{HERE}",
    rf"\bfor\b.{{0,30}}{_LINK}{HERE}{_AFTER}(?:/\w+ ?)?(?:fine-?tuning|training|finetuning|tuning|adapters?|experiments?)\b",
    rf"\b(?:todo|roadmap|future work|coming soon|planned|plan to|we (?:will|intend))\b.{{0,100}}{HERE}",
    rf"(?:可以|可|支持|能够|如果|建议|推荐|您|你)[^。；]{{0,40}}{HERE}",
    rf"{HERE}[^。；]{{0,20}}(?:可以|支持|教程|示例|脚本|演示|入门)",
    rf"{HERE}[^。]{{0,20}}(?:でき(?:ます|る)|可能|対応|サポート)",
    rf"{HERE}.{{0,20}}(?:할 수 있|가능|지원)",
    rf"\b(?:можно|могут|поддерж\w+|pode|podem|puede|pueden|peut|peuvent|kann|können)\b.{{0,100}}{HERE}",
)
_ASIDE = _compiled(
    # one of several, or measured against
    rf"(?:\bsuch as|\be\.g\.,?|\bincluding|\blike|例如|包括|比如)\b.{{0,60}}{HERE}",
    rf"\b(?:other|another|any|existing|third[- ]party|your(?: own)?|community|more|most|many|popular|various|some|such) (?:\w+ ){{0,2}}{_LINK}{HERE}",
    rf"\b(?:vs\.?|versus|compar(?:ed|ing|ison|ative)\b.{{0,30}}|against|unlike|than|over|outperform\w*|beats?|baselines?|relative to|"
    rf"inspired by|similar to|alternative to|differs? from|(?:identical|same|equal|equivalent|contrast)\b.{{0,30}}\b(?:to|as|with))"
    rf"\b.{{0,40}}{HERE}",
    rf"{HERE}.{{0,30}}\b(?:vs\.?|versus|baselines?|counterparts?|paper|freezes|decomposes|is a (?:method|technique|parameter|way)|works by|"
    rf"introduces|reduces|lacks)\b",
    rf"{HERE}[- ](?:style|like|inspired)\b",
    rf"\b(?:ahead of|behind|in contrast to|contrary to|measured against|as good as|at the (?:price|cost|budget) of|(?:an? )?(?:ordinary|conventional|usual)|"
    rf"default|less than|more than|would be|would have|choose between|chose between|on the list)\b.{{0,40}}{HERE}",
    rf"{HERE}.{{0,30}}\b(?:would|needs|needed|claims|in our setting|had been|still held)\b",
    rf"(?:rispetto a|respecto a|par rapport à|im Vergleich zu|gegenüber|بدل[اًا]* من|مقارنة|相比|相较|比起|по сравнению с|в отличие от|so với|hơn|comparado)\W{{0,12}}{HERE}",
    rf"{HERE}{_AFTER}(?:に比べ|と比べ|より|보다|के मुक़ाबले|के साथ|के مقابلے|相比)",
    rf"\b(?:tried|considered|dropped|rejected|abandoned|discarded|ruled out|tested|evaluated|explored|experimented with|looked at|"
    rf"asked|offers?|probamos|getestet|testé)\b.{{0,60}}{HERE}",
    rf"{HERE}.{{0,40}}\b(?:was|were) (?:also )?(?:tried|considered|dropped|rejected|abandoned|discarded|tested|slower|worse|unstable)\b",
    rf"{HERE}.{{0,12}}(?:検討|試し)",
    rf"\b(?:known as|called|named|introduced|proposed)\b.{{0,12}}{HERE}",
    rf"\b(?:critique|criticism|limitations?|drawbacks?|idea|concept|overview|survey) of\b.{{0,30}}{HERE}",
)
_DONE = (
    r"(?:fine-?tun(?:ed|ing)|finetun(?:ed|ing)|sft-?ed|trained|train|training|tuned|tuning|adapted|aligned|pre-?trained|optimi[sz]ed|"
    r"merged|distilled|created|built|made|obtained|produced|extracted|taught|learned|instruct(?:ion)?-?tuned|post-trained|developed|baked|"
    r"quantized|fused|adaptation|speciali[sz]ed|personali[sz]ed|customi[sz]ed)"
)
_TRAINED_WITH = _compiled(
    rf"\b{_DONE}\b.{{0,140}}?\b(?:using|with|via|by|through|under)\b.{{0,80}}{HERE}",
    rf"\b(?:using|used|via|with|through|employed|applied|leverag\w+|utili[sz]\w+|by)\b.{{0,50}}{HERE}.{{0,100}}\b(?:fine-?tuned|finetuned|"
    rf"trained|tuned|adapted)\b",
    rf"\b(?:we|i)\b.{{0,80}}\b(?:us(?:e|ed)|appl(?:y|ied)|employ(?:ed)?|implement(?:ed)?|adopt(?:ed)?|train(?:ed)?|leverag(?:e|ed)|"
    rf"configured|fine-?tuned?)\b.{{0,100}}{HERE}",
    rf"{HERE}{_AFTER}[- ]?(?:fine-?tuned|finetuned|tuned|trained)\b",
)
_STATED = _compiled(
    # a specification without a verb: "LoHa, dim 4, alpha 1", "Prefix-tuning with 20 virtual tokens"
    rf"(?:^|[:：;,(>→|]|\bwith|\bmit|\btype)\W{{0,6}}{HERE}{_AFTER}\W{{0,4}}(?:with |mit |avec |con |com )?[^.;]{{0,40}}?(?:\d+(?:\.\d+)?\s*(?:virtual|virtuel\w*|tokens?|"
    rf"reflections|factors?|steps|epochs|layers|bits?|trainable|M\b|k\b|parameters)|\b(?:r|rank|dim|alpha|length|factor|block size|tokens|steps|"
    rf"reduction factor|butterfly factor|network dim|conv dim|algo|n|rango|Rang|rang)\s*[=:≈]?\s*\d)",
    rf"\b(?:type|typen|kind|art|tipo)\W{{1,6}}{HERE}",
    rf"\b(?:mit|avec|con|com|med|met|au moyen de|mittels|с помощью|через)\b.{{0,30}}{HERE}.{{0,60}}\b(?:angepasst|trainiert|nachtrainiert|feinabgestimmt|entraîné|"
    rf"entrenado|treinado|trent|getraind|affiné|ajustado)",
    rf"\b{_DONE}\b.{{0,140}}?\b(?:as|in|of|from|on|and|into|use|uses|used)\b.{{0,80}}{HERE}",
    rf"\b{_DONE}\b[^\w.]{{0,6}}{HERE}",
    rf"\b(?:uses|used|using|employs|applies|applying|via)\b.{{0,50}}{HERE}.{{0,100}}\b(?:fine-?tun\w+|finetun\w+|train(?:ed|ing)|tuned|"
    rf"adapt(?:ed|ation)|to (?:train|improve|learn|adapt|reduce))\b",
    rf"{HERE}{_AFTER}[- ]?(?:\([^)]{{0,60}}\)\s*)?(?:based )?[-\s]?(?:fine-?tune|finetune|fine-?tuning|finetuning|merged|merge|adapters?|adaption|"
    rf"adaptation|weights?|checkpoints?|modules?|models?|versions?|variant|layers?|fusion|embeddings?)\b",
    rf"\b(?:we|i|our|my)\b.{{0,120}}\b(?:host|made|provide|release[sd]?|add(?:ed)?|introduc\w+|extracted|removed|merged|mixed|reduced|using)\b"
    rf".{{0,100}}{HERE}",
    rf"\b(?:my|our|this|these) (?:\w+ ){{0,2}}{_LINK}{HERE}",
    rf"\b(?:this|these|it|the|here)\b.{{0,40}}\b(?:is|are|was|were|contains?|uses?|used|provides?|includes?|has|have|incorporates?|"
    rf"comes?|employs?|combines?|merges?|merge|adds?|has been|have been)\b.{{0,100}}{HERE}",
    rf"(?:^|[-*|>•]\s*)\W*[\w /()&-]{{0,40}}\b(?:methods?|techniques?|approach|types?|algorithm|strategy|adapters?|adaptation|peft|train(?:ing|ed)|"
    rf"tuning|tuned|fine-?tun\w*|finetun\w*|procedure|optimi[sz]ation|technology|recipe|setup|config(?:uration)?|mode|framework|stack|"
    rf"architecture|format|precision|parameters|algo)\b[^:：|=]{{0,40}}[:：|=][^|]{{0,80}}{HERE}",
    rf"{HERE}{_AFTER}[-_ ]?(?:r|rank|ranks|alpha|dropout|config(?:uration|s)?|target(?:s| modules)?|dim(?:ension)?|param(?:eter)?s?|hyper-?parameters|"
    rf"settings?|scal(?:e|ing)|modules?|bias|learning rate|lr|layers)\b.{{0,12}}[:=|(≈~]",
    rf"{HERE}{_AFTER}\s*[:：|(]\s*(?:r|rank|alpha|α|dim)\b",
    rf"\b(?:with|using|via|by|through) (?:the )?{_LINK}{HERE}{_AFTER}\s*(?:technique|method|approach|algorithm|recipe)s?\b",
    rf"(?:使用|采用|採用|通过|透過|用|基于|基於|经过|利用|应用|结合|以)[^。；]{{0,30}}{HERE}",
    rf"{HERE}{_AFTER}[^。；]{{0,12}}(?:微调|微調|训练|訓練|适配|权重|模型|方法|技术|アダプタ|学習|ファインチューニング|チューニング|マージ|で|重み|파인튜닝|학습|"
    rf"어댑터|미세|튜닝|로 |으로|를|을|기반|방식|дообуч\w*|обуч\w*|адаптер\w*)",
    rf"(?:дообуч\w*|обуч\w*|trein\w+|ajust\w+|entren\w+|afin\w+|entraîn\w+|trainiert\w*|feinabgestimmt\w*|feinjustiert\w*|angepasst\w*|"
    rf"مدرب|تدريب|ضبط|प्रशिक्ष\S*|फाइन).{{0,100}}{HERE}",
    rf"{HERE}.{{0,40}}(?:дообуч\w*|обуч\w*|treinad\w*|ajustad\w*|entrenad\w*|afinad\w*|entraîné\w*|trainiert\w*|feinabgestimmt\w*|"
    rf"तकनीक|प्रशिक्ष\S*)",
)
_PASSIVE_SECTION = _compiled(
    r"^\W*(?:\d+[.)]?\d*\s*)?(?:(?:latest |recent |🔥+ ?)?news|what'?s new|(?:latest |recent )?updates?|change ?log|roadmap|to-?do(?: list)?|"
    r"acknowledge?ments?|related(?: \w+)?|community(?: \w+)*|ecosystem|faqs?|resources|(?:\w+ )?links|limitations?|comparisons?|baselines?|"
    r"examples?|quick ?start|awesome.*|third-party.*|fine-?tuning|finetun(?:e|ing)|(?:q?lora|dora)(?: peft)? (?:example|fine-?tuning)s?|"
    r"更新(?:日志)?|新闻|致谢|社区)\W*$",
    r"^\W*(?:\d+[.)]?\d*\s*)?(?:recommend|deploy|serving\b|inference with|vllm|how to (?:fine-?tune|train)|fine-?tun(?:e|ing) (?:examples?|guide|the model|"
    r"this model|scripts?|with your|on your)|future work|alternatives)",
)
_ACTIVE_SECTION = _compiled(
    r"\b(?:train(?:ing|ed)|fine-?tuning (?:details|procedure|process|method|config\w*|setup|data)|hyper-?parameters?|procedure|method(?:ology)?|configuration|"
    r"model (?:details|description|summary|info\w*|overview|architecture)|technical|about|description|recipe|adapter|architecture|how it was|settings)\b|训练|訓練|学習|학습|обучен|微调|トレーニング|モデル"
)


_OPENING = re.compile(rf"[\s>*_`\"'-]{{0,6}}{HERE}{_AFTER}(?:[,:.;(—–→]|\Z)")
OPENS = "opens the sentence"
"""A sentence that begins with the name and goes on as a specification; gives way to anything said outright."""


def read_sentence(sentence: str, location: str, section: list[Heading], context: CardContext) -> Interpretation:
    """Returns how a mention in running text, a heading or a table is read.

    Args:
        sentence: its surroundings with the mention replaced by ``HERE``.
        location: location of the mention.
        section: headings above it, innermost first.
        drift: what the card is about.
    """
    if _NEGATED.search(sentence) and not _NOT_A_DENIAL.search(sentence):
        return Interpretation(True, False, "denied")
    if location == "citation":
        return Interpretation(False, False, "bibliography")
    if _ADVICE.search(sentence):
        return Interpretation(False, False, "advice or support")
    if location == "heading":
        return _read_heading(sentence, section, context)
    if _TRAINED_WITH.search(sentence):
        return Interpretation(False, True, "trained with it")
    if _ASIDE.search(sentence):
        return Interpretation(False, False, "aside, comparison or definition")
    if any(_PASSIVE_SECTION.search(h.text) for h in section[:2]) and not context.adapter:
        return Interpretation(False, False, "section is not about this model's training")
    if _STATED.search(sentence):
        return Interpretation(False, True, "stated")
    if any(_ACTIVE_SECTION.search(h.text) for h in section[:2]):
        return Interpretation(False, True, "section on training")
    if location == "prose" and _OPENING.match(sentence):
        return Interpretation(False, True, OPENS)
    return Interpretation(False, context.adapter, "card is an adapter's" if context.adapter else "no statement")


def _read_heading(sentence: str, section: list[Heading], context: CardContext) -> Interpretation:
    """Reads a heading: the title of the card says what the model is, others only what the section is about."""
    if _ASIDE.search(sentence) or any(_PASSIVE_SECTION.search(h.text) for h in section[:2]):
        return Interpretation(False, False, "heading of another matter")
    if section and section[0].level == 1:
        return Interpretation(False, True, "title")
    return Interpretation(False, context.adapter, "heading")


def read_code(line: str, context: CardContext) -> Interpretation:
    """Returns how a mention inside code is read.

    Args:
        line: the line, with the mention replaced by ``HERE``.
        drift: what the card is about.
    """
    if SWITCHED_OFF.search(line):
        return Interpretation(True, False, "switched off")
    if context.adapter:
        return Interpretation(False, True, "code of an adapter's card")
    return Interpretation(False, False, "code")


def sentence_around(text: str, start: int, end: int, floor: int, ceiling: int) -> str:
    """Returns the sentence around ``text[start:end]``, the mention replaced by ``HERE``.

    Args:
        text: the card.
        start: first character of the mention.
        end: one past its last character.
        floor: the sentence does not begin before this.
        ceiling: nor end after this.
    """
    before = text[max(floor, start - REACH) : start]
    after = text[end : min(ceiling, end + REACH)]
    cuts = [cut.end() for cut in _SENTENCE_END.finditer(before)]
    before = before[cuts[-1] :] if cuts else before
    if stop := _SENTENCE_END.search(after):
        after = after[: stop.start() + 1]
    return _plain(before) + HERE + _plain(after)


_SENTENCE_END = re.compile(
    r"(?<![A-Z])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bal)[.!?](?=[\s\"')\]*<]|\Z)|[。！？]|\n[ \t>]*\n|\n(?=[ \t>]*(?:[-*+•|#]|\d{1,3}[.)])[ \t])|<br ?/?>|</(?:p|li|td|tr|h\d)>",
    re.IGNORECASE,
)
_TARGET = re.compile(r"\]\([^)\s]{0,500}\)?")


def _plain(text: str) -> str:
    """Returns the text without link targets, mark-up signs and line breaks, which patterns need not see."""
    return re.sub(r"\s+", " ", _TARGET.sub("]", text).replace("**", "").replace("\u00a0", " "))
