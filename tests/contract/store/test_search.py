"""Tickets are found by numbers, people and words, and not by what is said no more."""

import re

import pytest
from sqlalchemy import func, select, text

from models.ids import check_digit
from models.message import Sender
from models.search_terms import question, stem
from models.store import Store
from models.store.dialogue.people import People
from models.store.tickets.search_index import INDEXING, forget, place_of
from models.tables import search_entry
from models.ticket import TicketState
from tests.contract.store import makers
from tests.contract.store.plans import steps_of, watched
from tests.contract.store.searching import find, index
from tests.fakes import FakeClock


async def ways(store: Store, words: str) -> list[str]:
    asked = question(words)
    candidates = await store.search.candidates(asked, None, 100)
    return [found.by for found in await store.search.confirmed(asked, candidates)]


@pytest.mark.parametrize(
    "forms",
    [
        "refund refunds refunded refunding",
        "order orders ordered",
        "charge charges charged charging",
        "cancel cancels cancelled canceled cancelling",
        "address addresses addressed",
        "apply applies applied applying",
        "delivery deliveries",
        "invoice invoices invoiced",
        "box boxes",
        "fee fees",
        "key keys",
        "bill bills billed billing",
        "status statuses",
        "pass passes passed passing",
    ],
)
def test_the_forms_of_a_word_meet(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


def test_other_words_stay_apart() -> None:
    apart = (
        *("order", "border", "policy", "police", "universe", "university", "bus", "business"),
        *("charge", "charger", "refund", "fund", "thing", "string", "ring", "bring", "need"),
    )
    assert len({stem(word) for word in apart}) == len(apart)
    for kept in ("Straße", "café", "退款", "a1b2", "is"):
        assert stem(kept) == kept


SAID = (
    "上週買的電視機壞了，订单号 DD-2026-110100017，请打 138 0013 8000。"
    "My refund for IPHONE-15 is late."
)
WHO = Sender(
    external_id="U012AB", name="欧阳小红", email="Ouyang@Example.com", phone="+86 139-1234-5678"
)


@pytest.fixture
async def ticket(store: Store) -> str:
    """One that is found, and another that has nothing to do with it."""
    one = await makers.waiting(store, "k1", text=SAID, subject="关于发票", sender=WHO)
    other = Sender(external_id="U999", name="李雷", email="li@example.com")
    await makers.waiting(store, "k2", text="包裹三天没动，电话里说会送", sender=other)
    await index(store)
    return one


@pytest.mark.parametrize(
    "words",
    [
        *("电视", "电视机坏了", "電視機", "发票", "上周 电视", "买的电", "REFUND", "refund late"),
        *("DD-2026-110100017", "dd2026110100017", "110100017", "0017", "DD-2026 refund"),
        *("13800138000", "138 0013 8000", "138-0013-8000", "8000"),
        *("iphone-15", "iPhone15", "ｒｅｆｕｎｄ", "refunds", "refunded"),
        *("ouyang@example.com", "13912345678", "+8613912345678", "139 1234 5678", "139-1234-5678"),
        *("U012AB", "@u012ab", "欧阳小红", "歐陽小紅", "欧阳小红 电视", "ouyang@example.com 发票"),
    ],
)
async def test_what_a_ticket_is_found_by(store: Store, ticket: str, words: str) -> None:
    assert await find(store, words) == [ticket]


@pytest.mark.parametrize(
    "words",
    [
        "电机",  # both characters, in this order, and no word of it
        "视电",
        *("机坏 包裹", "电视 冰箱", "fund"),
        *("110100018", "13912345679", "1391234", "ouyang@example.co", "阳小红", "红小"),
    ],
)
async def test_what_it_is_not_found_by(store: Store, ticket: str, words: str) -> None:
    assert await find(store, words) == []


async def test_pairs_in_another_order_are_candidates_and_no_finds(store: Store) -> None:
    """All of its pairs are there, and it is not: only the text tells."""
    await makers.waiting(store, "k1", text="上海自来水来自海上")
    await index(store)
    assert await _matches(store, "来水来自来水") == 1
    assert await find(store, "来水来自来水") == []


async def test_by_what_it_was_found(store: Store, ticket: str) -> None:
    number = (await store.tickets.get(ticket)).number
    for words, by in {
        "电视": "words", "欧阳小红": "name", "139-1234-5678": "phone", number: "number",
        "ouyang@example.com": "email", "u012ab": "handle", "欧阳小红 发票": "words",
    }.items():  # fmt: skip
        assert await ways(store, words) == [by], words
    asked = question("电视机坏")
    (found,) = await store.search.confirmed(asked, await store.search.candidates(asked, None, 10))
    assert found.passage is not None
    where = slice(found.passage.start, found.passage.end)
    assert (found.passage.side, found.passage.text[where]) == ("customer", "電視機壞")


async def test_a_number_or_any_four_digits_of_it(store: Store, ticket: str) -> None:
    number = (await store.tickets.get(ticket)).number
    assert await find(store, number) == [ticket]
    assert await find(store, number[-6:]) == [ticket]
    assert len(await find(store, number[:8])) == 2


async def test_the_end_of_a_number_of_one_day(store: Store, clock: FakeClock) -> None:
    yesterday = (await store.tickets.get(await makers.waiting(store, "k0"))).number
    clock.pass_(86400.0)
    ids = [await makers.waiting(store, f"k{n}") for n in range(1, 4)]
    numbers = [(await store.tickets.get(one)).number for one in ids]
    day = numbers[0][:8]
    assert day > yesterday[:8]
    ending = store.search.ending_in
    assert await ending(numbers[1][-3:], day, 10) == [ids[1]]
    assert await ending(yesterday[-3:], day, 10) == [], "they begin anew each day"
    assert await ending("", day, 2) == [ids[2], ids[1]]
    assert await ending(day[-2:], day, 10) == [], "not its beginning"


async def test_a_number_that_was_misread(store: Store, ticket: str) -> None:
    number = (await store.tickets.get(ticket)).number
    slip = number[:4] + str((int(number[4]) + 1) % 10) + number[5:]
    at = next(n for n in range(len(number) - 1) if number[n] != number[n + 1])
    twist = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    check = number[:-1] + str((int(check_digit(number[:-1])) + 1) % 10)
    for wrong in (slip, twist, check):
        assert number in await store.search.like_number(wrong), wrong
    assert await store.search.like_number("not a number 1") == []


async def test_newest_first_and_page_by_page(store: Store, clock: FakeClock) -> None:
    made = []
    for day in range(3):
        for n in range(2):
            made.append(await makers.waiting(store, f"k{day}{n}", text="退款"))
            await index(store)
        clock.pass_(86400.0)
    assert await find(store, "退款") == made[::-1]
    numbers = [(await store.tickets.get(one)).number for one in made]
    places = [place_of(number) for number in numbers]
    assert places == sorted(places)
    assert await find(store, "退款", places[3], limit=2) == [made[2], made[1]]


async def test_a_serial_that_outgrows_its_digits_keeps_its_order() -> None:
    def number(day: str, serial: int) -> str:
        digits = f"{day}{serial:05d}"
        return digits + check_digit(digits)

    numbers = [number("20261126", 99_999), number("20261126", 100_000), number("20261127", 1)]
    places = [place_of(each) for each in numbers]
    assert places == sorted(set(places))
    assert max(places) < 2**53


# -- what changes ----------------------------------------------------------------------


async def changed(store: Store, kind: str, **options: object) -> None:
    await makers.thread(
        store, makers.envelope("k1-changed"), kind=kind, external_id="k1", revision=1,
        conversation_key="talk-k1", sender=WHO, **options,
    )  # fmt: skip


async def _matches(store: Store, words: str) -> int:
    """Beneath the store's own looking: what the index itself still has."""
    return len(await store.search.candidates(question(words), None, 10))


async def test_what_was_taken_back_is_found_no_more_from_that_moment(
    store: Store, ticket: str
) -> None:
    await changed(store, "delete")
    assert await _matches(store, "电视机坏") == 0
    assert await find(store, "欧阳小红") == []
    await index(store)
    assert await _matches(store, "电视机坏") == 0
    assert await find(store, "欧阳小红") == [ticket], "the person who wrote is found"
    if store.db.dialect == "sqlite":
        await _as_the_table_says(store)


async def _as_the_table_says(store: Store) -> None:
    """SQLite's own check of an index over another table's text: it raises where they differ."""
    check = text("INSERT INTO search_fts (search_fts, rank) VALUES ('integrity-check', 1)")
    async with store.db.write() as tx:
        await tx.conn.execute(check)


async def test_an_edit_is_found_by_what_it_says_now(store: Store, ticket: str) -> None:
    await changed(store, "edit", text="冰箱不制冷", text_full="冰箱不制冷")
    assert await find(store, "电视机坏") == [], "not confirmed, though it is in the index"
    await index(store)
    assert await find(store, "冰箱") == [ticket]
    assert await _matches(store, "电视机坏") == 0
    if store.db.dialect == "sqlite":
        await _as_the_table_says(store)


async def test_what_we_answered_and_noted(store: Store) -> None:
    ticket, agent = await makers.owned(store)
    await store.tickets.reply(ticket, agent, "已补发耳机", "client-1", TicketState.ACTIVE)
    await store.notes.write(ticket, agent, "仓库说缺货")
    await index(store)
    assert await find(store, "补发耳机") == await find(store, "缺货") == [ticket]


async def test_words_go_with_the_ticket_that_is_split_off_and_come_back(store: Store) -> None:
    ticket, agent = await makers.owned(store)
    e = makers.envelope("more")
    await makers.thread(store, e, conversation_key="talk-k1", text="另外发票抬头错了")
    await index(store)
    (_, said) = await store.conversations.log((await store.tickets.get(ticket)).conversation_id)
    part = await store.merging.split(ticket, [said.id], agent)
    await index(store)
    assert await find(store, "发票抬头") == [part]
    await store.queue.route([makers.routed(new) for new in await store.queue.unlabelled(10)])
    await store.merging.merge(part, ticket, agent)
    await store.merging.undo(part, agent)
    await index(store)
    assert await find(store, "发票抬头") == [part]
    assert await find(store, "包裹") == [ticket]


# -- nothing lost or doubled -----------------------------------------------------------


async def test_what_is_said_while_it_is_read_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading a ticket and writing its terms, the customer takes the words back."""
    ticket = await makers.waiting(store, "k1", text=SAID, sender=WHO)
    await makers.follow(store, INDEXING)
    senders = People.senders

    async def meanwhile(self: People, ids: list[str]) -> dict[str, Sender]:
        monkeypatch.setattr(People, "senders", senders)
        await changed(store, "delete")
        await makers.follow(store, INDEXING)
        return await senders(self, ids)

    monkeypatch.setattr(People, "senders", meanwhile)
    await store.search_index.fill(10)
    assert await _matches(store, "电视机坏") == 0
    assert await store.search_index.due() == 1
    await index(store)
    assert await _matches(store, "电视机坏") == 0
    assert await find(store, "欧阳小红") == [ticket]


async def test_who_reads_the_log_again_doubles_nothing(store: Store, ticket: str) -> None:
    async with store.db.write() as tx:
        await tx.conn.execute(text("DELETE FROM cursor"))
    await index(store)
    assert await find(store, "电视") == [ticket]
    async with store.db.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(search_entry))).scalar() == 2


async def test_a_ticket_is_forgotten_whole(store: Store, ticket: str) -> None:
    async with store.db.write() as tx:
        await forget(tx, [ticket, "another"])
    for words in ("电视", "欧阳小红", "13800138000", "发票"):
        assert await _matches(store, words) == 0
    if store.db.dialect == "sqlite":
        await _as_the_table_says(store)


async def test_nothing_is_to_be_read_in_it(store: Store, ticket: str) -> None:
    async with store.db.read() as conn:
        kept = " ".join((await conn.execute(select(search_entry.c.terms))).scalars())
    assert set(kept) <= set("0123456789abcdef ")
    assert "8000" not in {term for term in kept.split() if len(term) < 6}


# -- quick for years -------------------------------------------------------------------


@pytest.mark.unused_database
async def test_each_database_looks_into_its_index(store: Store, ticket: str) -> None:
    asked = question("欧阳小红 电视")
    async with watched(store.db) as seen:
        await store.search.candidates(asked, None, 10)
    ((statement, values),) = seen.statements.items()
    if store.db.dialect == "sqlite":
        steps = " ".join(await steps_of(store, statement, values))
        assert re.search(r"search_fts VIRTUAL TABLE INDEX \d+:M1<", steps)
        assert "SEARCH search_entry USING INTEGER PRIMARY KEY" in steps
        return
    async with store.db.read(steady=True) as conn:
        for method in ("seqscan", "indexscan"):
            await conn.exec_driver_sql(f"SET LOCAL enable_{method} = off")
        plan = await conn.exec_driver_sql(f"EXPLAIN {statement}", values)
        told = "\n".join(plan.scalars())
    assert "Bitmap Index Scan on ix_search_entry_terms" in told
