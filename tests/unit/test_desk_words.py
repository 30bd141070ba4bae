"""The page's words: complete in both languages, and none used that is not there."""

import json
import re
from pathlib import Path

import pytest

from desk import app
from models import store
from models.events import KINDS
from models.message import InboundMessage

WEB = Path(app.__file__).parent / "web"


@pytest.fixture(scope="module")
def words() -> dict[str, list[str]]:
    source = (WEB / "words.js").read_text(encoding="utf-8")
    table = source.split("WORDS =", 1)[1].strip().removesuffix(";")
    found: dict[str, list[str]] = json.loads(table)
    return found


def sources() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in WEB.glob("*.js") if path.name != "words.js"
    )


def test_every_word_is_there_in_both_languages(words: dict[str, list[str]]) -> None:
    for key, pair in words.items():
        assert len(pair) == 2, key
        assert all(text.strip() for text in pair), key
        chinese, english = (set(re.findall(r"\{(\w+)\}", text)) for text in pair)
        assert chinese == english, key


def test_every_word_asked_for_is_there(words: dict[str, list[str]]) -> None:
    asked = set(re.findall(r'\bt\("([^"]+)"', sources()))
    assert len(asked) > 50
    assert asked <= words.keys()


def test_every_family_of_words_is_there(words: dict[str, list[str]]) -> None:
    families = re.findall(r"\bt\(`([a-z.]+)\$\{", sources())
    for family in families:
        assert any(key.startswith(family) for key in words), family


def test_no_word_is_left_over(words: dict[str, list[str]]) -> None:
    text = sources()
    families = tuple(re.findall(r"`([a-z.]+\.)\$\{", text))
    unused = {key for key in words if f'"{key}"' not in text and not key.startswith(families)}
    assert unused == set()


def test_every_event_of_a_ticket_has_words(words: dict[str, list[str]]) -> None:
    shown = {kind for kind in KINDS if kind.startswith(("ticket.", "message.", "conversation."))}
    for path in Path(store.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        shown |= set(re.findall(r'audit\([^,]+, "(ticket\.[a-z_.]+)"', source))
    assert {"ticket.assigned", "ticket.decline"} <= shown
    assert {f"history.{kind}" for kind in shown} <= words.keys()


def test_what_a_message_can_be_has_words(words: dict[str, list[str]]) -> None:
    autos = InboundMessage.model_fields["auto"].annotation.__args__  # type: ignore[union-attr]
    assert {f"auto.{auto}" for auto in autos if auto != "none"} <= words.keys()


def test_the_page_makes_no_markup_from_text() -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc"
    assert not re.search(forbidden, sources())


def test_the_page_asks_nobody_else() -> None:
    everything = sources() + "".join(
        (WEB / name).read_text(encoding="utf-8") for name in ("index.html", "desk.css")
    )
    everything = everything.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.findall(r"https?://[^\s\"'`]+", everything)
