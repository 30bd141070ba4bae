"""``shouli agents``: people are changed and seen off from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.one_time_codes import STEP_SECONDS, code_of
from models.store import Store
from models.store.routing.offboarding import HANDED_OVER
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
    again = CliRunner().invoke(app, ["agents", "add", "li", "--name", "另一位"])
    assert "账号 li 已经有人用了，请换一个。 / The login li is taken" in str(again.exception)
    changed = ["agents", "change", "li", "--team", "夜班", "--skill", "domain:物流=3"]
    assert CliRunner().invoke(app, changed).exit_code == 0
    listed = CliRunner().invoke(app, ["agents", "list"]).output
    assert all(word in listed for word in ("李雷", "小李", "夜班", "domain:物流=3"))
    nothing = CliRunner().invoke(app, ["agents", "change", "li"])
    assert (nothing.exit_code, "There is nothing to change" in nothing.output) == (2, True)
    assert CliRunner().invoke(app, ["agents", "change", "wu", "--team", "夜班"]).exit_code == 1
