"""The patterns that ``interpretation`` searches in a sentence, in the languages of the cards.

In every sentence the mention is replaced by ``HERE``. Each pattern is one list of alternatives.
"""

from __future__ import annotations

import re

from peft_census.tag.late_patterns import any_of as _compile
from peft_census.tag.techniques import HERE

_LINK = r"[\s*_`\"'“”(\[]{0,4}"
_AFTER = r"[\s*_`\"'“”)\]]{0,4}"
NEGATED = _compile(
    rf"\b(?:no|without|sans|ohne|sem|sin|без|senza|zonder|بدون|بلا|neither|nor)\s+(?:the\s|any\s|use of\s|using\s|a\s"
    rf"|un\s|une\s|ein\w*\s|um\s|use\s|adapters?\s*(?:or|/|,)\s*|(?:peft|lora|qlora|adapters?)\s*(?:or|/|,"
    rf"|nor)\s*)*{_LINK}{HERE}(?!-?(?:free\b|merg|required|needed|trigger))",
    rf"\b(?:not|never|n't|nicht|nunca|não|ne|pas|не)\s+(?:\w+\s){{0,1}}(?:us(?:e|ed|ing)|appl(?:y|ied)|employ(?:ed)?"
    rf"|involve|rely on|trained (?:with|using|via)|fine-?tuned (?:with|using|via)|using|with|via|through|a|an|based on"
    rf"|utili[sz]ed?|use of|использ\w+|utilis\w+|usa\w*|utiliza\w*)\s(?:a |an |any |the |de |of |la |le "
    rf"|a técnica )?{_LINK}{HERE}",
    rf"{HERE}{_AFTER}(?:adapters?|weights|training|fine-?tuning)?\s*(?:was|were|is|are|has been"
    rf"|have been)(?:\s+(?:deliberately|intentionally|explicitly))?\s*(?:not|never|n't)\s+(?:\w+ly\s)?(?:used|applied"
    rf"|employed|involved|utili[sz]ed|needed|part of)",
    rf"{HERE}{_AFTER}(?:wasn't|weren't|isn't) (?:used|applied|employed)",
    rf"^[\s>|*_`]*{HERE}{_AFTER}\|\s*{_LINK}(?:forbidden|none|no|not used|n/?a|false|disabled|off|✗|✘|❌|🚫|0|never|nein"
    rf"|нет|não)\b{_AFTER}(?:\||$|[(,;])",
    rf"{HERE}{_AFTER}\|\s*(?:✗|✘|❌|🚫|✖)",
    rf"{HERE}{_AFTER}\s*[:=：]\s*{_LINK}(?:false|none|null|no|not used|disabled|off|n/a|~|✗|❌|нет|否|無し|无"
    rf"|没有)\b(?!\s*(?:bias|one))",
    rf"(?:instead of|rather than|in place of|as opposed to|anstelle von|statt|вместо|au lieu d[eu]'?|en lugar de"
    rf"|em vez de)\s(?:using |applying |a |an |the |parameter-efficient (?:methods|fine-?tuning)(?: (?:such as|like))? "
    rf"|adapters? (?:such as|like) )*{_LINK}{HERE}",
    rf"(?:未使用|没有使用|沒有使用|不使用|没有用|未采用|未用|无需|不用|并非|不是|无|非){_LINK}(?:任何)?{_LINK}{HERE}",
    rf"{HERE}{_AFTER}(?:を|は)?{_LINK}(?:一切)?(?:使用|利用|適用)?(?:して(?:い)?(?:ない|ません)|せず|なし|ではな[くい]|を使わず|使っていません|未使用)",
    rf"{HERE}{_AFTER}(?:을|를|은|는|이|가)?\s?(?:사용하지|적용하지|쓰지|없이|아닌|미사용)",
    rf"{HERE}{_AFTER}(?:не|wurde nicht|n'a pas|não foi|no se|nicht)\s?(?:\w+\s)?(?:использова\w+|применя\w+|verwendet"
    rf"|benutzt|eingesetzt|été|usad\w|utilizad\w|usó|utilizó)",
    rf"{HERE}-free\b",
    rf"\bkein(?:e[nmr]?)?\s+{_LINK}{HERE}",
    rf"\b(?:(?:did|do|does|was|were|is|are) not|n't|never|without|neither)\b[^.;:]{{0,40}}\b(?:or|nor)\s+{_LINK}{HERE}",
    rf"(?:do|does|did)(?:\s+not|n't)\s+(?:use|apply|employ|involve|rely on|include)\s(?:a |an |any "
    rf"|the )?{_LINK}{HERE}",
)
"""The technique was not used."""
_OFF = r"[\"']?(?:false|none|null|no|off|~|0|disabled?)[\"']?(?![\w.])"
SWITCHED_OFF = _compile(
    rf"(?<![\w-])(?:--)?(?:(?:\w+[_.-])?(?:use|enable|is|do|with|apply)[_-]?)?{HERE}"
    rf"(?:_enabled|_training|_finetuning|_wd|_lr_ratio|_plus_lr_ratio)?[\"']?\s*[:=]\s*{_OFF}",
    rf"(?<![\w-])--(?:\w+[_-])?(?:use|enable|do|with|apply)[_-]{HERE}\s+{_OFF}",
    rf"(?<![\w-])--(?:no|disable|without)[_-](?:\w+[_-])?{HERE}(?![\w-]*(?:merge|bias|dropout))",
    rf"(?<![\w-])(?:disable|no)_(?:use_)?{HERE}[\"']?\s*[:=]\s*[\"']?(?:true|1|yes|on)\b",
)
"""An option that disables the technique. Numbers and empty values of its parameters do not."""
COMMENTED_OUT = _compile(
    rf"^[ \t>]*(?:#|//)+[ \t]*(?:--|- )?[\"']?[\w.-]*{HERE}[\w.-]*[\"']?\s*[:=]\s*\S",
    rf"^[ \t>]*(?:#|//)+[ \t]*(?:--|- )?[\"']?[a-z][\w.-]*[\"']?\s*[:=]\s*[\"']?{HERE}",
)
"""A setting in a comment, which had no effect."""
NEGATED_CELL = _compile(
    rf"^[\s>|*_`]*{HERE}{_AFTER}(?:\w+ )?\|\s*{_LINK}(?:forbidden|none|no|not used|n/?a|false|disabled|off|0|never|nein"
    rf"|нет|não)\b{_AFTER}(?:\||$|[(,;])",
    rf"^[\s>|*_`]*{HERE}{_AFTER}\|\s*(?:✗|✘|❌|🚫|✖)",
)
"""A table cell beside the technique that says no."""
NOT_A_NEGATION = _compile(
    rf"\b(?:not|don't) (?:only|just|merely|limited to|recommend\w*|advise\w*)\b.{{0,60}}{HERE}",
    rf"(?:instead of|rather than) {_LINK}{HERE}(?:['’]s\b|{_AFTER}\W{{0,3}}\d)",
    rf"\b(?:can|could|able to|works?|even)\b.{{0,50}}\b(?:with no|without)(?: a| any)? {_LINK}{HERE}",
    rf"\b(?:no|without)(?: any)? (?:need|measurable|significant|quality|additional|extra|further)\b.{{0,60}}{HERE}",
    rf"(?:do not|don't|never) (?:use|apply|merge|load|combine|stack)\b.{{0,30}}{HERE}.{{0,40}}\b(?:with|for|on|above"
    rf"|below|if|when|at)\b",
    rf"(?:with (?:and|or|/) ?(?:or )?without|with/without|w/ and w/o)\b.{{0,20}}{HERE}",
    rf"{HERE} for the text encoder was enabled",
)
"""Sentences that ``NEGATED`` matches and that do not negate the technique."""
ADVICE = _compile(
    rf"\b(?:can|could|able to|works?|even)\b.{{0,50}}\b(?:with no|without)(?: a| any)? {_LINK}{HERE}",
    rf"\b(?:you|users?|anyone|developers?|researchers?|practitioners?)\b.{{0,30}}\b(?:can|could|may|might|should|want"
    rf"|wish|need|"
    rf"like|prefer|would|are (?:free|able|welcome)|must|will)\b.{{0,160}}{HERE}",
    rf"\b(?:can|could|may|might|should) (?:also |then |easily |further |now |still |only "
    rf"|optionally )?(?:be )?(?:further )?"
    rf"(?:fine-?tuned?|trained?|adapted?|used?|applied|apply|loaded|load|combined?|merged?|customi[sz]ed?|tuned?"
    rf"|served?|"
    rf"plugged|swapped|run|consider|try)\b.{{0,120}}{HERE}",
    rf"{HERE}.{{0,60}}\b(?:can|could|may|might|should|is going to|will) (?:also |then |easily |not )?"
    rf"(?:be (?:fine-?tuned|trained|used|applied|added|loaded|combined|released|supported|downloaded|found|available|"
    rf"merged|swapped)|require|work|need|help|run|reduce)",
    rf"\bsupport(?:s|ed|ing)?\b.{{0,120}}{HERE}",
    rf"\b(?:compatib(?:le|ility)|recommend(?:s|ed)?|suggest(?:s|ed)?|suitable|ready|intended|designed|meant|useful"
    rf"|ideal|perfect|"
    rf"good|great|usable|capable|ability|able|used|base) (?:\w+ ){{0,5}}(?:for|of|with|to|in|by)\b.{{0,50}}"
    rf"(?<!using )(?<!with )(?<!via ){HERE}",
    rf"\brecommend(?:s|ed)?\b.{{0,60}}{HERE}",
    rf"{HERE}{_AFTER}[^.|]{{0,60}}\b(?:support(?:ed|s)?|compatib(?:le|ility)|is possible|coming soon|to come"
    rf"|planned)\b",
    rf"{HERE}{_AFTER}\W{{0,3}}(?:(?:fine-?tuning|training|tuning|inference|loading|example) ){{0,2}}(?:scripts?"
    rf"|tutorials?|examples?|notebooks?|guides?|toolkit|recipes?)\b",
    rf"(?:^|[:;,(]\s?)(?:in order )?to (?:further )?(?:fine-?tune|train|load|use|enable|apply|perform|run|do|continue"
    rf"|learn|merge)\b.{{0,120}}{HERE}",
    rf"\bhow to\b.{{0,120}}{HERE}",
    rf"\b(?:examples?|scripts?|tutorials?|notebooks?|guides?|recipes?|instructions|code|demo|tips|command"
    rf"|tools?)\b.{{0,30}}"
    rf"\b(?:for|of|on|to|showing|about|with|using|including)\b.{{0,80}}{HERE}",
    rf"\b(?:if|when|whether|in case)\b[^.,]{{0,60}}{HERE}",
    rf"\b(?:require|requires|need|needed|needs|enable|enables|allow|allows|allowing)\b.{{0,80}}{HERE}",
    rf"\b(?:script|tool|code|repo|framework|guide)s?\b.{{0,20}}\b(?:released|available|added"
    rf"|published)\b.{{0,60}}{HERE}",
    rf"{HERE}.{{0,40}}\b(?:scripts?|code|guide)\b.{{0,20}}\b(?:released|available|added|published)",
    rf"\b(?:plug-and-play|off-the-shelf|extensions?)\b.{{0,80}}{HERE}",
    rf"\b(?:scalable|efficient|further|downstream|easy|custom|future|continued|lightweight|native) (?:fine-?tuning"
    rf"|training|"
    rf"finetuning) (?:with|using|via|through|by) {_LINK}{HERE}",
    rf"\bfor\b.{{0,30}}{_LINK}{HERE}{_AFTER}(?:/\w+ ?)?(?:fine-?tuning|training|finetuning|tuning|adapters?"
    rf"|experiments?)\b",
    rf"\b(?:todo|roadmap|future work|coming soon|planned|plan to|we (?:will|intend))\b.{{0,100}}{HERE}",
    rf"(?:可以|可|支持|能够|如果|建议|推荐|您|你)[^。；]{{0,40}}{HERE}",
    rf"{HERE}[^。；]{{0,20}}(?:可以|支持|教程|示例|脚本|演示|入门)",
    rf"{HERE}[^。]{{0,20}}(?:でき(?:ます|る)|可能|対応|サポート)",
    rf"{HERE}.{{0,20}}(?:할 수 있|가능|지원)",
    rf"\b(?:можно|могут|поддерж\w+|pode|podem|puede|pueden|peut|peuvent|kann|können)\b.{{0,100}}{HERE}",
)
"""Advice to the reader, or a statement about what is possible."""
MODAL = _compile(
    r"\b(?:can|could|may|might|should|would|must|shall|if|when|whether|how to|recommend\w*|support\w*|compatible"
    r"|able to|possible)\b",
    r"(?:可以|能够|支持|如果|建议|推荐|可能|できます|できる|推奨|対応|할 수|가능|можно|pode|puede|peut|kann)",
)
"""A clause that says what is possible or advised."""
ASIDE = _compile(
    rf"(?:\bsuch as|\be\.g\.,?|\bincluding|\blike|例如|包括|比如)\b.{{0,60}}{HERE}",
    rf"\b(?:other|another|any|existing|third[- ]party|your(?: own)?|community|more|most|many|popular|various|some"
    rf"|such) (?:\w+ ){{0,2}}{_LINK}{HERE}",
    rf"\b(?:vs\.?|versus|compar(?:ed|ing|ison|ative)\b.{{0,30}}|against|unlike|than|over|outperform\w*|beats?"
    rf"|baselines?|relative to|"
    rf"inspired by|similar to|alternative to|differs? from|(?:identical|same|equal|equivalent"
    rf"|contrast)\b.{{0,30}}\b(?:to|as|with))"
    rf"\b.{{0,40}}{HERE}",
    rf"{HERE}.{{0,30}}\b(?:vs\.?|versus|baselines?|counterparts?|paper|freezes|decomposes|is a (?:method|technique"
    rf"|parameter|way)|works by|"
    rf"introduces|reduces|lacks)\b",
    rf"{HERE}[- ](?:style|like|inspired)\b",
    rf"\b(?:ahead of|behind|in contrast to|contrary to|measured against|as good as|at the (?:price|cost|budget) of"
    rf"|(?:an? )?(?:ordinary|conventional|usual)|"
    rf"default|less than|more than|would be|would have|choose between|chose between|on the list)\b.{{0,40}}{HERE}",
    rf"{HERE}.{{0,30}}\b(?:would|needs|needed|claims|in our setting|had been|still held)\b",
    rf"(?:rispetto a|respecto a|par rapport à|im Vergleich zu|gegenüber|بدل[اًا]* من|مقارنة|相比|相较|比起|по сравнению с"
    rf"|в отличие от|so với|hơn|comparado)\W{{0,12}}{HERE}",
    rf"{HERE}{_AFTER}(?:に比べ|と比べ|より|보다|के मुक़ाबले|के साथ|के مقابلے|相比)",
    rf"\b(?:tried|considered|dropped|rejected|abandoned|discarded|ruled out|tested|evaluated|explored|experimented with"
    rf"|looked at|"
    rf"asked|offers?|probamos|getestet|testé)\b.{{0,60}}{HERE}",
    rf"{HERE}.{{0,40}}\b(?:was|were) (?:also )?(?:tried|considered|dropped|rejected|abandoned|discarded|tested|slower"
    rf"|worse|unstable)\b",
    rf"{HERE}.{{0,12}}(?:検討|試し)",
    rf"\b(?:known as|called|named|introduced|proposed)\b.{{0,12}}{HERE}",
    rf"\b(?:critique|criticism|limitations?|drawbacks?|idea|concept|overview|survey) of\b.{{0,30}}{HERE}",
)
"""The technique is one example of several, a comparison or a definition."""
_DONE = (
    r"(?:fine-?tun(?:ed|ing)|finetun(?:ed|ing)|sft-?ed|trained|train|training|tuned|tuning|adapted|aligned|pre-?trained"
    r"|optimi[sz]ed|"
    r"merged|distilled|created|built|made|obtained|produced|extracted|taught|learned|instruct(?:ion)?-?tuned"
    r"|post-trained|developed|baked|"
    r"quantized|fused|adaptation|speciali[sz]ed|personali[sz]ed|customi[sz]ed)"
)
TRAINED_WITH = _compile(
    rf"\b{_DONE}\b.{{0,140}}?\b(?:using|with|via|by|through|under)\b.{{0,80}}{HERE}",
    rf"\b(?:using|used|via|with|through|employed|applied|leverag\w+|utili[sz]\w+"
    rf"|by)\b.{{0,50}}{HERE}.{{0,100}}\b(?:fine-?tuned|finetuned|"
    rf"trained|tuned|adapted)\b",
    rf"\b(?:we|i)\b.{{0,80}}\b(?:us(?:e|ed)|appl(?:y|ied)|employ(?:ed)?|implement(?:ed)?|adopt(?:ed)?|train(?:ed)?"
    rf"|leverag(?:e|ed)|"
    rf"configured|fine-?tuned?)\b.{{0,100}}{HERE}",
    rf"{HERE}{_AFTER}[- ]?(?:fine-?tuned|finetuned|tuned|trained)\b",
)
"""This model was trained with the technique."""
STATED = _compile(
    rf"(?:^|[:：;,(>→|]|\bwith|\bmit|\btype)\W{{0,6}}{HERE}{_AFTER}\W{{0,4}}(?:with |mit |avec |con "
    rf"|com )?[^.;]{{0,40}}?(?:\d+(?:\.\d+)?\s*(?:virtual|virtuel\w*|tokens?|"
    rf"reflections|factors?|steps|epochs|layers|bits?|trainable|M\b|k\b|parameters)|\b(?:r|rank|dim|alpha|length|factor"
    rf"|block size|tokens|steps|"
    rf"reduction factor|butterfly factor|network dim|conv dim|algo|n|rango|Rang|rang)\s*[=:≈]?\s*\d)",
    rf"\b(?:type|typen|kind|art|tipo)\W{{1,6}}{HERE}",
    rf"\b(?:mit|avec|con|com|med|met|au moyen de|mittels|с помощью|через)\b.{{0,30}}{HERE}.{{0,60}}\b(?:angepasst"
    rf"|trainiert|nachtrainiert|feinabgestimmt|entraîné|"
    rf"entrenado|treinado|trent|getraind|affiné|ajustado)",
    rf"\b{_DONE}\b.{{0,140}}?\b(?:as|in|of|from|on|and|into|use|uses|used)\b.{{0,80}}{HERE}",
    rf"\b{_DONE}\b[^\w.]{{0,6}}{HERE}",
    rf"\b(?:uses|used|using|employs|applies|applying|via)\b.{{0,50}}{HERE}.{{0,100}}\b(?:fine-?tun\w+|finetun\w+"
    rf"|train(?:ed|ing)|tuned|"
    rf"adapt(?:ed|ation)|to (?:train|improve|learn|adapt|reduce))\b",
    rf"{HERE}{_AFTER}[- ]?(?:\([^)]{{0,60}}\)\s*)?(?:based )?[-\s]?(?:fine-?tune|finetune|fine-?tuning|finetuning"
    rf"|merged|merge|adapters?|adaption|"
    rf"adaptation|weights?|checkpoints?|modules?|models?|versions?|variant|layers?|fusion|embeddings?)\b",
    rf"\b(?:we|i|our|my)\b.{{0,120}}\b(?:host|made|provide|release[sd]?|add(?:ed)?|introduc\w+|extracted|removed|merged"
    rf"|mixed|reduced|using)\b"
    rf".{{0,100}}{HERE}",
    rf"\b(?:my|our|this|these) (?:\w+ ){{0,2}}{_LINK}{HERE}",
    rf"\b(?:this|these|it|the|here)\b.{{0,40}}\b(?:is|are|was|were|contains?|uses?|used|provides?|includes?|has|have"
    rf"|incorporates?|"
    rf"comes?|employs?|combines?|merges?|merge|adds?|has been|have been)\b.{{0,100}}{HERE}",
    rf"(?:^|[-*|>•]\s*)\W*[\w /()&-]{{0,40}}\b(?:methods?|techniques?|approach|types?|algorithm|strategy|adapters?"
    rf"|adaptation|peft|train(?:ing|ed)|"
    rf"tuning|tuned|fine-?tun\w*|finetun\w*|procedure|optimi[sz]ation|technology|recipe|setup|config(?:uration)?|mode"
    rf"|framework|stack|"
    rf"architecture|format|precision|parameters|algo)\b[^:：|=]{{0,40}}[:：|=][^|]{{0,80}}{HERE}",
    rf"{HERE}{_AFTER}[-_ ]?(?:r|rank|ranks|alpha|dropout|config(?:uration|s)?|target(?:s| modules)?|dim(?:ension)?"
    rf"|param(?:eter)?s?|hyper-?parameters|"
    rf"settings?|scal(?:e|ing)|modules?|bias|learning rate|lr|layers)\b.{{0,12}}[:=|(≈~]",
    rf"{HERE}{_AFTER}\s*[:：|(]\s*(?:r|rank|alpha|α|dim)\b",
    rf"\b(?:with|using|via|by|through) (?:the )?{_LINK}{HERE}{_AFTER}\s*(?:technique|method|approach|algorithm"
    rf"|recipe)s?\b",
    rf"(?:使用|采用|採用|通过|透過|用|基于|基於|经过|利用|应用|结合|以)[^。；]{{0,30}}{HERE}",
    rf"{HERE}{_AFTER}[^。；]{{0,12}}(?:微调|微調|训练|訓練|适配|权重|模型|方法|技术|アダプタ|学習|ファインチューニング|チューニング|マージ|で|重み|파인튜닝|학습|"
    rf"어댑터|미세|튜닝|로 |으로|를|을|기반|방식|дообуч\w*|обуч\w*|адаптер\w*)",
    rf"(?:дообуч\w*|обуч\w*|trein\w+|ajust\w+|entren\w+|afin\w+|entraîn\w+|trainiert\w*|feinabgestimmt\w*"
    rf"|feinjustiert\w*|angepasst\w*|"
    rf"مدرب|تدريب|ضبط|प्रशिक्ष\S*|फाइन).{{0,100}}{HERE}",
    rf"{HERE}.{{0,40}}(?:дообуч\w*|обуч\w*|treinad\w*|ajustad\w*|entrenad\w*|afinad\w*|entraîné\w*|trainiert\w*"
    rf"|feinabgestimmt\w*|"
    rf"तकनीक|प्रशिक्ष\S*)",
)
"""The technique is a property of the model; also without a verb: "LoHa, dim 4, alpha 1"."""
OTHER_SECTION = _compile(
    r"^\W*(?:\d+[.)]?\d*\s*)?(?:(?:latest |recent |🔥+ ?)?news|what'?s new|(?:latest |recent )?updates?|change ?log"
    r"|roadmap|to-?do(?: list)?|"
    r"acknowledge?ments?|related(?: \w+)?|community(?: \w+)*|ecosystem|faqs?|resources|(?:\w+ )?links|limitations?"
    r"|comparisons?|baselines?|"
    r"examples?|quick ?start|awesome.*|third-party.*|fine-?tuning|finetun(?:e|ing)|(?:q?lora|dora)(?: peft)? (?:example"
    r"|fine-?tuning)s?|"
    r"更新(?:日志)?|新闻|致谢|社区)\W*$",
    r"^\W*(?:\d+[.)]?\d*\s*)?(?:recommend|deploy|serving\b|inference with|vllm|how to (?:fine-?tune|train)"
    r"|fine-?tun(?:e|ing) (?:examples?|guide|the model|"
    r"this model|scripts?|with your|on your)|future work|alternatives)",
)
"""Headings of sections that are not about the training of this model."""
TRAINING_SECTION = _compile(
    r"\b(?:train(?:ing|ed)|fine-?tuning (?:details|procedure|process|method|config\w*|setup|data)|hyper-?parameters?"
    r"|procedure|method(?:ology)?|configuration|"
    r"model (?:details|description|summary|info\w*|overview|architecture)|technical|about|description|recipe|adapter"
    r"|architecture|how it was|settings)\b|训练|訓練|学習|학습|обучен|微调|トレーニング|モデル"
)
"""Headings of sections that are about the training of this model."""
OPENING = re.compile(rf"[\s>*_`\"'-]{{0,6}}{HERE}{_AFTER}(?:[,:.;(—–→]|\Z)")
"""The technique opens the sentence, and a specification follows."""
