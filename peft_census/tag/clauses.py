"""Reads the clause around a mention: who is its subject, what does it say, and with which modality.

In: a sentence in which the mention is replaced by ``HERE``. Out: a ``Clause``. ``interpretation`` decides from it.
A sentence such as "We trained with QLoRA, but the next version will use DoRA" has a clause about this model and a
clause about another one, which patterns over the whole sentence cannot tell apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from peft_census.tag.late_patterns import any_of as _compile
from peft_census.tag.techniques import HERE


class Subject(StrEnum):
    """Whom or what a clause is about."""

    THIS_MODEL = "this model"
    OTHER_MODEL = "another model"
    READER = "the reader"
    UNKNOWN = "unknown"


class Act(StrEnum):
    """Class of the verb that governs the technique."""

    TRAINED = "trained"
    MERGED = "merged"
    ADVISED = "advised"
    COMPARED = "compared"
    PLANNED = "planned"
    NEGATED = "negated"
    ABLATED = "ablated"
    NONE = "none"


@dataclass(frozen=True)
class Clause:
    """The clause around a mention.

    Args:
        text: the clause, with the mention replaced by ``HERE``.
        subject: whom it is about.
        act: class of its verb.
    """

    text: str
    subject: Subject
    act: Act


_BOUNDARY = re.compile(
    r"[;；。]|\s[—–]\s|,\s(?=(?:but|while|whereas|although|though|because|since|unlike|so|which|and (?:we|i|it|this|"
    r"the|its|our|my|then))\b)|\s(?=(?:while|whereas|although|because|since|but)\s)",
    re.IGNORECASE,
)
_MARK = r"[\s*_`\"'“”(\[]{0,4}"
_MARK_AFTER = r"[\s*_`\"'“”)\]]{0,4}"
_OWN_NOUN = r"(?:models?|weights?|checkpoints?|adapters?|versions?|release|repo(?:sitory)?|file|finetune|fine-tune)"

_NEGATED = _compile(
    r"\b(?:did not|didn'?t|does not|doesn'?t|do not|don'?t|never|has not|hasn'?t|have not|haven'?t|was not|wasn'?t"
    r"|were not|"
    r"weren'?t|is not|isn'?t)\s(?:\w+ly\s)?(?:perform|go through|undergo|do|done|run|receive|get|have|been|add|train"
    r"|trained|"
    rf"include|pass through|need|tried|try|try out|with|use)\s(?:\w+\s){{0,2}}{_MARK}{HERE}"
    rf"(?!{_MARK_AFTER}(?:for|on|if|when|unless|without)\b)",
    rf"\b(?:skip(?:ped|s|ping)?|omit(?:ted|s)?|left out|bypass(?:ed)?|forgo|forwent)\s(?:the |any |our "
    rf"|its )?(?:\w+ )?{_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER}(?:\w+ )?(?:was|were) (?:skipped|omitted|left out|bypassed|forbidden|not (?:needed|necessary"
    rf"|part))",
    rf"{HERE}{_MARK_AFTER}[^.;]{{0,30}}\bwere not needed\b",
    rf"(?:[,(（:]|\b(?:but|and|is|are|was|it'?s|that'?s))\s?not\s(?:a |an |the |with |by |using )?{_MARK}{HERE}"
    rf"(?!{_MARK_AFTER}(?:only|just|alone|merely|weights? (?:for|of)))",
    rf"(?:^|[(])\W{{0,3}}not\s(?:a |an |the )?{_MARK}{HERE}",
    rf"\bwhy no\b[^?]{{0,40}}{HERE}[^?]{{0,20}}\?",
    rf"{HERE}{_MARK_AFTER}\s*(?:は|が|を)?(?:不使用|不採用|未適用|使っていない|使わず|使用していない|していません)",
    rf"(?:不采用|不採用|没有经过|未经|未进行|没有进行|不含|不包含)[^。；]{{0,6}}{HERE}",
    rf"\b(?:aucune?|nessuna?|nenhuma?|ningún|ninguna|inget|ingen|geen|żadnej|brak|tanpa|không (?:dùng"
    rf"|sử dụng))\s{_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER}\s?(?:kullanılmadı|kullanılmamıştır|olmadan|tidak digunakan|не применял\w*|не использ\w*)",
    rf"\bwithout\b[^,.;]{{0,50}}\b(?:like|such as|e\.g\.)\s{_MARK}{HERE}",
    rf"\bzonder\s{_MARK}{HERE}|\bbez (?:použití )?{_MARK}{HERE}",
)
_NOT_NEGATED = _compile(
    rf"\bnot (?:only|just|merely|limited to|recommend\w*|required|necessary)\b.{{0,60}}{HERE}",
    rf"(?:instead of|rather than) {_MARK}{HERE}(?:'s|’s)",
    rf"(?:instead of|rather than) {_MARK}{HERE}{_MARK_AFTER}\W{{0,3}}\d",
    rf"\b(?:do not|don'?t|never|not) recommend\b.{{0,60}}{HERE}",
    rf"\b(?:if|when|unless|in case)\b[^.;]{{0,60}}{HERE}",
    rf"{HERE}{_MARK_AFTER}\W{{0,2}}(?:without|no) (?:merging|trigger)",
)
_ABLATED = _compile(
    rf"\bw/o\.?\s{_MARK}{HERE}", rf"\bw/\s?{_MARK}{HERE}.{{0,60}}\bw/o\b", rf"\bablat\w+.{{0,80}}{HERE}"
)
_VERSION = (
    r"(?:versions?|models?|releases?|checkpoints?|iterations?|runs?|attempts?|embeddings?|generations?|work|"
    r"experiments?|card|one|v\d\w*)"
)
_OTHER_MODEL = _compile(
    rf"{HERE}{_MARK_AFTER}(?:versions?|weights?|adapters?|variants?|checkpoints?|models?)?\s?"
    r"(?:is|are|can be) (?:also )?(?:available|"
    r"provided|published|released|uploaded|found|hosted)\W{1,3}"
    r"(?:here\b|separately|elsewhere|(?:in|at|under|on|as) (?:a|an|the|another|my|our|its) "
    r"(?:separate|other|different|own|another))",
    rf"\b(?:credits?|thanks|thank you|kudos|shout-?outs?|courtesy)\b.{{0,80}}{HERE}",
    rf"\b(?:next|previous|earlier|prior|older|old|former|future|upcoming|another|other|existing|first|second"
    rf"|later)"
    rf"\s(?:\w+\s){{0,2}}{_VERSION}\b.{{0,100}}{HERE}(?!{_MARK_AFTER}(?:-?based )?(?:on|of) this)",
    rf"\b(?:successor|predecessor|sequel|sister model)\b.{{0,80}}{HERE}",
    rf"(?:^|[(*_]\s?|\.\s)\W{{0,3}}v?\d+(?:\.\d+)+,?\s(?:used|uses|using|had|was|will|is)\b.{{0,60}}{HERE}",
    rf"(?:^|\W)v\d+(?:\.\d+)*,\s(?:the )?(?:next|previous|last|old|former)\b.{{0,60}}{HERE}",
    rf"\bthere (?:is|are)(?: already)? (?:an? )?(?:existing|other|another)\b.{{0,60}}{HERE}",
    rf"\b(?:my|our|the|a|an|his|her|their)(?: own)? (?:earlier|previous|prior|old(?:er)?|former|first|other|even older"
    rf"|20\d\d)\s(?:\w+\s){{0,3}}{_MARK}{HERE}",
    rf"\b(?:even older|older|earlier|previous)\s{_MARK}{HERE}",
    rf"(?:作者|作成者)[がはの][^。]{{0,20}}{HERE}|(?:上一版|前作|旧版|前バージョン|以前|次のバージョン|下一版|次版|之前的版本)[^。；]{{0,40}}{HERE}",
    rf"\b(?:authors?|creators?|owners?)\b.{{0,30}}\b(?:also )?(?:makes?|creates?|publish(?:es)?"
    rf"|trains?)\b.{{0,30}}{HERE}",
    rf"\b(?:complemented|accompanied|paired|supplemented|shipped together) (?:by|with)\b.{{0,60}}{HERE}",
    rf"\b(?:pair|works? (?:well |great |best )?with|responds? (?:\w+ )?to|reacts? (?:\w+ )?to|goes well with"
    rf"|plays well with)\b.{{0,60}}{HERE}",
    rf"{HERE}{_MARK_AFTER}(?:\w+ )?(?:is|are) (?:in (?:the|its|their) (?:subfolder|other)|published (?:separately"
    rf"|elsewhere)|not (?:published|mine))",
)
_PLANNED = _compile(
    rf"{HERE}{_MARK_AFTER}(?:is|are|comes?) (?:next|planned|in progress|on (?:our|my|the) (?:list|radar|roadmap"
    rf"|shelf))\b",
    rf"\b(?:next|coming|planned|future|upcoming|wip|to-?do)\s?[:：].{{0,160}}{HERE}",
    rf"\b(?:plan(?:s|ning|ned)? to|will (?:try|use|be trained|be retrained|switch|come|follow)|going to|hope to"
    rf"|intend to|want to|would like to|may try|might try)\b.{{0,80}}{HERE}",
    rf"\b(?:will try|is going to try|to come|in the works|on (?:our|my|the) (?:list|radar|roadmap"
    rf"|shelf))\b.{{0,120}}{HERE}",
    rf"(?:今後|次回|予定|计划|打算|将来|未来)[^。；]{{0,40}}{HERE}|{HERE}[^。；]{{0,30}}(?:予定|计划|打算)",
)
_RESULT = r"(?:\s?(?:r|rank|with rank)\s?=?\s?\d+)?(?:\s?\([^)]{0,30}\))?"
_COMPARED = _compile(
    rf"{HERE}{_MARK_AFTER}(?:(?:with|on|for|at) [\w.-]{{1,20}} )?(?:\w+ )?(?:cannot|can't|could not|lacks"
    rf"|is (?:\w+ )?(?:smaller|larger|slower|faster|better|worse|cheaper|lighter|"
    rf"complicated|simpler|another|different|harder|less|more)|was (?:\w+ )?(?:our|my|the) second|it is (?:measured"
    rf"|compared)|"
    rf"trains? them all)\b",
    rf"^\W*(?:the |a |plain |standard |sequential |straight |full |single |ordinary "
    rf"|vanilla ){{0,2}}{HERE}{_MARK_AFTER}{_RESULT},?\s(?:gets?|gave|reaches|reached|"
    rf"scores?d?|had|has|got|keeps|about)\b.{{0,30}}\d",
    rf"^\W*(?:the |plain |standard |sequential ){{0,2}}{HERE}\s\d+(?:\.\d+)?\W{{0,3}}$",
    rf"\b(?:row|column|line) (?:of|for|with)\b.{{0,30}}{HERE}|{HERE}{_MARK_AFTER}row\b",
    rf"\b(?:alternatives?|neighbou?rs?|cousins?|siblings?|relatives?|variants? (?:are|include)|learned|unlearned"
    rf"|others?|related methods?)\b[^.:]{{0,30}}[:：].{{0,80}}{HERE}",
    rf"\b(?:family|among|neater ways|less sensitive|mirror image|know|pointed (?:us|me) to|better ways|as opposed to"
    rf"|confus\w+|mistaken?)\b.{{0,60}}{HERE}",
    rf"{HERE}{_MARK_AFTER}(?:[^.;]{{0,60}}\bamong them|enthusiasts|users|people)\b",
    rf"\b(?:instead of|rather than) {_MARK}{HERE}(?:'s|’s)?{_MARK_AFTER}\W{{0,3}}\d",
    rf"\b(?:papers?|slides|reading list|related work|worth reading|see also|cf\.?|further reading)\b.{{0,60}}{HERE}",
    rf"\b(?:latency|speed|serving|throughput) (?:tables?|tests?|figures)\b.{{0,40}}{HERE}",
    rf"(?:による|と比較|比べて|对比|比较|不同于|类似)[^。；]{{0,20}}{HERE}",
    rf"(?:بدل[اًا]{{0,2}} من|عام|عادی|عام طور|के मुकाबले)\s?{_MARK}{HERE}",
)
_IMPERATIVE = (
    r"(?:pair|use|load|try|combine|download|enter|click|add|put|place|install|run|apply|stack|see|check|visit|set|"
    r"select|choose|pick|consider|refer|follow|make sure|note that you|feel free|remember|don't|do not|avoid|prefer|"
    r"please|copy|drop|enable|pass|train)"
)
_READER = _compile(
    rf"\bcompatib(?:le|ility) with\b.{{0,60}}{HERE}",
    rf"^\W*(?:\d+[.)]\s*)?(?:then |now |optionally,? |alternatively,? |just |simply |also |first,? |or "
    rf"|for [^,]{{1,50}}, )?{_IMPERATIVE}\b(?!\s(?:of|with|data|set|loss|steps|time)\b)[^:：]{{0,90}}{HERE}",
    rf"\b(?:you|your|users?|people|anyone|those who|fans? of|beginners?)\b(?! (?:get|download|see|have here) (?:is"
    rf"|are)).{{0,80}}{HERE}",
    rf"\b(?:recommend(?:ed|s|ation)?|suggest(?:ed|s|ion)?|advise[ds]?|encourage[ds]?|advisable)\b.{{0,80}}{HERE}",
    rf"\bfor (?:\w+ ){{0,3}}(?:use|users|finetuning|fine-tuning|training), .{{0,40}}{HERE}.{{0,20}}\b(?:works?|helps?"
    rf"|is enough|suffices)\b",
    rf"{HERE}[^。．，,]{{0,24}}(?:推奨|おすすめ|お勧め|オススメ|お薦め|してください|使うこと|を使うと|併用|추천|권장|推荐|建议|可选|を試)",
    rf"(?:推奨|おすすめ|お勧め|好きな人|场合|推荐|建议|请|可选|欢迎|您|你可|权장)[^。；]{{0,40}}{HERE}",
    rf"{HERE}[^。；，]{{0,16}}(?:时|時|的话|の場合|する場合|하려면|하는 경우)",
    rf"(?:用于|用來|用来|适合|適合|方便|便于)[^。；，]{{0,24}}(?:训练|訓練|微调|微調)[^。；，]{{0,16}}{HERE}",
    rf"(?:^|[^A-Za-z])(?:để|cho việc|muốn)\s[^.;]{{0,40}}{HERE}",
    rf"\b(?:scripts?|recipes?|code|tools?|notebooks?|containers?|librar(?:y|ies))\b[^.:]{{0,40}}\b(?:including|include"
    rf"|includes|covers?|for)\b.{{0,80}}{HERE}",
)
_INFERENCE = _compile(
    rf"\b(?:use|using|with|at)\b.{{0,40}}{HERE}.{{0,30}}\b(?:strengths?|weights?) (?:of |at |around |= ?|between "
    rf"|[:：] ?)?\d",
    rf"\b(?:use|using)\b.{{0,40}}{HERE}.{{0,40}}\b(?:at inference|during inference|when generating|in (?:your"
    rf"|the) prompts?)\b",
)
_PASSIVE = _compile(
    rf"{HERE}{_MARK_AFTER}(?:is|are|was|were) (?:\w+ ){{0,2}}(?:extract(?:ed|ions?)|distill(?:ed|ations?))\b",
    rf"{HERE}{_MARK_AFTER}(?:\([^)]{{0,60}}\)\s?)?(?:technique |method |adapters? |approach |algorithm )?(?:was|were|is"
    rf"|has been|have been) (?:also |then |first )?"
    r"(?:used|applied|employed|utili[sz]ed|adopted|chosen|trained|merged|fused|baked|extracted|distilled|folded)"
    r"(?: (?:here|throughout|for|to|in|into|on|with|as|from|by|during|at)\b|\W*$)",
    rf"\b(?:obtained|produced|created|made|built|derived|got)\b.{{0,40}}\b(?:by|with|via|through"
    rf"|from)\b.{{0,60}}{HERE}",
)
_MERGED = _compile(
    rf"\b(?:merg(?:ed|ing|es?)|fus(?:ed|ing)|bak(?:ed|ing)|mix(?:ed|ing)|blend(?:ed|ing)"
    rf"|folded)\s(?:\w+\s){{0,4}}{_MARK}{HERE}{_MARK_AFTER}(?:\w+\s)?(?:into|in|to|with|on)\b",
    rf"\b(?:merged|fused|baked|mixed|blended|folded) (?:in(?:to)?|with|from|together with)\b.{{0,60}}{HERE}",
    rf"\b(?:incorporat(?:ed|es|ing)|including|includes)\b.{{0,20}}\bmerged?\b.{{0,30}}{HERE}",
    rf"\b(?:merging|fusing|baking) (?:\w+ ){{0,3}}{_MARK}{HERE}",
    rf"{HERE}{_MARK_AFTER}(?:was|were|is|are|has been|have been)? ?(?:merged|fused|baked|mixed|folded) (?:in|into|with"
    rf"|at)\b",
    rf"{HERE}[^。；]{{0,10}}(?:マージし|融合|合并|合併|병합)|(?:融合|合并|合併|マージ)[^。；]{{0,12}}{HERE}",
)
_WE_TRAINED = _compile(
    rf"\b(?:we|i|our team|this model|it|the model|the {_OWN_NOUN}|these {_OWN_NOUN}|this {_OWN_NOUN})\b.{{0,80}}"
    rf"\b(?:us(?:ed|es)(?!\s(?:for|as)\b)|appl(?:ied|ies)|employ(?:ed|s)|train(?:ed|s)?|fine-?tuned?|tuned|adopted"
    rf"|chose|obtained|get)\b.{{0,60}}{HERE}",
)


def read_clause(sentence: str) -> Clause:
    """Returns the clause around the mention ``HERE`` in ``sentence``."""
    text = clause_around(sentence)
    act = _act(text, sentence)
    return Clause(text, _subject(text, act), act)


def clause_around(sentence: str) -> str:
    """Returns the part of the sentence between the clause boundaries around the mention."""
    at = sentence.find(HERE)
    start, end = 0, len(sentence)
    for boundary in _BOUNDARY.finditer(sentence):
        if boundary.end() <= at:
            start = boundary.end()
        elif boundary.start() >= at + len(HERE):
            end = boundary.start()
            break
    return sentence[start:end]


def _act(text: str, sentence: str) -> Act:
    """Returns the class of the verb that governs the technique."""
    if _NEGATED.search(text) and not _NOT_NEGATED.search(sentence):
        return Act.NEGATED
    if _ABLATED.search(sentence):
        return Act.ABLATED
    if _PLANNED.search(text):
        return Act.PLANNED
    if _PASSIVE.search(text):
        return Act.TRAINED
    if _COMPARED.search(text):
        return Act.COMPARED
    if _INFERENCE.search(text):
        return Act.ADVISED
    if _MERGED.search(text):
        return Act.MERGED
    if _READER.search(text):
        return Act.ADVISED
    if _WE_TRAINED.search(text):
        return Act.TRAINED
    return Act.NONE


def _subject(text: str, act: Act) -> Subject:
    """Returns whom the clause is about."""
    if _OTHER_MODEL.search(text):
        return Subject.OTHER_MODEL
    if act is Act.ADVISED:
        return Subject.READER
    if act in (Act.TRAINED, Act.MERGED):
        return Subject.THIS_MODEL
    return Subject.UNKNOWN
