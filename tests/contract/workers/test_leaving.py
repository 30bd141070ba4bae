"""``shouli agents leave``: what a person has goes to another, from the command line."""

from pathlib import Path

from typer.testing import CliRunner

from models.store import Store
from tests.contract.store.makers import agent, owned
from tests.contract.workers.test_records import data, within  # noqa: F401  a fixture
from workers.cli import app


async def _two(store: Store) -> tuple[str, str]:
    ticket_id, _ = await owned(store)
    return ticket_id, await agent(store, "han")


def test_what_li_has_goes_to_han(data: Path) -> None:  # noqa: F811
    ticket_id, han = within(data, _two)
    wrong = CliRunner().invoke(app, ["agents", "leave", "li", "--to", "nobody"])
    assert wrong.exit_code != 0
    done = CliRunner().invoke(app, ["agents", "leave", "li", "--to", "han"])
    assert done.exit_code == 0, done.output
    assert "tickets: 1" in done.output

    async def owner(store: Store) -> str | None:
        assert await store.agents.by_login("li") is None
        return (await store.tickets.get(ticket_id)).owner_id

    assert within(data, owner) == han
