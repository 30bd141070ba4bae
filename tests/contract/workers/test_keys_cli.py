"""``shouli keys``: another master key in the data folder, and everybody is still known."""

from base64 import b64decode, b64encode
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.store import Store
from models.store.ground.sealing import check_key
from tests.contract.store.makers import owned
from tests.contract.workers.data_folder import within
from workers.commands.app import app


def _say(*words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words])


async def _alive(name: str, store: Store) -> None:
    await check_key(store.db, store.vault)
    await store.processes.beat(name, "work", "host", 1, "1")


async def _stopped(name: str, store: Store) -> None:
    await store.processes.leave(name)


async def _name(ticket_id: str, store: Store) -> str:
    await check_key(store.db, store.vault)
    ticket = await store.tickets.get(ticket_id)
    person = await store.customer_links.person(ticket.customer_id)
    ((identity_id, _),) = person.identities
    return str((await store.people.senders([identity_id]))[identity_id].name)


async def _owned(store: Store) -> str:
    await check_key(store.db, store.vault)
    return (await owned(store))[0]


def test_a_key_is_changed_and_the_old_one_kept_beside_it(data: Path) -> None:
    ticket_id, keys = within(data, _owned), data / "keys"
    within(data, partial(_alive, "before"))
    first = (keys / "master.key").read_bytes()
    assert _say("new").exit_code == 0
    second = (keys / "master.key").read_bytes()
    assert second != first
    assert [p.read_bytes() for p in keys.glob("master.key.*")] == [first]
    assert {p.stat().st_mode & 0o777 for p in keys.iterdir()} == {0o600}
    held = _say("reseal")
    assert (held.exit_code, "work host pid 1" in str(held.exception)) == (1, True)
    within(data, partial(_stopped, "before"))
    within(data, partial(_alive, "after"))
    done = _say("reseal")
    assert done.exit_code == 0, done.output
    assert "identity 1" in done.output
    assert "不再需要" in _say("status").output
    assert "没有要做的" in _say("reseal").output
    assert within(data, partial(_name, ticket_id)) == "王女士"


def test_with_a_key_of_the_settings_the_new_one_is_shown(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = within(data, _owned)
    key = (data / "keys" / "master.key").rename(data / "elsewhere").read_bytes()
    monkeypatch.setenv("SHOULI_MASTER_KEY", b64encode(key).decode())
    told = _say("new", "--leaked")
    (line,) = [line for line in told.output.splitlines() if line.startswith("SHOULI_MASTER_KEY=")]
    assert "没有新的" in str(_say("reseal").exception)
    new = line.partition("=")[2]
    monkeypatch.setenv("SHOULI_MASTER_KEY", new)
    done = _say("reseal")
    assert done.exit_code == 0, done.output
    assert not (data / "keys" / "master.key").exists()
    (data / "keys" / "master.key").write_bytes(b64decode(new))
    assert within(data, partial(_name, ticket_id)) == "王女士"
    monkeypatch.setenv("SHOULI_MASTER_KEY", b64encode(key).decode())
    assert "已经轮换" in str(CliRunner().invoke(app, ["agents", "list"]).exception)
