"""``shouli agents``: people are changed and seen off from the command line."""

import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from models.errors import Conflict
from models.one_time_codes import STEP_SECONDS, code_of
from models.store import Store
from models.store.routing.offboarding import HANDED_OVER
from models.store.routing.staffing import Staffing
from tests.contract.store.makers import agent, owned
from tests.contract.workers.data_folder import within
from workers.commands.agents import _HANDED_OVER
from workers.commands.app import app


async def _two(store: Store) -> tuple[str, str]:
    ticket_id, _ = await owned(store)
    return ticket_id, await agent(store, "han")


def test_what_li_has_goes_to_han(data: Path) -> None:
    ticket_id, han = within(data, _two)
    wrong = CliRunner().invoke(app, ["agents", "leave", "li", "--to", "nobody"])
    assert wrong.exit_code != 0
    done = CliRunner().invoke(app, ["agents", "leave", "li", "--to", "han"])
    assert done.exit_code == 0, done.output
    assert "工单 tickets: 1" in done.output

    async def owner(store: Store) -> str | None:
        assert await store.agents.by_login("li") is None
        return (await store.tickets.get(ticket_id)).owner_id

    assert within(data, owner) == han


def test_who_has_lost_phone_and_codes_is_let_in_by_the_password(data: Path) -> None:
    async def begin(store: Store) -> None:
        li = await agent(store)
        secret = await store.second_factors.begin(li)
        code = code_of(secret, int(await store.db.now() // STEP_SECONDS))
        assert await store.second_factors.confirm(li, code, "s")

    within(data, begin)
    listed = CliRunner().invoke(app, ["agents", "list"], terminal_width=200)
    assert "是 yes" in listed.output
    done = CliRunner().invoke(app, ["agents", "drop-second-factor", "li"])
    assert done.exit_code == 0, done.output

    async def gone(store: Store) -> float | None:
        found = await store.agents.by_login("li")
        assert found
        return found[0].second_factor_at

    assert within(data, gone) is None
    again = CliRunner().invoke(app, ["agents", "drop-second-factor", "li"])
    assert "没有开启两步验证" in str(again.exception)


def test_everything_that_is_handed_over_has_a_name() -> None:
    assert _HANDED_OVER.keys() == HANDED_OVER.keys()


@pytest.mark.parametrize(
    ("skill", "told"),
    [("domain:物留=3", "物流"), ("物流=3", "domain:物流"), ("domain:物流", "1-5")],
)
def test_a_skill_that_no_ticket_asks_for_is_refused(data: Path, skill: str, told: str) -> None:
    add = ["agents", "add", "li", "--name", "李雷", "--skill"]
    refused = CliRunner().invoke(app, [*add, skill])
    assert (refused.exit_code, told in refused.output) == (2, True)
    assert CliRunner().invoke(app, [*add, "group:支援=3", "--skill", "lang:ja=2"]).exit_code == 0


def test_an_account_that_the_desk_would_not_make_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = CliRunner().invoke(app, ["agents", "add", "li lei", "--name", "李雷"])
    assert (odd.exit_code, "li lei" in odd.output) == (2, True)
    monkeypatch.setenv("SHOULI_NEW_PASSWORD", "short")
    weak = CliRunner().invoke(app, ["agents", "add", "li", "--name", "李雷"])
    assert (weak.exit_code, "至少要有 10 个字符" in weak.output) == (2, True)
    monkeypatch.setenv("SHOULI_NEW_PASSWORD", "long enough")
    assert CliRunner().invoke(app, ["agents", "add", "li", "--name", "李雷"]).exit_code == 0


def test_a_password_that_is_guessed_first_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOULI_NEW_PASSWORD", "13800138000")
    refused = CliRunner().invoke(app, ["agents", "add", "li", "--name", "李雷"])
    assert (refused.exit_code, "SHOULI_NEW_PASSWORD" in refused.output) == (2, True)
    monkeypatch.setenv("SHOULI_NEW_PASSWORD", "a long password")
    added = CliRunner().invoke(app, ["agents", "add", "li", "--name", "李雷"])
    assert added.exit_code == 0, added.output


def test_who_somebody_is_to_customers(data: Path) -> None:
    added = CliRunner().invoke(app, ["agents", "add", "li", "--name", "李雷", "--alias", "小李"])
    assert added.exit_code == 0, added.output
    assert re.search(r"shown once: [a-z2-9]{5}(-[a-z2-9]{5}){2}$", added.output, re.MULTILINE)
    again = CliRunner().invoke(app, ["agents", "add", "li", "--name", "另一位"])
    assert "账号 li 已经有人用了，请换一个。 / The login li is taken" in str(again.exception)
    changed = ["agents", "change", "li", "--team", "夜班", "--skill", "domain:物流=3"]
    assert CliRunner().invoke(app, changed).exit_code == 0
    listed = CliRunner().invoke(app, ["agents", "list"]).output
    assert all(word in listed for word in ("李雷", "小李", "夜班", "domain:物流=3"))
    nothing = CliRunner().invoke(app, ["agents", "change", "li"])
    assert (nothing.exit_code, "There is nothing to change" in nothing.output) == (2, True)
    assert CliRunner().invoke(app, ["agents", "change", "wu", "--team", "夜班"]).exit_code == 1


def _invoke(*words: str) -> Result:
    return CliRunner().invoke(app, ["agents", *words])


def _listed(text: str, path: Path) -> str:
    path.write_bytes(text.encode("gb18030"))
    return str(path)


def test_a_list_is_looked_at_brought_in_and_once_more_changes_nothing(data: Path) -> None:
    file = _listed("账号,姓名,班组\nli,李雷,夜班\nwang,王芳,\n", data / "people.csv")
    looked = _invoke("import", file, "--dry-run")
    assert looked.exit_code == 0, looked.output
    assert "新建 add: 2" in looked.output
    assert "wang" not in _invoke("list").output
    done = _invoke("import", file)
    assert done.exit_code == 0, done.output
    told = [line.split() for line in done.output.splitlines()[-2:]]
    assert [(login, name) for login, _, name in told] == [("li", "李雷"), ("wang", "王芳")]

    async def password(store: Store) -> str:
        found = await store.agents.by_login("wang")
        assert found
        return found[1]

    assert PasswordHasher().verify(within(data, password), told[1][1])
    again = _invoke("import", file)
    assert "不变 same: 2" in again.output
    assert "初始密码" not in again.output
    assert _invoke("export", "--out", str(data / "out.csv")).exit_code == 0
    assert "不变 same: 2" in _invoke("import", str(data / "out.csv")).output


def test_passwords_go_to_a_new_file_of_ones_own(data: Path) -> None:
    file, kept = _listed("账号,姓名\nli,李雷\n", data / "people.csv"), data / "passwords.csv"
    done = _invoke("import", file, "--passwords", str(kept))
    assert done.exit_code == 0, done.output
    (line,) = kept.read_text("utf-8-sig").splitlines()[1:]
    assert kept.stat().st_mode & 0o777 == 0o600
    password = line.split(",")[2]
    assert password not in done.output
    more = _listed("账号,姓名\nwang,王芳\n", data / "more.csv")
    refused = _invoke("import", more, "--passwords", str(kept))
    assert "还没有的文件" in str(refused.exception)
    assert "wang" not in _invoke("list").output
    assert kept.read_text("utf-8-sig").splitlines()[1:] == [line]


def test_a_file_of_passwords_that_nobody_got_is_not_left_behind(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(*_: object) -> None:
        raise Conflict("somebody of the list was changed meanwhile")

    monkeypatch.setattr(Staffing, "apply", moved)
    file = _listed("账号,姓名\nli,李雷\n", data / "people.csv")
    refused = _invoke("import", file, "--passwords", str(data / "passwords.csv"))
    assert "再运行一次" in str(refused.exception)
    assert not (data / "passwords.csv").exists()


def test_a_list_with_a_line_that_cannot_be_done_is_brought_in_by_nobody(data: Path) -> None:
    file = _listed("账号,姓名,技能\nli,李雷,\nwang,王芳,domain:物留=3\n", data / "people.csv")
    refused = _invoke("import", file)
    assert refused.exit_code == 1
    assert "物留" in refused.output
    assert "有的行不行" in str(refused.exception)
    assert "没有" in _invoke("list").output


def test_the_last_admin_stays_one(data: Path) -> None:
    assert _invoke("add", "root", "--name", "管理员", "--role", "admin").exit_code == 0
    refused = _invoke("import", _listed("账号,角色\nroot,坐席\n", data / "people.csv"))
    assert "没有管理员" in refused.output
    both = _listed("账号,姓名,角色\nroot,管理员,坐席\nchen,陈,admin\n", data / "both.csv")
    assert _invoke("import", both).exit_code == 0
