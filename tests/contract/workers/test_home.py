import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.settings import load
from workers.assembly.wiring import make_store
from workers.commands.app import app
from workers.processes.home import SetupError, master_key


def test_nobody_else_reads_the_data_folder_or_the_key(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    before = os.umask(0o022)
    try:
        key = master_key(load(environ={"SHOULI_DATA_DIR": str(data)}, folder=tmp_path))
    finally:
        os.umask(before)
    assert len(key) == 32
    modes = {path.name: path.stat().st_mode & 0o777 for path in (data, *data.rglob("*"))}
    assert modes == {"data": 0o700, "keys": 0o700, "master.key": 0o600}


def test_who_only_checks_the_settings_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = CliRunner().invoke(app, ["check"])
    assert checked.exit_code == 0, checked.output
    assert "webchat" in checked.output
    assert [*tmp_path.iterdir()] == []


def test_who_looks_from_a_wrong_folder_leaves_nothing_there(tmp_path: Path) -> None:
    settings = load(environ={}, folder=tmp_path)
    with pytest.raises(SetupError, match=r"没有数据库 .*/ There is no database"):
        make_store(settings)
    assert [*tmp_path.iterdir()] == []
