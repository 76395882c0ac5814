"""A hook of MkDocs: adds the pages outside docs/, and removes links to files that are not pages of the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

REPO = Path(__file__).resolve().parent.parent
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
"""Files of the repository's top folder that are pages, and their names on the site."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages outside docs/."""
    for name, page in OUTSIDE.items():
        text = (REPO / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Makes links relative to the site; a link to a file that is no page of the site becomes plain text."""
    name = page.file.src_uri
    source = next((outside for outside, on_site in OUTSIDE.items() if on_site == name), f"docs/{name}")

    def rewritten(link: re.Match[str]) -> str:
        image, text, target, anchor = (part or "" for part in link.groups())
        if not target or "://" in target:
            return link.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        on_site = OUTSIDE.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(on_site) is None or not (path in OUTSIDE or path.startswith("docs/")):
            return text
        return f"{image}[{text}]({posixpath.relpath(on_site, posixpath.dirname(name) or '.')}{anchor})"

    return _LINK.sub(rewritten, markdown)
