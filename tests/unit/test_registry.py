"""Channels by name: built in, announced by others, or unknown."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from channels import registry
from channels.email import EmailChannel, Options
from models.errors import NotFound
from models.ports import NamesOriginals


def test_mail_is_built_in() -> None:
    channel = registry.create("email", {"port": 0}, b"secret")
    assert isinstance(channel, EmailChannel)
    assert registry.options_model("email") is Options
    assert {"email", "webchat"} <= set(registry.names())


def test_what_came_is_a_file_that_programs_open() -> None:
    for name, ending in {"email": "eml", "webchat": "json", "ingest": "json"}.items():
        channel = registry.create(name, {}, b"")
        assert isinstance(channel, NamesOriginals)
        assert channel.original_ending == ending


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(NotFound, match=", ".join(sorted(registry.BUILT_IN))):
        registry.create("fax", {}, b"")


def test_others_announce_theirs_but_cannot_take_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    announced = [
        EntryPoint("fax", "channels.email:create", registry.GROUP),
        EntryPoint("email", "nowhere:create", registry.GROUP),
    ]

    def points(**wanted: Any) -> list[EntryPoint]:
        return announced if wanted == {"group": registry.GROUP} else []

    monkeypatch.setattr(registry, "entry_points", points)
    assert registry.names() == sorted({*registry.BUILT_IN, "fax"})
    assert isinstance(registry.create("fax", {}, b""), EmailChannel)
    assert isinstance(registry.create("email", {}, b""), EmailChannel)
