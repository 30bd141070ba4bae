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


def _once(pairs: list[tuple[str, list[str]]]) -> dict[str, list[str]]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.fixture(scope="module")
def topics() -> dict[str, dict[str, list[str]]]:
    """The words of each file."""
    found = {}
    for path in sorted(WEB.glob("*.words.js")):
        table = path.read_text(encoding="utf-8").split("WORDS =", 1)[1].strip().removesuffix(";")
        found[path.name.split(".")[0]] = json.loads(table, object_pairs_hook=_once)
    return found


@pytest.fixture(scope="module")
def words(topics: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    return {key: pair for topic in topics.values() for key, pair in topic.items()}


def sources() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in WEB.glob("*.js")
        if not path.name.endswith("words.js")
    )


def test_the_page_has_the_words_of_every_topic_and_each_word_once(
    topics: dict[str, dict[str, list[str]]], words: dict[str, list[str]]
) -> None:
    gathered = (WEB / "words.js").read_text(encoding="utf-8")
    assert {
        name
        for name, file in re.findall(r'as (\w+) \} from "./(\w+).words.js"', gathered)
        if name == file
    } == topics.keys()
    assert set(re.findall(r"\.\.\.(\w+),", gathered)) == topics.keys()
    assert sum(map(len, topics.values())) == len(words) > 700


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
    for path in Path(store.__file__).parent.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        shown |= set(re.findall(r'audit\([^,]+, "(ticket\.[a-z_.]+)"', source))
    assert {"ticket.assigned", "ticket.decline"} <= shown
    assert {f"history.{kind}" for kind in shown} <= words.keys()


_NO_ACTIONS = {"transfer.timeout", "message.in"}
"""Named in modules that write the audit, and neither an action nor an event."""


def test_everything_that_is_written_down_has_words(words: dict[str, list[str]]) -> None:
    """Each action of the audit, wherever it is written, and each family of them as a choice."""
    root, certain, perhaps = Path(app.__file__).parents[1], set(), set()
    for path in (file for part in ("models", "desk") for file in (root / part).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "audit" in source:
            certain |= set(re.findall(r'audit(?:ed)?\([^"()]*"([a-z_]+\.[a-z_]+)"', source))
            perhaps |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', source))
    columns = {name for name in perhaps if name.endswith((".id", ".name"))}
    told = {
        key.removeprefix("audit.") for key in words if re.fullmatch(r"audit(\.[a-z_]+){2}", key)
    }
    told = {action for action in told if not action.startswith(("family.", "detail.", "subject."))}
    assert certain | (perhaps - KINDS.keys() - columns - _NO_ACTIONS) <= told
    assert told <= perhaps | {"session.grant", "token.grant"}
    choices = (WEB / "audit.js").read_text(encoding="utf-8").split("FAMILIES = [")[1].split("]")[0]
    assert set(re.findall(r'"([a-z_]+)"', choices)) == {action.split(".")[0] for action in told}


def test_what_a_message_can_be_has_words(words: dict[str, list[str]]) -> None:
    autos = InboundMessage.model_fields["auto"].annotation.__args__  # type: ignore[union-attr]
    assert {f"auto.{auto}" for auto in autos if auto != "none"} <= words.keys()


def test_the_page_makes_no_markup_from_text() -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc"
    assert not re.search(forbidden, sources())


def test_the_page_asks_nobody_else() -> None:
    others = (WEB / "index.html", *WEB.glob("*.css"))
    everything = sources() + "".join(path.read_text(encoding="utf-8") for path in others)
    everything = everything.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.findall(r"https?://[^\s\"'`]+", everything)


def test_the_page_loads_every_style_sheet_once() -> None:
    """In this order: what holds on narrow pages stands behind what it changes."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'rel="stylesheet" href="/desk/([^"]+)"', page)
    assert sorted(loaded) == sorted(path.name for path in WEB.glob("*.css"))
    assert (loaded[0], loaded.index("narrow.css") > loaded.index("dialogs.css")) == (
        "frame.css",
        True,
    )
