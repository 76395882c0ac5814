"""Uploads a folder to a dataset repository of the Hub, in one commit.

In: a folder that may be published. Out: the address of the commit. ``huggingface_hub`` reads the token (``hf auth
login`` or HF_TOKEN); it is checked and not stored. Never run against the live service.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
from huggingface_hub.utils._validators import validate_repo_id

from peft_census.collect.http.hub import endpoint, hub_token
from peft_census.errors import SourceError, UsageError

_HINTS = {
    401: "log in with `hf auth login` or set HF_TOKEN to a token with write access.",
    403: "the token has no write access there: use another token, or another --repo.",
    409: "the repository was changed at the same time; run the same command again.",
    413: "the folder is too large for one commit; publish a smaller snapshot.",
}


def check_repo(repo: str) -> None:
    """Raises UsageError if ``repo`` cannot be the id of a repository."""

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UsageError(f"{repo!r} is not a repository id: {error}", "give OWNER/NAME.") from error
    if repo.count("/") != 1:
        raise UsageError(f"{repo!r} is not a repository id", "give OWNER/NAME.")


def push_folder(folder: Path, repo: str, message: str, leave: Collection[str] = ()) -> str:
    """Uploads ``folder`` to the dataset ``repo``, created if it is missing, and returns the commit's address.

    Files that the repository has and the folder lacks are deleted, except ``.gitattributes``. If nothing changed, no
    commit is made and the newest one is returned. This is one call of ``create_commit``, because ``upload_folder`` can
    split a folder over several commits.

    Args:
        folder: what to upload.
        repo: OWNER/NAME.
        message: the commit message.
        leave: names of files that are not uploaded.

    Raises:
        SourceError: the Hub rejected the upload or did not answer; nothing was committed.
    """

    api = HfApi(endpoint(), token=hub_token(), library_name="peft_census")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in leave)
    names = [p.relative_to(folder).as_posix() for p in files]
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True)
        existing = set(api.list_repo_files(repo, repo_type="dataset")) - {".gitattributes"}
        operations = [CommitOperationDelete(name) for name in sorted(existing.difference(names))]
        adds = [CommitOperationAdd(name, file) for name, file in zip(names, files, strict=True)]
        commit = api.create_commit(repo, [*operations, *adds], commit_message=message, repo_type="dataset")
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        hint = _HINTS.get(status, "nothing was committed; run the same command again later.")
        raise SourceError(f"the Hub rejected the upload to {repo} (HTTP {status})", hint) from error
    except LocalTokenNotFoundError as error:
        raise SourceError(f"no token for the upload to {repo}", _HINTS[401]) from error
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        hint = "nothing was committed; run the same command again."
        raise SourceError(f"the upload to {repo} was interrupted ({type(error).__name__})", hint) from error
    return str(commit.commit_url)
