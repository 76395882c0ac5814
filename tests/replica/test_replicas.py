"""The replicas keep to the contracts that docs/sources describe."""

from __future__ import annotations

import time

import requests
from civitai_replica import CivitaiReplica, models_of
from github_replica import TOKEN, File, GithubReplica, Window, corpus_of
from serving import serve

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_github_counts_and_refuses_in_windows() -> None:
    """Ten searches pass in a window, the eleventh is a 403 with nothing remaining, the next window is free."""
    with serve(GithubReplica([], Window(10, 1.0))) as url:
        time.sleep(1.0 - time.time() % 1.0)
        answers = [requests.get(f"{url}/search/code?q=a", headers=AUTH, timeout=5) for _ in range(11)]
        free = requests.get(f"{url}/rate_limit", headers=AUTH, timeout=5)
        time.sleep(1.05)
        again = requests.get(f"{url}/search/code?q=a", headers=AUTH, timeout=5)
    assert [a.status_code for a in answers] == [200] * 10 + [403]
    assert [a.headers["x-ratelimit-remaining"] for a in answers[8:]] == ["1", "0", "0"]
    assert answers[10].json()["message"].startswith("API rate limit exceeded for user ID")
    assert answers[10].headers["x-ratelimit-resource"] == "code_search"
    assert free.json()["resources"]["code_search"]["limit"] == 10
    assert again.status_code == 200


def test_github_refuses_the_way_it_was_measured() -> None:
    """401 without token, 400 as text for bad numbers, 422 beyond 1,000, incomplete nothing for unknown repos."""
    with serve(GithubReplica(corpus_of({"LoraConfig": 30}), Window(100, 60))) as url:

        def ask(query: str, **headers: str) -> requests.Response:
            return requests.get(f"{url}/search/code?{query}", headers=headers or AUTH, timeout=5)

        assert requests.get(f"{url}/search/code?q=a", timeout=5).json()["message"] == "Requires authentication"
        assert ask("q=a", Authorization="Bearer wrong").json()["message"] == "Bad credentials"
        bad = ask("q=a&per_page=x")
        assert (bad.status_code, bad.headers["content-type"].split(";")[0]) == (400, "text/plain")
        assert ask("q=a&page=11&per_page=100").status_code == 422
        assert ask("q=").json()["errors"] == [{"resource": "Search", "field": "q", "code": "missing"}]
        unknown = ask("q=LoraConfig+repo:no/body").json()
        assert (unknown["total_count"], unknown["incomplete_results"]) == (0, True)
        page = ask("q=LoraConfig&per_page=10&page=2")
    assert set(page.links) == {"first", "prev", "next", "last"}
    assert (page.json()["total_count"], len(page.json()["items"])) == (30, 10)
    assert {i["score"] for i in page.json()["items"]} == {1.0}


def test_github_matches_words_and_phrases() -> None:
    """Words may stand anywhere, a phrase may not; punctuation and case do not matter; sizes are inclusive."""
    files = [
        File("a/a", "1.py", "from peft import (\n  LoraConfig,\n)"),
        File("a/a", "2.py", "from peft import get_peft_model, LoraConfig"),
        File("a/a", "3.ipynb", "FROM PEFT IMPORT loraconfig"),
    ]
    with serve(GithubReplica(files, Window(100, 60))) as url:

        def total(query: str) -> int:
            answer = requests.get(f"{url}/search/code", params={"q": query}, headers=AUTH, timeout=5)
            return int(answer.json()["total_count"])

        assert total("LoraConfig peft") == 3
        assert total('"from peft import LoraConfig"') == 2
        assert total("LoraConfig language:Python") == 2
        assert total("LoraConfig extension:ipynb") == 1
        size = files[0].size
        assert total(f"LoraConfig size:{size}..{size}") == 1
        assert total("LoraConfig symbol:x") == 0


def test_civitai_pages_the_way_its_source_says() -> None:
    """No total, cursors that keep the extra item, and a 429 for deep page numbers that is no rate limit."""
    with serve(CivitaiReplica(models_of({"LORA": 250}, nsfw=0.2))) as url:

        def ask(query: str) -> requests.Response:
            return requests.get(f"{url}/api/v1/models?{query}", timeout=5)

        first = ask("sort=Oldest&limit=100&nsfw=true").json()
        assert set(first) == {"items", "metadata"}
        second = ask(f"sort=Oldest&limit=100&nsfw=true&cursor={first['metadata']['nextCursor']}").json()
        assert second["items"][0]["id"] == first["items"][-1]["id"] + 1
        newest = ask("sort=Newest&limit=100&nsfw=true").json()
        after = ask(f"sort=Newest&limit=100&nsfw=true&cursor={newest['metadata']['nextCursor']}").json()
        assert after["items"][0]["id"] == newest["items"][-1]["id"] - 2
        deep = ask("limit=100&page=11")
        assert (deep.status_code, "Retry-After" in deep.headers) == (429, False)
        assert {
            ask(q).status_code for q in ("sort=oldest", "types=lora", "limit=101", "cursor=x", "page=1&query=a")
        } == {400}
        assert len(ask("limit=100").json()["items"]) == 100
        plain = {m["nsfw"] for m in ask("limit=100&sort=Oldest").json()["items"]}
        assert plain == {False}
