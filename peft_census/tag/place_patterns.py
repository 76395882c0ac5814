"""Patterns for the places of a sentence that name a training method.

``HERE`` stands for the name. ``method_place`` decides from these patterns; in such a place a name
counts, and a name that modifies another noun does not.
"""

from __future__ import annotations

import re

from peft_census.tag.late_patterns import any_of as _compile
from peft_census.tag.techniques import HERE

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
TRAINING = _compile(_TRAIN)
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
MEANS = _compile(
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
    r"(?:the |our )?(?:(?:base )?model\b|[\w./-]*(?:llama|mistral|mixtral|gemma|qwen|phi-?\d|pythia|t5\b|bert|gpt"
    r"|falcon|bloom|whisper|stablelm|opt-\d|vit\b|sdxl|stable[- ]diffusion|flux|deepseek|baichuan|glm)[\w./-]*"
    r"|[\w./-]+[- ]\d+(?:\.\d+)?[bm]\b)"
)
"""A base model: the word, a family, or a name with a size."""
OBJECT = _compile(
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
OWN_WEIGHTS = _compile(
    rf"{HERE}{_MARK_AFTER} (?:parameters|weights|layers|modules|matrices) (?:are|were) "
    r"(?:trained|trainable|updated|merged)",
)
_PEFT = r"(?:peft|parameter[- ]efficient(?: fine-?tuning)?)"
_KIND = (
    r"(?:methods?|techniques?|approach|algorithm|algo|type|strategy|recipe|variant|verfahren|methode|technik|méthode"
    r"|método|técnica|метод|техника|способ)"
)
LABEL = _compile(
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
SETTING = _compile(
    rf"--(?:peft|adapter|tuner|algo|finetuning|method)(?:[_-](?:type|method|name))?[ =][\"'`]?{HERE}(?![\w-])",
    rf"--(?:no|disable|without|use|enable|with)[-_](?:use[-_])?{HERE}(?![\w-])",
    rf"(?<![\w-])(?:peft_)?use_{HERE}[\"'`]{{0,2}}\s?[:=]",
    r"(?:peft|adapter|lora|tuner|finetuning|fine_tuning|tuning)[_ -]?(?:type|method|technique|algorithm"
    rf"|variant)[\"'`*]{{0,3}}\s?[:=|]{{1,2}}\s?[\"'`*]{{0,3}}(?:PeftType\.)?{HERE}",
    rf"(?:^|[{{,\"'`|(]|--|- )[ \t]*(?:algo|(?:train(?:ing)?|ft|tune)?_?method|adapter|network_(?:type|algo|module)"
    rf"|tuner|peft)"
    rf"[\"'`*]{{0,3}}(?:\s?[:=]\s?|\s)[\"'`]{{0,2}}(?:[\w.]+\.)?{HERE}[\"'`]{{0,2}}\s*(?:[,;}})\]#|`]|\w+=|$)",
)
_NOUN = (
    r"(?:adapters?|fine-?tun\w*|finetun\w*|tun(?:ed|ing)|peft|methods?(?! of (?!tun|fine|adapt|train))|techniques?"
    r"|approach|algorithm"
    r"|weights?|train(?:ed|ing)|config\w*|hyper-?parameters?|parameters?|ranks?|alpha|layers?|modules?|checkpoint|run"
    r"|initiali[sz]ation|init|implementation|适配器|アダプタ\w*|variant|settings?|recipe|blocks?|r\b|reductions?"
    r"|権重|权重|配置|方法|アダプタ\w*"
    r"|어댑터|微调|训练)"
)
METHOD_NOUN = _compile(
    rf"{HERE}{_MARK_AFTER}[ -]?{_NOUN}(?![ -](?:files?|boards?|rings?|cables?|plates?)\b)",
    rf"\b(?:адаптер|веса|метод|adaptador|pesos|método|técnica|adaptateur|poids|méthode|adapter|gewichte|methode"
    rf"|technique"
    rf"|weights of) (?:d[eo] |d['’])?{_MARK}{HERE}",
)
TUNED = _compile(
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
END = re.compile(
    rf"{_MARK_AFTER}(?:\s?[(（\[][^()（）\[\]\n]{{0,60}}[)）\]])?{_MARK_AFTER}"
    r"(?:\s*(?:\Z|\n|[.。;；:：!?？|)）\]}、，→·=/+&<\"]|[—–]|-{1,2}\s)|"
    r",(?!\s(?:my|his|her|our|who|whose)\b)(?!\s[A-Z][a-z]+\b(?:[,.]| and\b))"
    rf"(?!\s(?:an?|the|one(?! (?:epoch|step|GPU|gpu)))\b"
    r"(?!.{0,60}(?:peft|PEFT|method|technique|adapt|tuning|rank|orthogonal)))|"
    rf"\s(?:{_PARTICIPLE}|we\b|I\b|wir\b)|"
    rf"\s(?:{_FOLLOWED}|or\b|(?:on|for|to|in(?! mind\b)|at|from|over|during|pendant|por|durante|während|with|using|via"
    rf"|through|by|before|after|once|until|when|if|across|while"
    rf"|which"
    r"|that|then|because|since|so|but|only|instead|rather|as (?:the|a|our) (?:\w+[- ])?(?:fine|peft|tun|train|adapt"
    r"|method)\w*"
    r"|is|was|were|has|took|needs|gave|gives|works|trains|updates|uses|adds|keeps|reduces|applied|lets|allows"
    r"|enables|makes|ao|au|outperforms|than|plus|vs"
    r"|and (?=full)|auf|für|zum|zur|in(?! mind\b)|im|an|bei|mit|über|während|und|sur|pour"
    r"|pendant|durante|dans|en|et|du|des|para|em|no|na|sobre|y|e|con"
    r"|com|al|на|для|в|и|по|с|за|der|de|rank|r=|dim|alpha|with)\b)|"
    r"\s?[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])"
)
"""What follows a name that ends its noun phrase. Another noun makes the name a modifier: "Poly Haven", "Bone scans"."""
IN_OPTION = re.compile(rf"\w_{HERE}|{HERE}_\w")
ITEM = re.compile(
    rf"\s*(?:[-*+•]|\d{{1,2}}[.)]|#{{1,6}}|\|(?:[^|]{{0,60}}\|)*?)?\s*[*_`\"']{{0,3}}{HERE}[*_`\"']{{0,3}}\s*"
    r"(?:[:：|(,].*)?\Z",
    re.DOTALL,
)
"""A heading, list item or table cell that is the name."""
TITLE = _compile(rf"\s*#{{1,6}}\s.{{0,60}}\b(?:with|using|via|by|and|mit|avec|con|com)\s{HERE}")
COMPARED = _compile(
    rf"{HERE}{_MARK_AFTER}\W{{0,3}}(?:with )?(?:rank|r|dim|alpha)\b\W{{0,3}}\d",
    rf"\b{_USED} {_ARTICLE}{_MARK}{HERE}|\b(?:ran|run) {_MARK}{HERE}|\bthanks to {_MARK}{HERE}.*{_TRAIN}",
    rf"\b(?:loss|accuracy|results?|curves?)\b.{{0,20}}\b(?:of|with|for|under) (?:the )?{_MARK}{HERE}",
    rf"{HERE}.*\b(?:full (?:parameter )?fine-?tuning|lora|memory|trainable|parameters)\b",
    rf"\b(?:try|tried|tested|prefer|plan(?:ned)?|switch(?:ed)? to|vs\.?|versus|than) {_ARTICLE}{_MARK}{HERE}",
    rf"\b(?:full (?:parameter )?fine-?tuning|lora)\b.*{HERE}"
    rf"|\btrained {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER} on top of\b",
)
NAMES_PEFT = re.compile(r"\bPEFT\b|[Pp]arameter[- ][Ee]fficient|get_peft_model|PeftModel|adapter_config")
FEATURES = (
    re.compile(r"\b(?:[Rr]ank|r|lora_r|[Aa]lpha|lora_alpha)\W{1,6}\d|\brank[- ](?:of )?\d"),
    re.compile(r"\b[Tt]arget[ _][Mm]odules?\b|\btrainable param|\b[Aa]dapter weights\b|\b[Tt]his adapter\b"),
)
IMAGE_SUBJECT = re.compile(
    r"instance_prompt|\btrigger (?:word|token)|\bcharacter\b|stable-diffusion|text-to-image", re.IGNORECASE
)
_RUN_NOUN = (
    r"(?:training|fine-?tuning|finetuning|tuning|config\w*|settings?|hyper-?parameters?|parameters?|adapters?|setup"
    r"|recipe|run|rank|details)"
)
_NO_DATA = r"(?![ -](?:sets?|data\w*|images?|samples?|corpus|corpora|materials?|examples?|files?|of\b|for\b|splits?))"
RUN_NOUN = _compile(rf"{HERE}{_MARK_AFTER}[ -]{_RUN_NOUN}{_NO_DATA}")
"""A name before a noun of a training run. It is a method's where the text beside it gives figures of such a run."""
RUN_HEADING = _compile(
    rf"\s*#{{1,6}}\s+(?:the )?{_MARK}{HERE}{_MARK_AFTER}[ -]{_RUN_NOUN}(?: {_RUN_NOUN})?{_MARK_AFTER}:?\s*\Z"
)
RUN_FIGURES = _compile(
    r"\bepochs?\b|\bsteps?\b|\blearning[ -]rate|\blr\b|\bbatch[ -_]size|\brank\b|\br ?[=:]|\balpha\b|\bdropout\b"
    r"|\b(?:RTX|[AH]\d00|T4|V100|L40S?)\b|\bGPUs?\b|\bVRAM\b|\bAdamW|\boptimi[sz]er\b|\btrainable\b|\bloss curve"
    r"|\b(?:weights|parameters) (?:are|were) (?:updated|trained)|\bfull (?:parameter )?fine-?tuning\b"
    r"|\bconsumer (?:card|gpu)|\bmemory\b|学习率|学習率|训练轮|エポック|эпох|에포크"
)
"""Figures of a training run."""
CHOSEN = _compile(
    rf"\b(?:us(?:e|ed|ing)|ch(?:oo|o)se|picked|(?:switched|moved|turned) to|opted for|went with|settled (?:on|for)"
    rf"|thanks to) {_ARTICLE}{_MARK}{HERE}{_MARK_AFTER}(?:,? (?:which|since|because|to keep|for its|so)\b)"
    rf".*(?:{_TRAIN}|\btrains\b|\bmemory\b|\btrainable\b|\bVRAM\b|\bfull fine-?tuning)",
    rf"\bthanks to {_MARK}{HERE}{_MARK_AFTER},.*{_TRAIN}",
    rf"\b(?:with|using) {_MARK}{HERE}{_MARK_AFTER} \(.{{0,40}}(?:weights|parameters) (?:are|were) (?:updated|trained)",
    rf"{HERE}{_MARK_AFTER} with (?:rank|r|alpha) ?=? ?\d",
    rf"{HERE}{_MARK_AFTER}[ -](?:rank|alpha|r)\b ?[:=]? ?\d",
    rf"{_PARTICIPLE} by {_MARK}{HERE}{_MARK_AFTER} (?:for|over) \w+ (?:epochs?|steps|iterations)",
    rf"{_TUNE} (?:was|is) (?:done|performed|carried out) by {_MARK}{HERE}{_MARK_AFTER} (?:on|with|for)\b",
    rf"{_TRAIN}.{{0,30}}{HERE}{_MARK_AFTER} (?:verwendet|eingesetzt|benutzt|genutzt)",
)
"""A method that somebody chose for a training run."""
BASE_AND = _compile(
    rf"\b(?:{_BASE})[\w.-]*(?: (?:v?\d[\w.]*|base|small|medium|large|instruct|chat))*\s?\+ ?{_MARK}"
    rf"{HERE}{_MARK_AFTER}\s*(?:\Z|[.,;|()])",
    rf"\s*#{{1,3}}\s.{{0,30}}\b(?:{_BASE})[\w.-]*(?: (?:v?\d[\w.]*[bm]?|base|instruct|chat))* {HERE}"
    r" (?:for|on) (?!(?:the|a|an|my|your|our|everyone|kids|people)\b)",
)
"""A base model and the method beside it."""
_FOR_BASE = rf"(?:para|pour|для|für|for)\b.{{0,12}}{_BASE}"
IS_METHOD = _compile(
    rf"\b(?:{_PEFT}|fine-?tuning|finetuning|tuning|adaptation|training) {_KIND}(?: (?:used|here|of choice))* (?:is|was)"
    rf" {_ARTICLE}{_MARK}{HERE}",
    rf"\b(?:{_KIND}) of choice (?:is|was) {_ARTICLE}{_MARK}{HERE}",
    rf"(?:学习|學習|学習|训练|訓練|微调|微調|調整|학습|훈련|튜닝|파인튜닝)\s?(?:方法|手法|方式|기법|방법|방식)\s?"
    rf"(?:は|が|为|為|是|采用|使用|은|는)\s?{_MARK}{HERE}",
    rf"(?:训练|訓練|微调|微調)(?:的|了)?\s?{_MARK}{HERE}{_MARK_AFTER}\s?(?:权重|權重|适配器|模型)",
    rf"{HERE}{_MARK_AFTER}\s?(?:アダプタ|어댑터|适配器|適配器)",
    rf"\b(?:adaptador|adaptateur|адаптер|adapter) {_MARK}{HERE}{_MARK_AFTER} {_FOR_BASE}",
    rf"{HERE}{_MARK_AFTER}[ -](?:adapter|адаптер)\w* {_FOR_BASE}",
)
"""A sentence that says which method it was."""
IS_SOURCE = _compile(
    rf"\b(?:data\w*|texts?|images?|files?|samples?|records?|scans?|photos?) (?:from|of|by|in|on) {_ARTICLE}"
    rf"{_MARK}{HERE}"
)
"""A name of where data come from."""
