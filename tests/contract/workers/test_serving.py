"""The serving classifier: one bad text, or a database that blinks, costs nobody else."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from classifier.text import Text
from models.errors import Permanent, Temporary
from models.ticket import Label, Labels
from models.training import ClassSpec, FacetSpec, Taxonomy
from workers.learning.serving import Serving, text_of

TAXONOMY = Taxonomy(
    version="t",
    facets={
        "type": FacetSpec(
            zh="类型",
            en="Type",
            classes={
                "咨询": ClassSpec(zh="咨询", en="Inquiry"),
                "其他": ClassSpec(zh="其他", en="Other"),
            },
        )
    },
)

SURE = Labels(facets={"type": Label(value="咨询", confidence=0.9, accepted=True)}, bundle="b1")


class Picky:
    """A classifier that one text breaks."""

    def classify(self, texts: Sequence[Text]) -> list[Labels]:
        if any("☠" in text.text for text in texts):
            raise RecursionError
        return [SURE for _ in texts]


class Bundles:
    """A bundle table that fails as often as it is told."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    async def champion(self) -> str:
        return "b1"

    async def dropped(self) -> list[str]:
        return []

    async def promoted(self) -> list[str]:
        return [await self.champion()]

    async def content(self, _bundle_id: str) -> bytes:
        if self.failures:
            raise self.failures.pop()
        return b"packed"


@pytest.fixture
def table() -> Bundles:
    return Bundles()


@pytest.fixture
def serving(table: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    monkeypatch.setattr(
        "workers.learning.serving.bundles.unpack", lambda _content, root: root / "b1"
    )
    monkeypatch.setattr("workers.learning.serving.bundles.load", lambda _folder: None)
    monkeypatch.setattr("workers.learning.serving.Classifier", lambda _bundle, _taxonomy: Picky())
    store: Any = SimpleNamespace(bundles=table)
    return Serving(store, tmp_path, TAXONOMY)


def ticket(text: str, *, troubled: bool = False) -> Any:
    return SimpleNamespace(text=text, subject="", lane="mail", troubled=troubled)


async def test_a_text_that_breaks_the_classifier_goes_to_people_alone(serving: Serving) -> None:
    await serving.refresh()
    found = serving.classify([ticket("发票"), ticket("☠"), ticket("退款")])
    assert [labels.abstained for labels, _ in found] == [False, True, False]
    assert next(language for _, language in found) == "zh"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("[表情 / Sticker]", ""),
        ("[位置 / Location] 天安门 39.9, 116.4", "天安门 39.9, 116.4"),
        ("包裹没到\n[语音，请在钉钉里查看 / see it in DingTalk]", "包裹没到"),
        ("[微笑] 订单 [A / B", "[微笑] 订单 [A / B"),
    ],
)
def test_what_a_channel_wrote_for_what_has_no_words_is_not_the_customers(
    shown: str, said: str
) -> None:
    assert text_of(ticket(shown)).text == said


async def test_without_a_bundle_everything_goes_to_people(serving: Serving) -> None:
    ((labels, _),) = serving.classify([ticket("发票")])
    assert labels.abstained
    assert labels.bundle == ""


async def test_a_database_that_was_away_is_asked_again(serving: Serving, table: Bundles) -> None:
    table.failures = [Temporary("away")]
    with pytest.raises(Temporary):
        await serving.refresh()
    await serving.refresh()
    assert serving.classify([ticket("发票")])[0][0] == SURE


async def test_a_refused_bundle_leaves_the_last_good_one(
    serving: Serving, table: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    await serving.refresh()

    async def next_champion() -> str:
        return "b2"

    def refuse(*_: object) -> None:
        raise Permanent("damaged")

    monkeypatch.setattr(table, "champion", next_champion)
    monkeypatch.setattr("workers.learning.serving.bundles.unpack", refuse)
    await serving.refresh()
    assert serving.classify([ticket("发票")])[0][0] == SURE
