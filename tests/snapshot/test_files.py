"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from peft_census.errors import OutputError
from peft_census.snapshot.files import file_sha256, replaced_file, write_atomically


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    """Text is UTF-8 with line feeds only; missing folders are made; nothing else is left."""
    file = tmp_path / "new" / "a.txt"
    write_atomically(file, "ä\n")
    assert file.read_bytes() == b"\xc3\xa4\n"
    write_atomically(file, b"\r\n")
    assert file.read_bytes() == b"\r\n"
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    """After an error the old file is as it was and the temporary file is gone."""
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_file(file) as temporary:
        temporary.write_text("half")
        assert temporary.name.startswith(".") and temporary.name.endswith(".partial")
        _ = 1 / 0
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.txt"):
        write_atomically(tmp_path / "file" / "a.txt", "text")


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    """``file_sha256`` reads the file in pieces and gives the usual hexadecimal digest."""
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    assert file_sha256(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
