"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from peft_census.errors import OutputError
from peft_census.snapshot import files
from peft_census.snapshot.files import file_sha256, remove_leftovers, replaced_file, replaced_folder, write_atomically


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
        assert temporary.parent.name.startswith(".") and temporary.parent.name.endswith(".partial")
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


def fill(folder: Path, text: str) -> None:
    """Replaces a folder by one with two files of the same text."""
    with replaced_folder(folder) as new:
        for name in ("a", "b"):
            (new / name).write_text(text)


def text_in(folder: int, name: str) -> str:
    """Reads a file of a folder that is open, whatever has its name by now."""
    with open(name, opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as stream:
        return stream.read()


def test_readers_see_the_old_or_the_new_folder(tmp_path: Path) -> None:
    """While a folder is replaced again and again, it is always there, and its files are of one writing."""
    out, seen, stop = tmp_path / "out", set(), threading.Event()
    fill(out, "0")

    def read() -> None:
        while not stop.is_set():
            folder = os.open(out, os.O_RDONLY)
            try:
                seen.add(tuple(text_in(folder, name) for name in ("a", "b")))
            except FileNotFoundError:  # this folder was replaced and is being removed
                continue
            finally:
                os.close(folder)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(60):
        fill(out, str(n))
    stop.set()
    reader.join()
    assert seen and all(a == b for a, b in seen)
    assert (out / "a").read_text() == "59" and list(tmp_path.iterdir()) == [out]


def test_a_folder_that_cannot_be_replaced_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an exchange of names the old folder is moved aside, and back if the new one cannot take its place."""
    out, rename = tmp_path / "out", Path.rename
    fill(out, "old")

    def fails(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OutputError, match="out: no"):
        fill(out, "new")
    assert (out / "a").read_text() == "old" and list(tmp_path.iterdir()) == [out]
    monkeypatch.undo()


KILLED = """
import os, sys
from pathlib import Path
from peft_census.snapshot import files
files._exchange = lambda one, two: False
Path.rename = lambda self, target, rename=Path.rename: os._exit(9) if self.name == "new" else rename(self, target)
with files.replaced_folder(Path(sys.argv[1])) as new:
    (new / "a").write_text("new")
"""


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """The folder that it was about to replace is put back; what a running process is writing stays."""
    out = tmp_path / "out"
    fill(out, "old")
    assert subprocess.run([sys.executable, "-c", KILLED, out], check=False).returncode == 9
    assert not out.exists()
    with replaced_folder(tmp_path / "other") as new:
        remove_leftovers(tmp_path)
        assert (out / "a").read_text() == "old"
        assert new.is_dir() and len(list(tmp_path.iterdir())) == 2
