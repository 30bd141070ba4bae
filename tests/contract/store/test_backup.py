"""The commands of docs/operations.md that back a data folder up, as a shell runs them."""

import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import nullcontext
from pathlib import Path

import pytest

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def back_up(data: Path, here: Path, path: str = os.environ["PATH"]) -> None:
    """Runs what the page says of a data folder; raises CalledProcessError where that fails."""
    page = OPERATIONS.read_text("utf-8")
    (commands,) = [
        c for c in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S) if "mode=ro" in c
    ]
    moved = commands.replace("/var/lib/shouli", str(data))
    environ = {**os.environ, "PATH": path}
    subprocess.run(["sh", "-c", moved], cwd=here, env=environ, check=True)


def test_the_backup_of_a_database_in_use_is_whole(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for kept in ("blobs", "keys", "valkey"):
        (data / kept).mkdir(parents=True)
    live = sqlite3.connect(data / "shouli.db", isolation_level=None)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE said (text)")
    live.execute("INSERT INTO said VALUES ('not yet in the file itself')")
    back_up(data, tmp_path)
    live.close()
    copy = sqlite3.connect(tmp_path / "shouli.db.copy")
    assert copy.execute("SELECT count(*) FROM said").fetchone() == (1,)
    copy.close()
    with tarfile.open(tmp_path / "shouli-files.tgz") as packed:
        assert sorted(packed.getnames()) == [".", "./blobs", "./keys"]


@pytest.mark.parametrize(("said", "done"), [(1, True), (2, False)])
def test_files_that_come_in_meanwhile_are_no_failure(
    tmp_path: Path, said: int, done: bool
) -> None:
    """GNU tar says 1 of a folder that was changed while it read it, and 2 of what it cannot."""
    data, programs = tmp_path / "data", tmp_path / "programs"
    for folder in (data, programs):
        folder.mkdir()
    sqlite3.connect(data / "shouli.db").close()
    tar = programs / "tar"
    tar.write_text(f'#!/bin/sh\n{shutil.which("tar")} "$@"\nexit {said}\n')
    tar.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    with nullcontext() if done else pytest.raises(subprocess.CalledProcessError):
        back_up(data, tmp_path, path)
    assert (tmp_path / "shouli-files.tgz").exists()
