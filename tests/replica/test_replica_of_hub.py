"""The replica is honest: the real huggingface_hub client lists and downloads from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard, get_hf_file_metadata, hf_hub_download, set_client_factory
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError
from huggingface_hub.utils._http import default_client_factory

from tests.replica.catalogue import Dataset, from_generator
from tests.replica.hub import serving


@pytest.fixture(autouse=True)
def the_clients_own_session() -> None:
    """Puts back the session that the client makes by itself; the collector's tests replace it."""
    set_client_factory(default_client_factory)


def test_the_real_client_lists_every_model_of_a_tag_over_many_pages() -> None:
    """``list_models`` follows the replica's Link headers to the end and gets each tagged model once."""
    catalogue = from_generator(300)
    with serving(catalogue) as replica:
        api = HfApi(endpoint=replica.base, token=False)
        found = [m.id for m in api.list_models(filter="lora", sort="created_at", expand=["tags", "sha", "createdAt"])]
        assert sorted(found) == sorted(m.id for m in catalogue.models.values() if "lora" in m.tags)
        assert replica.counts.pages == 4


def test_the_real_client_reads_the_fields_of_a_listed_model() -> None:
    """What the replica lists parses into the client's own ModelInfo."""
    with serving(from_generator(3)) as replica:
        listed = HfApi(endpoint=replica.base, token=False).list_models(
            sort="created_at", expand=["sha", "siblings", "createdAt", "gated", "downloads"]
        )
        model = list(listed)[1]
        assert model.id == "owner-001/model-0000001"
        assert model.sha is not None and len(model.sha) == 40
        assert [s.rfilename for s in model.siblings or []] == [".gitattributes", "README.md"]
        assert model.created_at is not None and model.created_at.year == 2022


def test_the_real_client_downloads_a_readme_through_the_redirect(tmp_path: Path) -> None:
    """``hf_hub_download`` finds commit, ETag and length in what the replica answers."""
    catalogue = from_generator(3)
    with serving(catalogue) as replica:
        model = catalogue.models["owner-001/model-0000001"]
        path = hf_hub_download(model.id, "README.md", endpoint=replica.base, cache_dir=tmp_path, token=False)
        assert Path(path).read_bytes() == model.files["README.md"]
        assert model.sha in path
        assert any("/api/resolve-cache/" in p for p in replica.counts.paths)
        assert replica.counts.counted_downloads > 0
        assert ModelCard(Path(path).read_text(encoding="utf-8")).data.tags == ["safetensors"]


def test_the_real_client_meets_the_errors_of_the_real_hub(tmp_path: Path) -> None:
    """A missing file is EntryNotFound; a gated or missing model is 401 for callers without a token."""
    catalogue = from_generator(6)
    with serving(catalogue) as replica:
        options = {"endpoint": replica.base, "cache_dir": tmp_path, "token": False}
        with pytest.raises(EntryNotFoundError):
            hf_hub_download("owner-000/model-0000000", "README.md", **options)
        with pytest.raises(HfHubHTTPError) as missing:
            HfApi(endpoint=replica.base).model_info("nobody/nothing", token=False)
        assert missing.value.response.status_code == 401
        with pytest.raises(GatedRepoError):
            get_hf_file_metadata(f"{replica.base}/owner-005/model-0000005/resolve/main/README.md", token=False)


def test_the_real_client_downloads_a_dataset_file_from_the_cdn(tmp_path: Path) -> None:
    """A large dataset file is redirected to another host, with its size and hash on the way."""
    with serving(from_generator(1)) as cdn, serving(from_generator(1)) as replica:
        dataset = Dataset("owner/cards")
        dataset.commit({"data/train-0.parquet": b"x" * 5000})
        replica.datasets = cdn.datasets = {"owner/cards": dataset}
        replica.cdn_base = cdn.base
        names = HfApi(endpoint=replica.base, token=False).list_repo_files("owner/cards", repo_type="dataset")
        assert names == ["data/train-0.parquet"]
        path = hf_hub_download(
            "owner/cards",
            names[0],
            repo_type="dataset",
            endpoint=replica.base,
            cache_dir=tmp_path,
            token=False,
        )
        assert Path(path).stat().st_size == 5000
        assert cdn.counts.requests["pages"] >= 1


def test_the_real_client_lists_the_commits_of_a_dataset_over_many_pages() -> None:
    """``list_repo_commits`` follows the same pages as our own walk, newest commit first."""
    dataset = Dataset("acme/dump")
    moments = [datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=n) for n in range(120)]
    for n, moment in enumerate(moments):
        dataset.commit({"data/train-0.parquet": b"%d" % n}, moment)
    with serving(from_generator(1)) as replica:
        replica.datasets["acme/dump"] = dataset
        found = HfApi(endpoint=replica.base, token=False).list_repo_commits("acme/dump", repo_type="dataset")
        assert [c.commit_id for c in found] == [sha for sha, _ in reversed(dataset.commits)]
        assert [found[0].created_at, found[-1].created_at] == [moments[-1], moments[0]]
        assert replica.counts.requests["api"] == 3


def test_the_real_client_gets_sizes_and_hashes_of_files() -> None:
    """``get_paths_info``, which mirrors use too, lists the files that exist."""
    catalogue = from_generator(3)
    model = catalogue.models["owner-001/model-0000001"]
    with serving(catalogue) as replica:
        api = HfApi(endpoint=replica.base, token=False)
        (info,) = api.get_paths_info(model.id, ["README.md", "none"], revision=model.sha)
        assert (info.path, info.size) == ("README.md", len(model.files["README.md"]))
