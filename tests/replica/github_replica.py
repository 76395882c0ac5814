"""A replica of GitHub's code search: queries over a corpus, rate windows, the 1,000-result cap, odd errors.

In: a corpus of files and the faults wanted. Out: ``GET /search/code`` and ``GET /rate_limit`` as measured on
the real service (see docs/sources/github.md for what that rests on). Not imitated: ranking, the index's lag.

Run by hand: ``python tests/replica/github_replica.py --port 4020`` and
``GITHUB_API_URL=http://127.0.0.1:4020 GITHUB_TOKEN=replica-of-github-only``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlencode

import planted
from serving import Faults, Replica, Reply, Request, run, say

TOKEN = "replica-of-github-only"
"""For use by hand; tests send the planted token."""
CAP = 1000
LANGUAGES = {".py": "python", ".ipynb": "jupyter notebook", ".md": "markdown"}
_WORD = re.compile(r"[A-Za-z0-9_]+")
_TERM = re.compile(r'([a-z]+):("[^"]*"|\S+)|"([^"]*)"|(\S+)')
_REPOSITORY_PARTS = (
    "archive assignees blobs branches collaborators comments commits compare contents contributors deployments "
    "downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels "
    "languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags "
    "teams trees"
).split()
_OWNER_PARTS = ("followers following gists starred subscriptions organizations repos events received_events").split()


@dataclass(frozen=True)
class File:
    """One indexed file."""

    repository: str
    path: str
    text: str

    @cached_property
    def sha(self) -> str:
        """Git's blob id."""
        body = self.text.encode()
        return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that the search sees: punctuation and case are ignored."""
        return tuple(w.lower() for w in _WORD.findall(self.text))

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.encode())


@dataclass
class Window:
    """A fixed rate window."""

    limit: int = 10
    seconds: float = 60.0
    opened: float = 0.0
    used: int = 0

    def spend(self) -> bool:
        """Counts one request; False when the window is spent."""
        now = time.time()
        if now - self.opened >= self.seconds:
            self.opened, self.used = now, 0
        self.used += 1
        return self.used <= self.limit

    def headers(self) -> dict[str, str]:
        """Returns the rate headers; the reset is in whole seconds, rounded up."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.used)),
            "x-ratelimit-used": str(min(self.used, self.limit)),
            "x-ratelimit-reset": str(int(-(-(self.opened + self.seconds) // 1))),
            "x-ratelimit-resource": "code_search",
        }


@dataclass
class Moods:
    """What the search itself gets wrong, apart from the network's faults.

    Args:
        incomplete: share of requests answered with incomplete_results and too small a total.
        totals: factors by which the total of a query moves from one reading to the next.
        secondary_after: a secondary limit strikes before this request, once; 0 never.
        secondary_wait: its Retry-After in seconds; None leaves the header out.
    """

    incomplete: float = 0.0
    totals: tuple[float, ...] = (1.0,)
    secondary_after: int = 0
    secondary_wait: int | None = 1
    struck: bool = field(default=False, init=False)


class GithubReplica(Replica):
    """The state of the replica."""

    def __init__(
        self,
        corpus: Iterable[File],
        window: Window | None = None,
        faults: Faults | None = None,
        moods: Moods | None = None,
    ) -> None:
        super().__init__(faults)
        self.files = list(corpus)
        self.window = window or Window()
        self.moods = moods or Moods()
        self.refused = 0
        self._index: dict[str, set[int]] = {}
        for number, file in enumerate(self.files):
            for word in set(file.words):
                self._index.setdefault(word, set()).add(number)
        self._repositories = {f.repository.lower() for f in self.files}
        self._readings: Counter[str] = Counter()

    def stats(self) -> dict[str, object]:
        """Returns the counters; ``refused`` are answers beyond the rate window."""
        return {**super().stats(), "refused": self.refused}

    def reply(self, request: Request) -> Reply:
        """Answers one request."""
        if request.path not in ("/search/code", "/rate_limit"):
            return Reply({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404)
        sent = request.headers.get("authorization", "")
        if not sent:
            return self._error(401, "Requires authentication")
        if sent.split()[-1] not in (TOKEN, planted.GITHUB):
            return self._error(401, "Bad credentials")
        if request.path == "/rate_limit":
            return Reply(self._rate_limit())
        return self._search(request)

    def _error(self, status: int, message: str, **more: object) -> Reply:
        body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        return Reply({**body, **more}, status)

    def _rate_limit(self) -> dict[str, object]:
        h = self.window.headers()
        search = {k: int(h[f"x-ratelimit-{k}"]) for k in ("limit", "used", "remaining", "reset")}
        core = {"limit": 5000, "used": 0, "remaining": 5000, "reset": search["reset"]}
        return {"resources": {"core": core, "search": core, "code_search": search}, "rate": core}

    def _search(self, request: Request) -> Reply:
        moods = self.moods
        if moods.secondary_after and self.number >= moods.secondary_after and not moods.struck:
            moods.struck = True
            wait = {} if moods.secondary_wait is None else {"retry-after": str(moods.secondary_wait)}
            reply = self._error(403, "You have exceeded a secondary rate limit. Please wait a few minutes.")
            reply.headers = wait
            return reply
        if not self.window.spend():
            self.refused += 1
            reply = self._error(403, "API rate limit exceeded for user ID 1. (But here's the good news: wait.)")
        else:
            reply = self._answer(request)
        reply.headers = {**self.window.headers(), **reply.headers}
        return reply

    def _answer(self, request: Request) -> Reply:
        numbers = {}
        for name, default in (("page", 1), ("per_page", 30)):
            values = request.all(name)
            if len(values) > 1 or not all(re.fullmatch(r"-?\d+", v) for v in values):
                return Reply(f"Failed to deserialize query string: {name}: invalid digit found in string", 400)
            numbers[name] = int(values[0]) if values else default
        if len(request.all("q")) > 1:
            return Reply("Failed to deserialize query string: duplicate field `q`", 400)
        query = (request.all("q") or [""])[0]
        if not query.strip():
            errors = [{"resource": "Search", "field": "q", "code": "missing"}]
            return self._error(422, "Validation Failed", errors=errors)
        page, per_page = max(1, numbers["page"]), min(100, max(1, numbers["per_page"]))
        if page * per_page > CAP:
            return self._error(422, "Cannot access beyond the first 1000 results")
        found, known = self._find(query)
        total, incomplete = self._mood(query, page, len(found), known)
        start = (page - 1) * per_page
        fragments = "text-match" in request.headers.get("accept", "")
        terms = [w.lower() for m in _TERM.finditer(query) if not m[1] for w in _WORD.findall(m[3] or m[4])]
        items = [
            self._item(self.files[n], request.base, terms if fragments else None)
            for n in found[start : start + per_page]
        ]
        body = {"total_count": total, "incomplete_results": incomplete, "items": items}
        return Reply(body, headers=self._link(request, query, page, per_page, total))

    def _mood(self, query: str, page: int, total: int, known: bool) -> tuple[int, bool]:
        if not known:
            return 0, True
        moods = self.moods
        if random.Random(f"{self.faults.seed}|{self.number}|mood").random() < moods.incomplete:
            return total // 3, True
        if page == 1 and len(moods.totals) > 1:
            factor = moods.totals[self._readings[query] % len(moods.totals)]
            self._readings[query] += 1
            return round(total * factor), False
        return total, False

    def _link(self, request: Request, query: str, page: int, per_page: int, total: int) -> dict[str, str]:
        last = max(1, -(-total // per_page))
        wanted = {"first": 1, "prev": page - 1 or None, "next": page + 1 if page < last else None, "last": last}
        links = [
            f'<{request.base}/search/code?{urlencode({"q": query, "per_page": per_page, "page": n})}>; rel="{rel}"'
            for rel, n in wanted.items()
            if n
        ]
        return {"Link": ", ".join(links)}

    def _find(self, query: str) -> tuple[list[int], bool]:
        """Returns the files that fit, in the order of the corpus, and whether every repo: named exists."""
        fit = set(range(len(self.files)))
        for match in _TERM.finditer(query):
            name, value = match[1], (match[2] or "").strip('"').lower()
            if name == "repo":
                if value not in self._repositories:
                    return [], False
                fit = {n for n in fit if self.files[n].repository.lower() == value}
            elif name == "language":
                fit = {n for n in fit if LANGUAGES.get(_suffix(self.files[n].path)) == value}
            elif name == "extension":
                fit = {n for n in fit if _suffix(self.files[n].path) == f".{value}"}
            elif name == "size":
                low, high = _range(value)
                fit = {n for n in fit if low <= self.files[n].size <= high}
            elif name:
                fit = set()  # the replica knows no other qualifier; better nothing than a wrong answer
            else:
                phrase = [w.lower() for w in _WORD.findall(match[3] if match[3] is not None else match[4])]
                for word in phrase:
                    fit &= self._index.get(word, set())
                if len(phrase) > 1:
                    fit = {n for n in fit if _adjacent(self.files[n].words, phrase)}
        return sorted(fit), True

    def _item(self, file: File, base: str, terms: list[str] | None) -> dict[str, object]:
        owner, name = file.repository.split("/")
        number = int(hashlib.sha1(file.repository.encode()).hexdigest()[:7], 16)
        here = f"{base}/repositories/{number}"
        item: dict[str, object] = {
            "name": file.path.rsplit("/", 1)[-1],
            "path": file.path,
            "sha": file.sha,
            "url": f"{here}/contents/{file.path}?ref=main",
            "git_url": f"{here}/git/blobs/{file.sha}",
            "html_url": f"https://github.com/{file.repository}/blob/main/{file.path}",
            "repository": _repository(base, number, owner, name),
            "score": 1.0,
        }
        if terms is not None:
            item["text_matches"] = [
                {
                    "object_url": item["url"],
                    "object_type": "FileContent",
                    "property": "content",
                    "fragment": fragment,
                    "matches": [{"text": terms[0], "indices": [0, len(terms[0])]}],
                }
                for fragment in _fragments(file.text, terms)
            ]
        return item


def _repository(base: str, number: int, owner: str, name: str) -> dict[str, object]:
    user = f"{base}/users/{owner}"
    here = f"{base}/repos/{owner}/{name}"
    return {
        "id": number,
        "node_id": f"R_{number}",
        "name": name,
        "full_name": f"{owner}/{name}",
        "private": False,
        "owner": {
            "login": owner,
            "id": number,
            "node_id": f"U_{number}",
            "avatar_url": f"{base}/u/{number}",
            "gravatar_id": "",
            "url": user,
            "html_url": f"https://github.com/{owner}",
            "type": "User",
            "site_admin": False,
            **{f"{part}_url": f"{user}/{part}" for part in _OWNER_PARTS},
        },
        "html_url": f"https://github.com/{owner}/{name}",
        "description": None,
        "fork": False,
        "url": here,
        **{f"{part}_url": f"{here}/{part}" for part in _REPOSITORY_PARTS},
    }


def _fragments(text: str, terms: list[str]) -> list[str]:
    """Returns at most two windows of the text around matched words, cut at characters, not at lines."""
    found: list[str] = []
    end = 0
    for match in re.finditer("|".join(map(re.escape, terms)), text, re.IGNORECASE):
        if match.start() < end:
            continue
        start = text.rfind("\n", 0, match.start()) + 1
        end = min(len(text), start + 400)
        found.append(text[start:end])
        if len(found) == 2:
            break
    return found


def _suffix(path: str) -> str:
    return "." + path.rsplit(".", 1)[-1].lower()


def _range(value: str) -> tuple[float, float]:
    if ".." in value:
        low, high = value.split("..")
        return float(low), float(high)
    if value.startswith(">"):
        return float(value.lstrip(">=")) + (0 if "=" in value else 1), float("inf")
    if value.startswith("<"):
        return 0, float(value.lstrip("<=")) - (0 if "=" in value else 1)
    return float(value), float(value)


def _adjacent(words: tuple[str, ...], phrase: list[str]) -> bool:
    width = len(phrase)
    return any(list(words[i : i + width]) == phrase for i in range(len(words) - width + 1))


def corpus_of(counts: Mapping[str, int], repositories: int = 200, notebooks: float = 0.0) -> list[File]:
    """Returns files that import the given config classes, ``counts[class]`` files each.

    Args:
        counts: config class to number of files; each file imports one class, right after ``import``.
        repositories: how many repositories the files are spread over.
        notebooks: share of files that are notebooks.
    """
    draw = random.Random("corpus")
    files = []
    for name, count in counts.items():
        for n in range(count):
            repository = f"owner{draw.randrange(repositories)}/project"
            filler = "".join(f"x{k} = {k}\n" for k in range(draw.randrange(60)))
            code = f"# file {n} of {name}\nfrom peft import {name}, get_peft_model\n{filler}config = {name}()\n"
            if draw.random() < notebooks:
                lines = ",\n".join('    "' + line + '\\n"' for line in code.splitlines())
                text = f'{{"cells": [{{"cell_type": "code", "source": [\n{lines}\n]}}]}}'
                files.append(File(repository, f"notebooks/{name}_{n}.ipynb", text))
            else:
                files.append(File(repository, f"src/{name}_{n}.py", code))
    return files


BLOG_IMPORTS = {"LoraConfig": 713, "LoHaConfig": 37, "AdaLoraConfig": 35, "IA3Config": 120, "PrefixTuningConfig": 95}
"""1,000 files in the published proportions: 71.3 % LoRA, 3.7 % LoHa, 3.5 % AdaLoRA."""


def main() -> None:
    """Serves the corpus in the published proportions."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=4020)
    parser.add_argument("--limit", type=int, default=10, help="requests per window")
    parser.add_argument("--window", type=float, default=60.0, help="seconds")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that break")
    args = parser.parse_args()
    share = args.faults / 4
    faults = Faults(error=share, reset=share, truncate=share, html=share)
    replica = GithubReplica(corpus_of(BLOG_IMPORTS, notebooks=0.0), Window(args.limit, args.window), faults)
    run(replica, args.port, say)


if __name__ == "__main__":
    main()
