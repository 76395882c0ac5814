"""Cards in an object store: a server that speaks S3 on loopback, by real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest
from helpers import write_cards

from peft_census.collect.find_files import find_files
from peft_census.errors import CensusError, UsageError

needs_server = pytest.mark.skipif(find_spec("moto") is None, reason="the local S3 server (moto) is not installed")
CARD = {"card": "Trained with LoRA on forty samples."}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A bucket ``cards`` with three files in a folder ``a``, one of them hidden; the same files on this machine."""
    from moto.server import ThreadedMotoServer

    for name in ("a/x.parquet", "a/b/y.parquet", "a/_temporary/z.parquet"):
        write_cards(tmp_path / name, [{"modelId": f"o/{Path(name).stem}"} | CARD])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "planted-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    store, _ = pyarrow.fs.FileSystem.from_uri("s3://cards?allow_bucket_creation=true")
    store.create_dir("cards")
    pyarrow.fs.copy_files(str(tmp_path / "a"), "cards/a", destination_filesystem=store)
    yield tmp_path
    server.stop()


@pytest.mark.campaign
@needs_server
def test_a_census_of_a_bucket_is_that_of_the_same_files(bucket: Path, run: Any) -> None:
    """Folder, glob and file; the snapshot of the folder has the id of the local one."""
    names = {
        "s3://cards/a": ["b/y.parquet", "x.parquet"],
        "s3a://cards/a/*.parquet": ["x.parquet"],
        "s3://cards/a/*/y.parquet": ["y.parquet"],
        "s3://cards/a/x.parquet": ["x.parquet"],
    }
    assert {url: find_files(url).names for url in names} == names
    results = [
        run("census", "-s", s, "-o", o, "--quiet", "--json") for s, o in (("a", "here"), ("s3://cards/a", "far"))
    ]
    assert [r.exit_code for r in results] == [0, 0], results[1].stderr
    here, far = (json.loads(r.stdout)["snapshot_id"] for r in results)
    assert far == here


@pytest.mark.campaign
@needs_server
@pytest.mark.parametrize("url", ["s3://cards/none", "s3://no-such-bucket/a", "s3://cards/a/*.csv"])
def test_what_a_store_does_not_have_is_named(bucket: Path, url: str, run: Any) -> None:
    """The error names the URL and what to do; it does not hold a secret."""
    result = run("tag", "-s", url, "-o", "m.parquet")
    assert result.exit_code != 0 and url in result.stderr and "planted-secret" not in result.stderr


@pytest.mark.parametrize("url", ["s3://key:pass/word@cards/a", "s3://key:password@cards/a?region=x"])
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    """Command lines are in logs and in lists of processes."""
    with pytest.raises(UsageError, match="with a password") as error:
        find_files(url)
    assert "word" not in str(error.value).replace("password is", "").replace("a password", "")


def test_an_unknown_kind_of_url_is_named() -> None:
    """The hint names those that work."""
    with pytest.raises(CensusError, match=r"(?s)ftp://host/cards .*s3://, gs:// or hf://"):
        find_files("ftp://host/cards")
