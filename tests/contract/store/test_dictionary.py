"""The trade's own words, on both databases."""

import pytest

from models.errors import NotFound, Rejected
from models.store import Store
from models.store.learning import dictionary
from tests.contract.store import makers
from tests.fakes import FakeClock


async def test_words_are_added_once_and_removed(store: Store, clock: FakeClock) -> None:
    boss = await makers.agent(store, "boss")
    assert await store.dictionary.add(["花呗分期", "权益包", "花呗分期"], boss) == [
        "花呗分期",
        "权益包",
    ]
    clock.pass_(1)
    assert await store.dictionary.add(["权益包", "光猫"], boss) == ["光猫"]
    assert (await store.dictionary.all())[0].word == "光猫"
    assert {each.added_by for each in await store.dictionary.all()} == {boss}
    words = await store.dictionary.words()
    assert words == sorted(words)
    assert set(words) == {"光猫", "权益包", "花呗分期"}
    await store.dictionary.remove("权益包", boss)
    with pytest.raises(NotFound):
        await store.dictionary.remove("权益包", boss)
    assert set(await store.dictionary.words()) == {"光猫", "花呗分期"}


async def test_it_does_not_grow_without_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = await makers.agent(store, "boss")
    monkeypatch.setattr(dictionary, "MOST_WORDS", 2)
    await store.dictionary.add(["花呗分期"], boss)
    with pytest.raises(Rejected):
        await store.dictionary.add(["权益包", "光猫"], boss)
    assert await store.dictionary.words() == ["花呗分期"]
