"""A replica of Civitai's model listing: cursors with their real semantics, the lossy *Newest*, the paging 429.

In: models as (id, type …) and the faults wanted. Out: ``GET /api/v1/models`` and ``/api/v1/enums`` as that
project's source code answers (docs/sources/civitai.md). Not imitated: search by ``query``, region rules.

Run by hand: ``python tests/replica/civitai_replica.py --port 4021`` and ``CIVITAI_API_URL=http://127.0.0.1:4021``.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serving import Faults, Replica, Reply, Request, run, say

TYPES = (
    "Checkpoint TextualInversion Hypernetwork AestheticGradient LORA LoCon DoRA Controlnet Upscaler MotionModule "
    "VAE TextEncoder UNet CLIPVision Poses Wildcards Workflows ComfyWorkflows Detection VisionLanguage CLIP LLM Other"
).split()
SORTS = (
    "Highest Rated",
    "Most Downloaded",
    "Most Liked",
    "Most Discussed",
    "Most Collected",
    "Most Images",
    "Newest",
    "Oldest",
)
PERIODS = ("Day", "Week", "Month", "Year", "AllTime")
_START = datetime(2023, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Model:
    """One listed model; ``raw`` is the JSON of a real one, shown as it is."""

    id: int
    type: str
    last_version: datetime
    nsfw: bool = False
    downloads: int = 0
    base: str = "SD 1.5"
    raw: str = ""

    def item(self) -> dict[str, object]:
        """Returns the model as the listing shows it."""
        if self.raw:
            real: dict[str, object] = json.loads(self.raw)
            return real
        moment = self.last_version.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stats = {"downloadCount": self.downloads, "thumbsUpCount": 1, "commentCount": 0}
        return {
            "id": self.id,
            "name": f"model {self.id}",
            "description": "<p>words that a census does not keep</p>",
            "type": self.type,
            "nsfw": self.nsfw,
            "nsfwLevel": 16 if self.nsfw else 1,
            "stats": stats,
            "creator": {"username": f"user{self.id % 97}"},
            "tags": [],
            "modelVersions": [
                {
                    "id": self.id * 10,
                    "name": "v1",
                    "baseModel": self.base,
                    "createdAt": moment,
                    "publishedAt": moment,
                    "files": [],
                    "images": [],
                    "stats": {"downloadCount": self.downloads},
                }
            ],
        }


class CivitaiReplica(Replica):
    """The state of the replica.

    Args:
        models: what is listed.
        faults: what breaks.
        busy_after: a rate-limit 429 with Retry-After strikes at this request, once; 0 never.
        dies_after: only 500 is answered after this many requests; 0 never.
    """

    def __init__(
        self, models: Iterable[Model], faults: Faults | None = None, busy_after: int = 0, dies_after: int = 0
    ) -> None:
        super().__init__(faults)
        self.dies_after = dies_after
        self.models = list(models)
        self.busy_after = busy_after
        self.spoil: set[int] = set()
        self.wrong: dict[int, str] = {}
        """Number of a request for a page → what is wrong with it: no_cursor, empty, short (half of it, no
        cursor), no_list, malformed, or 524."""
        self.always = ""
        """What is wrong with each page: the same, or renamed (the cursor), no_list (items), malformed (each item)."""
        self._order: dict[tuple[object, ...], list[Model]] = {}

    def reply(self, request: Request) -> Reply:
        """Answers one request."""
        if request.path == "/api/v1/enums":
            return Reply({"ModelType": TYPES})
        if request.path != "/api/v1/models":
            return Reply({"error": "Not Found"}, 404)
        if self.wrong.get(self.number) == "524":
            return Reply("<html>A timeout occurred</html>", 524)
        if self.dies_after and self.number > self.dies_after:
            return Reply({"message": "An unexpected error occurred", "error": "database"}, 500)
        if self.busy_after and self.number >= self.busy_after:
            self.busy_after = 0
            return Reply({"error": "Too many requests"}, 429, {"Retry-After": "1"})
        problem = self._problem(request)
        if problem:
            return problem
        limit = int((request.all("limit") or ["100"])[0])
        sort = (request.all("sort") or ["Highest Rated"])[0]
        chosen = self._ordered(request, sort)
        cursor = request.all("cursor")
        if cursor:
            after = self._after(chosen, sort, cursor[0])
            if after is None:
                return Reply({"error": "Invalid cursor"}, 400)
            chosen = after
        page = chosen[: limit + 1]
        extra = page.pop() if len(page) > limit else None
        metadata: dict[str, object] = {}
        if extra:
            mark = self._mark(extra, sort)
            metadata = {"nextCursor": mark, "nextPage": f"https://civitai.com/api/v1/models?cursor={mark}"}
        items: list[object] = [m.item() for m in page]
        for n, model in enumerate(page):
            if model.id in self.spoil:
                items[n] = {"name": "an item without id and type"}
        return Reply(self._spoiled(items, metadata))

    def _spoiled(self, items: list[object], metadata: dict[str, object]) -> dict[str, object]:
        """Returns a page as a server sends it that lost something or has another format."""
        wrong = self.wrong.get(self.number, self.always)
        if wrong in ("no_cursor", "empty", "short"):
            metadata = {}
        if wrong == "renamed":
            metadata = {"next_cursor": metadata.get("nextCursor")}
        kept = {"empty": [], "short": items[: len(items) // 2], "malformed": [{"name": "x"} for _ in items]}
        return {"items": {"0": items} if wrong == "no_list" else kept.get(wrong, items), "metadata": metadata}

    def _problem(self, request: Request) -> Reply | None:
        limit, page = request.all("limit") or ["100"], request.all("page") or ["0"]
        if not limit[0].isdigit() or int(limit[0]) > 100 or not page[0].isdigit():
            return Reply({"error": {"issues": [{"code": "too_big", "path": ["limit"]}], "name": "ZodError"}}, 400)
        for name, known in (("types", TYPES), ("sort", SORTS), ("period", PERIODS)):
            if any(v not in known for v in request.all(name)):
                issue = {"code": "invalid_enum_value", "path": [name]}
                return Reply({"error": {"issues": [issue], "name": "ZodError"}}, 400)
        if request.all("page") and request.all("query"):
            return Reply({"error": "Cannot use page param with query search. Use cursor-based pagination."}, 400)
        if int(page[0]) * int(limit[0]) > 1000:
            said = "You've requested too many pages, please use cursors instead"
            return Reply({"error": said}, 429)
        return None

    def _ordered(self, request: Request, sort: str) -> list[Model]:
        types = request.all("types")
        everything = request.all("nsfw") == ["true"]
        known = (sort, everything, *types)
        if known not in self._order:
            fit = [m for m in self.models if (not types or m.type in types) and (everything or not m.nsfw)]
            self._order[known] = self._sorted(fit, sort)
        return self._order[known]

    def _sorted(self, fit: list[Model], sort: str) -> list[Model]:
        if sort == "Newest":
            return sorted(fit, key=lambda m: (m.last_version, m.id), reverse=True)
        if sort == "Oldest":
            return sorted(fit, key=lambda m: (m.last_version, m.id))
        return sorted(fit, key=lambda m: (-m.downloads, m.id))

    def _mark(self, model: Model, sort: str) -> str:
        if sort in ("Newest", "Oldest"):
            return f"{int(model.last_version.timestamp() * 1000)}|{model.id}"
        return f"{model.downloads}|{model.id}"

    def _after(self, models: list[Model], sort: str, cursor: str) -> list[Model] | None:
        """Returns what follows a cursor, defects included."""
        try:
            value, number = (int(part) for part in cursor.split("|"))
        except ValueError:
            return None
        if sort == "Newest":  # strictly below the extra item, which no page has shown
            return [m for m in models if (int(m.last_version.timestamp() * 1000), m.id) < (value, number)]
        if sort == "Oldest":  # the second column is lost, so that ties come again
            return [m for m in models if int(m.last_version.timestamp() * 1000) >= value]
        return [m for m in models if (-m.downloads, m.id) >= (-value, number)]


def models_of(counts: Mapping[str, int], nsfw: float = 0.0, ties: int = 1) -> list[Model]:
    """Returns models of the given types, mixed by a fixed seed.

    Args:
        counts: type to number of models.
        nsfw: share that only ``nsfw=true`` lists.
        ties: how many models share one moment.
    """
    draw = random.Random("models")
    kinds = [kind for kind, n in counts.items() for _ in range(n)]
    draw.shuffle(kinds)
    return [
        Model(
            id=1000 + n,
            type=kind,
            last_version=_START + timedelta(minutes=n // ties),
            nsfw=draw.random() < nsfw,
            downloads=draw.randrange(5000),
            base=draw.choice(["SD 1.5", "SDXL 1.0", "Flux.1 D"]),
        )
        for n, kind in enumerate(kinds)
    ]


def real_models(folder: Path) -> list[Model]:
    """Returns the real models whose JSON lies in ``folder``, one a file."""
    found = []
    for file in sorted(folder.glob("[0-9]*.json")):
        text = file.read_text(encoding="utf-8")
        item = json.loads(text)
        moments = [datetime.fromisoformat(v["createdAt"]) for v in item["modelVersions"]]
        found.append(Model(item["id"], item["type"], max(moments, default=_START), bool(item["nsfw"]), raw=text))
    return found


BLOG_TYPES = {"LORA": 7111, "LoCon": 363, "DoRA": 11, "Checkpoint": 2000, "Controlnet": 315, "VAE": 200}
"""10,000 models in the published proportions: 95.0 % of the identified are LoRA, 71.1 % of all."""


def main() -> None:
    """Serves models in the published proportions."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=4021)
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that break")
    args = parser.parse_args()
    share = args.faults / 4
    faults = Faults(error=share, reset=share, truncate=share, html=share)
    run(CivitaiReplica(models_of(BLOG_TYPES, nsfw=0.3, ties=3), faults), args.port, say)


if __name__ == "__main__":
    main()
