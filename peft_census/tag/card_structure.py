"""Finds the parts of a card: headings, prose, tables, code, links and citations.

In: the text of a card and its front matter. Out: the location of every character, and the headings above it. One
linear pass applies line-wise rules and a few bounded patterns. A Markdown engine is not used, because offsets must
refer to the original text, and the time for malicious text must be proportional to its length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from peft_census.tag.front_matter import FrontMatter

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_HEADING = re.compile(r"[ \t>]{0,6}(#{1,6})(?:[ \t]+|(?=[^#\s]))(.*)")
_HTML_HEADING = re.compile(r"[ \t]*<h([1-6])\b[^>\n]{0,300}>(.*)", re.IGNORECASE)
_TABLE_RULE = re.compile(r"[ \t>]*\|?[ \t]*:?-{1,}:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$")
_BIBTEX = re.compile(
    r"[ \t>]*@(?:article|misc|inproceedings|proceedings|book|software|online|techreport|phdthesis|"
    r"mastersthesis|conference|incollection|inbook|manual|unpublished|preprint|dataset)\s*\{",
    re.IGNORECASE,
)
_REFERENCE_TITLE = re.compile(
    r"\W*(?:\d+[.)]?\s*)?(?:references?|bibliography|citations?(?: information)?|citing\b.*|how to cite\b.*|cite\b.*|"
    r"bibtex.*|related (?:work|papers)|papers|参考文献|引用|参考|引文|参考資料|인용|참고 ?문헌|цитирование|литература|"
    r"referências|citação|referencias|citación|références|literatur|المراجع)(?: \[optional\])?\W*$",
    re.IGNORECASE,
)
_REFERENCE_LINE = re.compile(
    r"[ \t>]*(?:[-*]\s+|\d+[.)]\s+)?(?:\[\^?\w{1,12}\]:?\s|\S.{0,200}?\bet al\b.{0,300}?(?:\(?(?:19|20)\d\d\b|arxiv)|"
    r".{0,300}?arxiv preprint\b)",
    re.IGNORECASE,
)
_CODE_SPAN = re.compile(r"(?<!`)(?:``(?!`)(?:[^`\n]|`(?!`)){1,400}``|`[^`\n]{1,400}`)(?!`)")
_HTML_CODE = re.compile(r"<(code|pre|kbd)\b[^>\n]{0,200}>", re.IGNORECASE)
_TITLE_MARKUP = re.compile(r"<[^<>]{0,200}>|\[([^\]\n]{0,300})\]\([^)\n]{0,500}\)")
_LONGEST_TITLE = 90
"""A longer underlined line is a paragraph above a horizontal rule, although Markdown makes it a heading."""
_LONGEST_HTML_CODE = 50_000
"""A <code> or <pre> that is not closed within this many characters is ignored."""
_URL = re.compile(
    r"(?:https?|ftp)://[^\s<>\"'`|\\^{}，。；、）】」]{1,2000}|\bwww\.[^\s<>\"'`|)\]]{1,500}", re.IGNORECASE
)
_TARGET = re.compile(
    r"\]\([ \t]*<?([^\s()<>]{1,2000}(?:\([^\s()]{0,200}\)[^\s()<>]{0,200})?)|"
    r"\b(?:href|src|srcset|poster)[ \t]*=[ \t]*[\"']?([^\s\"'<>]{1,2000})|"
    r"^[ \t]*\[[^\]\n]{1,200}\]:[ \t]*<?(\S{1,2000})",
    re.IGNORECASE | re.MULTILINE,
)


class Heading(NamedTuple):
    """A heading: first character of its line, level (1 to 6) and text without markup."""

    start: int
    level: int
    text: str


class CardLine(NamedTuple):
    """A line of a card, ``card[start:end]``, and its location."""

    start: int
    end: int
    location: str


class CardStructure:
    """The parts of one card.

    Args:
        text: the card.
        front: its front matter.
    """

    def __init__(self, text: str, front: FrontMatter) -> None:
        self.text = text
        self.front = front
        self.headings: list[Heading] = []
        self.lines: list[CardLine] = []
        self._read_lines()
        self._starts = [line.start for line in self.lines]
        self._heading_starts = [h.start for h in self.headings]
        self._html_code: _SpanSet | None = None
        self._links: dict[int, _SpanSet] = {}
        self._code: dict[int, _SpanSet] = {}

    def location(self, position: int) -> str:
        """Returns the location of ``position``. It does not detect names."""
        if self.in_front_matter(position):
            return "front_matter"
        line = self.line(position)
        if line.location in ("code", "citation"):
            return line.location
        if self.in_link(position):
            return "link"
        if self._in_code(position):
            return "code"
        return line.location

    def in_front_matter(self, position: int) -> bool:
        """Returns whether ``position`` is inside the front matter."""
        return self.front.start <= position < self.front.end

    def in_link(self, position: int) -> bool:
        """Returns whether ``position`` is in a URL or in the target of a link, at any location."""
        begin, end = self._row(position)
        if begin not in self._links:
            targets = [m.span(m.lastindex or 0) for m in _TARGET.finditer(self.text, begin, end)]
            self._links[begin] = _SpanSet(targets + [m.span() for m in _URL.finditer(self.text, begin, end)])
        return self._links[begin].contains(position)

    def _in_code(self, position: int) -> bool:
        """Returns whether ``position`` is in inline code or in an HTML code element."""
        begin, end = self._row(position)
        if begin not in self._code:
            spans = _CODE_SPAN.finditer(self.text, max(begin, self.front.after), end)
            self._code[begin] = _SpanSet([m.span() for m in spans])
        if self._html_code is None:
            self._html_code = _SpanSet(self._find_html_code())
        return self._code[begin].contains(position) or self._html_code.contains(position)

    def _row(self, position: int) -> tuple[int, int]:
        """Returns the span between line feeds around ``position``. Links and inline code do not cross them."""
        end = self.text.find("\n", position)
        return self.text.rfind("\n", 0, position) + 1, end if end >= 0 else len(self.text)

    def line(self, position: int) -> CardLine:
        """Returns the line that contains ``position``."""
        return self.lines[self.line_index(position)]

    def line_index(self, position: int) -> int:
        """Returns the index of the line that contains ``position``."""
        return max(0, bisect_right(self._starts, position) - 1)

    def section(self, position: int) -> list[Heading]:
        """Returns the headings above ``position``, innermost first."""
        section: list[Heading] = []
        end = bisect_right(self._heading_starts, position)
        for heading in reversed(self.headings[max(0, end - 60) : end]):
            if not section or heading.level < section[-1].level:
                section.append(heading)
        return section

    def _read_lines(self) -> None:
        text = self.text
        fence = ""
        bibtex_depth = 0
        reference_level = 0
        lowered = text.lower()
        cites = "et al" in lowered or "arx" in lowered
        position = 0
        for raw in text.splitlines(keepends=True):
            start, position = position, position + len(raw)
            if start < self.front.after:
                self.lines.append(CardLine(start, position, "prose"))
                continue
            if raw.isspace():
                inside = "citation" if bibtex_depth > 0 else "code" if fence else "prose"
                self.lines.append(CardLine(start, position, inside))
                continue
            head = raw[:1000]
            first = head.strip().lstrip("> \t")[:1]
            marker = _FENCE.match(head) if first in "`~" else None
            if bibtex_depth > 0:
                bibtex_depth += raw.count("{") - raw.count("}")
                if marker and fence:
                    bibtex_depth, fence = 0, ""
                location = "citation"
            elif fence:
                location = "code"
                if marker and marker.group(1).startswith(fence) and not head[marker.end() :].strip():
                    fence = ""
                elif first == "@" and _BIBTEX.match(head):
                    location, bibtex_depth = "citation", max(0, raw.count("{") - raw.count("}"))
            elif marker and "`" not in head[marker.end() :]:
                fence, location = marker.group(1), "code"
            elif first == "@" and _BIBTEX.match(head):
                location, bibtex_depth = "citation", max(0, raw.count("{") - raw.count("}"))
            elif first in "#<" and (heading := _HEADING.match(head) or _HTML_HEADING.match(head)):
                level = int(heading.group(1)) if heading.group(1).isdigit() else len(heading.group(1))
                self._add_heading(start, level, heading.group(2))
                if reference_level == 0 or level <= reference_level:
                    reference_level = level if _REFERENCE_TITLE.match(self.headings[-1].text) else 0
                location = "heading"
            elif first in "=-" and self._is_underline(head):
                location = "heading"
            elif (first in "|<" and _is_table_row(head)) or (
                "|" in head and (self._in_open_table() or _TABLE_RULE.match(head))
            ):
                location = "table"
                self._open_table_above(head)
            elif ((cites or "[" in head) and _REFERENCE_LINE.match(head)) or (reference_level and head.strip()):
                location = "citation" if reference_level or _looks_bibliographic(head) else "prose"
            else:
                location = "prose"
            self.lines.append(CardLine(start, position, location))
        if not self.lines:
            self.lines.append(CardLine(0, 0, "prose"))

    def _add_heading(self, start: int, level: int, title: str) -> None:
        plain = _TITLE_MARKUP.sub(lambda m: m.group(1) or " ", title) if "<" in title or "[" in title else title
        self.headings.append(Heading(start, level, plain.strip().strip("#*_ \t")))

    def _in_open_table(self) -> bool:
        """Returns whether the previous line is a table row. Rows of a table may lack outer pipes."""
        return bool(self.lines) and self.lines[-1].location == "table"

    def _open_table_above(self, head: str) -> None:
        """Makes the line above a separator such as ``--- | ---`` the head of the table."""
        above = self.lines[-1] if self.lines else None
        if above is None or above.location != "prose" or not _TABLE_RULE.match(head):
            return
        if "|" in self.text[above.start : min(above.end, above.start + 1000)]:
            self.lines[-1] = CardLine(above.start, above.end, "table")

    def _is_underline(self, head: str) -> bool:
        """Returns whether this line underlines the previous one, and makes that one a heading."""
        stripped = head.strip()
        if len(stripped) < 3 or (stripped.strip("=") and stripped.strip("-")):
            return False
        before = self.lines[-1] if self.lines else None
        if before is None or before.location != "prose" or before.start < self.front.after:
            return False
        title = self.text[before.start : min(before.end, before.start + 300)].strip()
        if not 0 < len(title) <= _LONGEST_TITLE or title.startswith(("- ", "* ", ">")) or title.endswith((".", "。")):
            return False
        self._add_heading(before.start, 1 if stripped[0] == "=" else 2, title)
        self.lines[-1] = CardLine(before.start, before.end, "heading")
        return True

    def _find_html_code(self) -> list[tuple[int, int]]:
        spans = []
        end = 0
        closings: dict[str, int] = {}
        for opening in _HTML_CODE.finditer(self.text, self.front.after):
            start = opening.end()
            if start < end:
                continue
            tag = f"</{opening.group(1)}"
            if closings.get(tag, 0) < start:  # otherwise the closing tag of the last opening closes this one too
                closing = self.text.find(tag, start)
                closings[tag] = closing if closing >= 0 else len(self.text) + _LONGEST_HTML_CODE
            if closings[tag] - start < _LONGEST_HTML_CODE:
                end = closings[tag]
                spans.append((start, end))
        return spans


class _SpanSet:
    """A set of spans that may overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        self._starts = [start for start, _ in merged]
        self._ends = [end for _, end in merged]

    def contains(self, position: int) -> bool:
        at = bisect_right(self._starts, position) - 1
        return at >= 0 and position < self._ends[at]


def _is_table_row(head: str) -> bool:
    stripped = head.strip().lstrip("> ")
    if stripped.startswith("|"):
        return stripped.count("|") >= 2
    lowered = stripped[:4].lower()
    return lowered.startswith(("<td", "<th", "<tr"))


def _looks_bibliographic(head: str) -> bool:
    """Returns whether a line outside a reference section looks like an entry of a bibliography."""
    lowered = head.lower()
    return (
        "et al" in lowered
        or "arxiv preprint" in lowered
        or (bool(re.match(r"[ \t>]*\[\^?\d{1,3}\]:?\s", head)) and bool(re.search(r"(?:19|20)\d\d", head)))
    )
