"""Second factors: each code once, by whichever process; on, off, and taken away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update

from models.errors import Conflict, NotFound
from models.one_time_codes import STEP_SECONDS, code_of, plain
from models.store import Store
from models.tables import agent as agent_table
from models.tables import audit, credential, recovery_code, second_factor
from tests.contract.store.makers import agent, opened
from tests.fakes import FakeClock


@pytest.fixture
async def other(store: Store, url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """As another process has it open."""
    made = opened(url, clock=clock)
    yield made
    await made.close()


def code(secret: bytes, clock: FakeClock, steps: int = 0) -> str:
    return code_of(secret, int(clock() // STEP_SECONDS) + steps)


async def on(store: Store, clock: FakeClock, person: str) -> tuple[bytes, list[str]]:
    """Turns it on, in the session “this”; the next code is one that was not used."""
    await store.agents.grant(person, "session", f"this {person}", 3600.0)
    secret = await store.second_factors.begin(person)
    codes = await store.second_factors.confirm(person, code(secret, clock), f"this {person}")
    assert codes is not None
    clock.pass_(STEP_SECONDS)
    return secret, codes


async def actions(store: Store) -> list[str]:
    found = await store.db.column(select(audit.c.action).order_by(audit.c.id))
    return [action for action in found if action.startswith("second_factor")]


async def test_a_first_code_turns_it_on(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    await store.agents.grant(person, "session", "this", 3600.0)
    await store.agents.grant(person, "session", "elsewhere", 3600.0)
    await store.agents.grant(person, "token", "program", 3600.0)
    secret = await store.second_factors.begin(person)
    assert await store.second_factors.standing(person) == (None, 0)
    assert not await store.second_factors.use(person, code(secret, clock)), "it is not on yet"
    assert await store.second_factors.confirm(person, "000000", "this") is None
    assert (await store.agents.get(person)).second_factor_at is None
    codes = await store.second_factors.confirm(person, code(secret, clock), "this")
    assert codes is not None
    assert await store.second_factors.standing(person) == (clock(), 10)
    assert (await store.agents.get(person)).second_factor_at == clock()
    assert await store.agents.holder("this", "session")
    assert await store.agents.holder("program", "token")
    assert await store.agents.holder("elsewhere", "session") is None
    assert not await store.second_factors.use(person, code(secret, clock)), "it was used"
    with pytest.raises(Conflict):
        await store.second_factors.begin(person)
    with pytest.raises(Conflict):
        await store.second_factors.confirm(person, code(secret, clock, 1), "this")


async def test_a_key_that_was_begun_anew_is_void(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    old = await store.second_factors.begin(person)
    new = await store.second_factors.begin(person)
    assert old != new
    assert await store.second_factors.confirm(person, code(old, clock), "s") is None
    assert await store.second_factors.confirm(person, code(new, clock), "s")


async def test_nothing_that_was_not_begun_is_confirmed(store: Store) -> None:
    assert await store.second_factors.confirm(await agent(store), "123456", "s") is None


async def test_a_code_is_taken_once_within_its_window(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    secret, _ = await on(store, clock, person)
    ahead = code(secret, clock, 1)
    assert await store.second_factors.use(person, ahead)
    assert not await store.second_factors.use(person, ahead)
    assert not await store.second_factors.use(person, code(secret, clock)), "nor one before it"
    clock.pass_(STEP_SECONDS)
    assert not await store.second_factors.use(person, ahead)
    clock.pass_(STEP_SECONDS)
    assert await store.second_factors.use(person, f" {code(secret, clock)} ")


@pytest.mark.parametrize("attempt", range(3))
async def test_of_two_processes_one_takes_a_code(
    store: Store, other: Store, clock: FakeClock, attempt: int
) -> None:
    person = await agent(store)
    secret, _ = await on(store, clock, person)
    same = code(secret, clock)
    uses = [each.second_factors.use(person, same) for each in (store, other) * 4]
    assert (await asyncio.gather(*uses)).count(True) == 1


async def test_of_two_processes_one_takes_a_recovery_code(
    store: Store, other: Store, clock: FakeClock
) -> None:
    person = await agent(store)
    _, codes = await on(store, clock, person)
    uses = [each.second_factors.use(person, codes[3].lower()) for each in (store, other) * 4]
    assert (await asyncio.gather(*uses)).count(True) == 1
    assert (await store.second_factors.standing(person)).recovery_codes == 9
    assert not await store.second_factors.use(person, codes[3])
    assert await store.second_factors.use(person, codes[4].replace("-", " "))


async def test_of_two_processes_one_turns_it_on(
    store: Store, other: Store, clock: FakeClock
) -> None:
    """The other's recovery codes would be void, and nobody would know."""
    person = await agent(store)
    secret = await store.second_factors.begin(person)
    tries = [
        each.second_factors.confirm(person, code(secret, clock), "s") for each in (store, other)
    ]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(one) for one in found} == {Conflict, list}


