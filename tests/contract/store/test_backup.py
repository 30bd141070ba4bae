"""The commands of docs/operations.md that back a data folder up, as a shell runs them."""

import re
import sqlite3
import subprocess
import tarfile
from pathlib import Path

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_the_backup_of_a_database_in_use_is_whole(tmp_path: Path) -> None:
    page = OPERATIONS.read_text("utf-8")
    (commands,) = [
        c for c in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S) if "mode=ro" in c
    ]
    data = tmp_path / "data"
    for kept in ("blobs", "keys", "valkey"):
        (data / kept).mkdir(parents=True)
    live = sqlite3.connect(data / "shouli.db", isolation_level=None)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE said (text)")
    live.execute("INSERT INTO said VALUES ('not yet in the file itself')")
    moved = commands.replace("/var/lib/shouli", str(data))
    subprocess.run(["sh", "-c", moved], cwd=tmp_path, check=True)
    live.close()
    copy = sqlite3.connect(tmp_path / "shouli.db.copy")
    assert copy.execute("SELECT count(*) FROM said").fetchone() == (1,)
    copy.close()
    with tarfile.open(tmp_path / "shouli-files.tgz") as packed:
        assert sorted(packed.getnames()) == [".", "./blobs", "./keys"]
