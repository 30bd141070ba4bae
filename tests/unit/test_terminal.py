"""What commands print: nothing of ours breaks a line, and no table leaves anything out."""

import io

import pytest
from rich.cells import cell_len
from rich.console import ConsoleDimensions
from rich.table import Table

from workers.commands.terminal import Terminal

LONG = "未配置发信服务器，邮件答复会保留并等待 / No mail relay is configured, so answers wait " * 4
SKILLS = "".join(f"domain:物流{number}=3，" for number in range(9))


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[io.StringIO, _Tty], ids=["piped", "terminal"])
def out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    terminal.file = request.param()
    terminal.size = ConsoleDimensions(60, 40)
    return terminal


def _said(out: Terminal) -> list[str]:
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def _table() -> Table:
    table = Table("账号 login", "技能 skills")
    table.add_row("lilei", SKILLS)
    return table


def test_a_sentence_is_one_line(out: Terminal) -> None:
    out.print(LONG, markup=False)
    assert _said(out) == [LONG]


def test_a_table_leaves_nothing_out(out: Terminal) -> None:
    out.show(_table())
    lines = _said(out)
    assert "…" not in "".join(lines)
    inside = [line.split("│")[2].strip() for line in lines if line.count("│") == 3]
    assert "".join(inside) == SKILLS
    piped = not out.is_terminal
    assert (len(inside) == 1) == piped
    assert max(map(cell_len, lines)) <= (1000 if piped else 60)


def test_a_narrow_terminal_breaks_no_password(out: Terminal) -> None:
    table = Table("密码 password")
    table.add_row("x" * 70)
    out.show(table, least=80)
    assert any("x" * 70 in line for line in _said(out))


def test_a_table_of_nothing_says_so(out: Terminal) -> None:
    out.show(Table("账号 login"))
    assert _said(out) == ["没有 / None"]


def test_what_a_stranger_wrote_does_not_drive_the_terminal(out: Terminal) -> None:
    table = Table("原因 error")
    table.add_row("550 \x1b[2J\x9b31m\x07")
    out.show(table)
    out.show(table, least=90)
    out.print("\x1b]0;title\r", markup=False)
    told = "".join(_said(out))
    assert told.count("\\x1b[2J\\x9b31m\\x07") == 2
    assert told.isprintable()