async def test_other_recovery_codes_stand_in_for_those_before(
    store: Store, clock: FakeClock
) -> None:
    person = await agent(store)
    _, before = await on(store, clock, person)
    after = await store.second_factors.renew_codes(person)
    assert not set(before) & set(after)
    assert not await store.second_factors.use(person, before[0])
    assert await store.second_factors.use(person, after[0])
    with pytest.raises(NotFound):
        await store.second_factors.renew_codes(await agent(store, "wang"))


async def test_nobodys_codes_are_anothers(store: Store, clock: FakeClock) -> None:
    li, wang = await agent(store), await agent(store, "wang")
    secret, codes = await on(store, clock, li)
    await on(store, clock, wang)
    assert not await store.second_factors.use(wang, code(secret, clock))
    assert not await store.second_factors.use(wang, codes[0])
    assert await store.second_factors.use(li, codes[0])


@pytest.mark.parametrize("by", ["self", "admin", "shell"])
async def test_off_again(store: Store, clock: FakeClock, by: str) -> None:
    person, admin = await agent(store), await agent(store, "root")
    secret, codes = await on(store, clock, person)
    await store.agents.grant(person, "token", "program", 3600.0)
    await store.second_factors.end(person, {"self": person, "admin": admin, "shell": None}[by])
    assert await store.second_factors.standing(person) == (None, 0)
    assert not await store.second_factors.use(person, code(secret, clock))
    assert not await store.second_factors.use(person, codes[0])
    session = await store.agents.holder(f"this {person}", "session")
    assert (session is not None) == (by == "self"), "what somebody else does ends the sessions"
    assert await store.agents.holder("program", "token")
    taken = "off" if by == "self" else "taken"
    assert await actions(store) == ["second_factor.on", f"second_factor.{taken}"]
    with pytest.raises(NotFound):
        await store.second_factors.end(person, admin)
    assert await store.second_factors.begin(person) != secret


async def test_a_session_of_a_password_alone_is_none(store: Store, clock: FakeClock) -> None:
    """As an older program begins one, which knows of no second factor."""
    person = await agent(store)
    await on(store, clock, person)
    await store.agents.grant(person, "session", "by an older program", 3600.0)
    assert await store.agents.holder("by an older program", "session") is None


async def test_who_signs_in_while_it_changes_is_refused(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    (hash_,) = await store.db.column(
        select(agent_table.c.password).where(agent_table.c.id == person)
    )
    await on(store, clock, person)
    since = (await store.agents.get(person)).second_factor_at

    async def sign_in(at: float | None) -> None:
        await store.agents.grant(
            person, "session", f"s{at}", 60.0, password=hash_, second_factor_at=at
        )

    with pytest.raises(Conflict):
        await sign_in(None)
    await sign_in(since)
    assert await store.agents.holder(f"s{since}", "session")
    await store.second_factors.end(person, None)
    with pytest.raises(Conflict):
        await sign_in(since)


async def test_neither_key_nor_codes_are_written_down(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    secret, codes = await on(store, clock, person)
    await store.second_factors.use(person, codes[0])
    (key,) = await store.db.column(select(second_factor.c.secret))
    assert secret not in key
    assert store.vault.open("second factor", key) == secret
    kept = await store.db.column(select(recovery_code.c.hash))
    audits = str(await store.db.rows(select(audit)))
    for each in codes:
        assert not {each, plain(each)} & set(kept)
        assert each not in audits


async def test_who_left_and_comes_back_still_has_it(store: Store, clock: FakeClock) -> None:
    person = await agent(store)
    secret, _ = await on(store, clock, person)
    await store.agents.change(person, None, disabled_at=clock())
    await store.agents.change(person, None, disabled_at=None)
    assert await store.second_factors.use(person, code(secret, clock))


async def test_an_older_program_writes_on(store: Store, clock: FakeClock) -> None:
    """It names none of the columns that it does not know."""
    person = await agent(store)
    async with store.db.write() as tx:
        await tx.conn.execute(update(agent_table).values(name="x"))
        row = {"id": "c", "agent_id": person, "kind": "session", "hash": "h", "created_at": 0.0}
        await tx.insert(credential, [row | {"expires_at": 9e9}])
    assert (await store.agents.get(person)).second_factor_at is None
