"""Checks the GitHub replica and client against two things we did not write. Not part of CI: it needs Node and 500 MB.

First, the replica answers through ``prism proxy``, which holds every answer against GitHub's own OpenAPI
description (``@octokit/openapi``). Second, the client runs against ``backlot``, somebody else's imitation of
the API made from measurements. Everything is installed into one folder that can be thrown away.

Run: ``python tests/replica/conformance.py [FOLDER]``
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from github_replica import BLOG_IMPORTS, TOKEN, GithubReplica, Window, corpus_of
from serving import say, serve

from peft_census.collect.github.search import TEXT_MATCHES, ask_rounds, counts_table, plan_queries, read_total, search
from peft_census.collect.http.rest import Pace, RestClient
from peft_census.collect.response_store import open_campaign
from peft_census.errors import SourceError

PATHS = ("/search/code", "/rate_limit")
PROXY_PORT, BACKLOT_PORT = 4031, 4032
BACKLOT_TOKEN = "admin-service-token"


def install(folder: Path) -> None:
    """Installs the three tools where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@stoplight" / "prism-cli").is_dir():
        say("installing @octokit/openapi and @stoplight/prism-cli …")
        npm = ["npm", "install", "--no-audit", "--no-fund", "@octokit/openapi", "@stoplight/prism-cli"]
        subprocess.run(npm, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    if not (folder / "venv" / "bin" / "backlot").is_file():
        say("installing backlot …")
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([folder / "venv/bin/pip", "install", "--quiet", "backlot"], check=True)


def cut_spec(folder: Path) -> Path:
    """Writes the part of GitHub's description that speaks of code search, references included."""
    whole = json.loads((folder / "node_modules/@octokit/openapi/generated/api.github.com.json").read_text("utf-8"))
    part: dict[str, Any] = {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "paths": {path: whole["paths"][path] for path in PATHS},
        "components": {},
    }
    todo = list(_references(part["paths"]))
    while todo:
        _, kind, name = todo.pop().rsplit("/", 2)
        known = part["components"].setdefault(kind, {})
        if name not in known:
            known[name] = whole["components"][kind][name]
            todo += _references(known[name])
    file = folder / "code-search.json"
    file.write_text(json.dumps(part), encoding="utf-8")
    return file


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


@contextmanager
def running(command: list[str | Path], url: str, env: dict[str, str] | None = None) -> Iterator[None]:
    """Runs a server until the block ends; waits until it answers."""
    with subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(240):
                try:
                    requests.get(url, timeout=5)
                    break
                except requests.ConnectionError:
                    time.sleep(0.25)
            else:
                raise SystemExit(f"{command[0]} does not answer at {url}")
            yield
        finally:
            process.terminate()


def check_replica(folder: Path) -> int:
    """Asks the replica through the validating proxy; returns the number of violations."""
    spec = cut_spec(folder)
    replica = GithubReplica(corpus_of(BLOG_IMPORTS, notebooks=0.1), Window(40, 60))
    questions = [
        ("/search/code", {"q": "LoraConfig peft language:Python", "per_page": 100, "page": page}, 200)
        for page in (1, 2, 10)
    ]
    questions += [
        ("/search/code", {"q": '"from peft import LoHaConfig"'}, 200),
        ("/search/code", {"q": "peft repo:no/body"}, 200),
        ("/search/code", {"q": "peft", "per_page": 100, "page": 11}, 422),
        ("/search/code", {"q": " "}, 422),
        ("/rate_limit", {}, 200),
    ]
    questions += [("/search/code", {"q": f"a{n}"}, None) for n in range(40)]  # until the window is spent
    seen: dict[int, int] = {}
    bad = 0
    with serve(replica) as upstream:
        proxy = f"http://127.0.0.1:{PROXY_PORT}"
        prism: list[str | Path] = [folder / "node_modules/.bin/prism", "proxy", "-p", str(PROXY_PORT), "--errors"]
        with running([*prism, spec, upstream], f"{proxy}/rate_limit"):
            for path, query, status in questions:
                for accept in ("application/json", TEXT_MATCHES) if status == 200 else ("application/json",):
                    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": accept}
                    answer = requests.get(proxy + path, params=query, headers=headers, timeout=30)
                    seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
                    violated = "stoplight.io" in answer.text or "sl-violations" in answer.headers
                    if violated or (status and answer.status_code != status):
                        bad += 1
                        say(f"VIOLATION {path} {query}: {answer.status_code} {answer.text[:600]}")
    say(f"replica through prism: {sum(seen.values())} answers by status {seen}, {bad} violations")
    return bad + (403 not in seen)


def _corpus(file: Path, counts: dict[str, int]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for name, count in counts.items():
            for n in range(count):
                record = {
                    "source_type": "github",
                    "doc_id": f"{name}-{n}",
                    "repo": f"project{n % 7}",
                    "group": "engineering",
                    "title": f"src/{name}_{n}.py",
                    "subtype": "file",
                    "path": f"src/{name}_{n}.py",
                    "content": f"from peft import {name}, get_peft_model\nconfig = {name}(n={n})\n",
                    "created": "2026-03-01T09:00:00Z",
                    "visibility": "public",
                    "author_email": "ava@acme.com",
                }
                stream.write(json.dumps(record) + "\n")


def check_client(folder: Path) -> int:
    """Runs the client against backlot; returns the number of surprises."""
    counts = {"LoraConfig": 30, "LoHaConfig": 4, "AdaLoraConfig": 3}
    data = folder / "backlot"
    _corpus(folder / "corpus.jsonl", counts)
    tool, env = folder / "venv/bin/backlot", {"BACKLOT_DATA_DIR": str(data), "BACKLOT_TELEMETRY": "0"}
    subprocess.run(
        [tool, "import", folder / "corpus.jsonl"], env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{BACKLOT_PORT}"
    problems = []
    serving = [tool, "serve", "--port", str(BACKLOT_PORT), "--log-level", "error", "--disable-telemetry"]
    with running(serving, f"{base}/github/rate_limit", env):
        # It knows no language: (to it a word like any other), so the plan is asked for without qualifiers.
        plan = [q for q in plan_queries({n.lower(): n for n in counts}) if q.measure == "phrase"]
        faults: list[str] = []
        client = RestClient(
            f"{base}/github", Pace(0.0), BACKLOT_TOKEN, note=say, report=lambda where, what: faults.append(what)
        )
        with open_campaign(folder / "backlot.sqlite", "github", {}, fresh=True) as campaign:
            ask_rounds(client, campaign, plan, readings=4)  # 12 requests: more than one window of 10
            rows = counts_table(campaign, plan).to_pylist()
        found = {(r["config_class"], r["status"], r["total_count"]) for r in rows}
        if found != {(name, "read", count) for name, count in counts.items()}:
            problems.append(f"totals {sorted(found)}")
        say(f"client against backlot: {len(rows)} readings, {len(faults)} faults")
        if faults:
            problems.append(f"{len(faults)} avoidable refusals")
        deep = read_total(search(client, "peft", page=11, per_page=100))
        blank = read_total(search(client, " ", page=1, per_page=1))
        if (deep.status, blank.status) != ("refused", "refused"):
            problems.append(f"refusals {deep} {blank}")
        say(f"  beyond 1,000: {deep['reason']}; blank: {blank['reason']}")
        try:
            search(RestClient(f"{base}/github", Pace(0.0), "wrong"), "peft", 1, 1)
            problems.append("a bad token was accepted")
        except SourceError as error:
            say(f"  bad token: {error.what}")
        impatient = [
            requests.get(
                f"{base}/github/search/code?q=peft", headers={"Authorization": f"Bearer {BACKLOT_TOKEN}"}, timeout=30
            )
            for _ in range(11)
        ]
        spent = next((a for a in impatient if a.status_code == 403), None)
        if spent is None:
            problems.append("backlot never refused")
        else:
            say("  its 403, waited out by the client …")
            if search(client, "peft", 1, 1).status != 200:
                problems.append("the client did not wait out a spent window")
            say(f"  … {len(faults)} faults")
    for problem in problems:
        say(f"SURPRISE {problem}")
    return len(problems)


def main() -> int:
    """Runs both checks; 0 when both hold."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".conformance").resolve()
    install(folder)
    return min(1, check_replica(folder) + check_client(folder))


if __name__ == "__main__":
    sys.exit(main())
