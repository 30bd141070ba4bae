"""``shouli customers``: a copy of what is kept of somebody, and their erasure."""

import zipfile
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from models.errors import NotFound, ShouliError
from models.store import Store
from models.store.tickets.handling import Ticket
from models.ticket import TicketState
from tests.contract.store.makers import filed, in_hands, owned
from tests.contract.workers.data_folder import within
from workers.commands.app import app
from workers.commands.failures import in_both


async def _ended(store: Store) -> str:
    ticket_id, agent_id = await owned(store)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    return (await store.tickets.get(ticket_id)).number


async def _read(number: str, store: Store) -> Ticket:
    return await store.tickets.get(number)


def test_a_copy_is_written_and_then_they_are_erased(data: Path) -> None:
    number, out = within(data, _ended), data / "copy.zip"
    done = CliRunner().invoke(app, ["customers", "export", number, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "王女士" in zipfile.ZipFile(out).read("data.json").decode()
    erase = ["customers", "erase", number, "--why", "本人要求"]
    mistyped = CliRunner().invoke(app, erase, input="123\n")
    assert mistyped.exit_code == 1
    assert within(data, partial(_read, number)).state == "resolved"
    done = CliRunner().invoke(app, erase, input=f"{number}\n")
    assert done.exit_code == 0, done.output
    assert number in done.output
    assert within(data, partial(_read, number)).state == "closed"
    again = CliRunner().invoke(app, [*erase, "--confirm", number])
    assert (again.exit_code, "早已抹除" in again.output) == (0, True)
    gone = CliRunner().invoke(app, ["customers", "export", number, "--out", str(out)])
    assert gone.exit_code == 1


def test_nothing_is_asked_about_a_number_that_there_is_not(data: Path) -> None:
    within(data, _ended)
    erase = ["customers", "erase", "20260101000001", "--why", "本人要求"]
    none = CliRunner().invoke(app, erase, input="20260101000001\n")
    assert isinstance(none.exception, NotFound)
    assert "再输入" not in none.output


async def _complained(store: Store) -> str:
    ticket_id = await filed(store)
    agent_id = await in_hands(store, ticket_id)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    return (await store.tickets.get(ticket_id)).number


def test_whose_complaint_is_kept_is_erased_with_the_option_that_the_refusal_names(
    data: Path,
) -> None:
    number = within(data, _complained)
    erase = ["customers", "erase", number, "--why", "本人要求", "--confirm", number]
    refused = CliRunner().invoke(app, erase)
    assert refused.exit_code == 1
    assert "--despite" in in_both(_error(refused.exception))
    done = CliRunner().invoke(app, [*erase, "--despite", "法院判决"])
    assert done.exit_code == 0, done.output
    assert number in done.output


def _error(raised: BaseException | None) -> ShouliError:
    assert isinstance(raised, ShouliError)
    return raised
