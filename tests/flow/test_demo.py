"""``shouli demo`` where nothing runs: a system of its own, three customers, nothing left."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.flow.system import Prepared
from tests.services import free_port


def _demo(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SHOULI_")}
    return subprocess.run(
        [sys.executable, "-m", "workers", "demo", *arguments],
        cwd=folder,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_three_customers_from_the_first_word_to_the_answer(
    prepared: Prepared, tmp_path: Path
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    port = str(free_port())
    result = _demo(tmp_path, SHOULI_DESK__PORT=port, TMPDIR=str(scratch), **prepared.learnt())
    said = result.stdout
    assert result.returncode == 0, said + result.stderr
    for act in ("受理 acknowledged", "标注 tagged", "分派 routed", "答复 answered"):
        assert said.count(f"已{act}") == 3, said
    assert said.count("已送达 delivered") == 3
    assert "类型 Type: 投诉 Complaint" in said
    assert "业务域 Domain: 发票 Invoice" in said
    assert re.search(r"← \S+ \+\d", said), "the words that decided"
    assert "新邮件 new mail “Re: VAT invoice for my order”: Hello, this is" in said
    # Lines for a log: no colours, no bar, nothing left behind.
    assert "\x1b" not in said
    assert not list(scratch.iterdir())
    assert not list(tmp_path.glob("data*"))
    assert not [p for p in psutil.process_iter() if _inside(p, scratch)]


def _inside(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd().startswith(str(folder))
    except psutil.Error:
        return False


def test_a_desk_that_does_not_answer_is_said_to(tmp_path: Path) -> None:
    result = _demo(tmp_path, "--desk-url", f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert "没有应答" in result.stderr
    assert "No desk answers" in result.stderr
    assert not Path(tempfile.gettempdir(), "shouli.db").exists()


def test_a_trial_is_never_put_beside_a_database_that_was_named(tmp_path: Path) -> None:
    """Who names a database means that one: the demo must not quietly play somewhere else."""
    result = _demo(
        tmp_path,
        SHOULI_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        SHOULI_DESK__PORT=str(free_port()),
    )
    assert result.returncode == 1
    assert "No desk answers" in result.stderr
