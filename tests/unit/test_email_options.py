"""Settings of the e-mail channel: every one explained, bad ones refused with the remedy."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from channels.email import EmailChannel, Mailbox, Options, Relay, create
from models.ports import Channel


@pytest.mark.parametrize("model", [Options, Mailbox, Relay])
def test_every_setting_is_explained_in_both_languages(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert " / " in field.description, name


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"mailboxes": [{"address": "no address"}]}, "service@example.com"),
        ({"mailboxes": [{"address": "a@b.example"}, {"address": "A@B.example"}]}, "twice"),
        ({"mailboxes": []}, "at least 1"),
        ({"certificate": "cert.pem"}, "key"),
        ({"prot": 25}, "prot"),
        ({"relay": {"host": "h", "security": "ssl"}}, "starttls"),
    ],
)
def test_bad_settings_name_the_key_and_the_remedy(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        create(options, b"")


def test_ready_says_what_is_missing() -> None:
    channel: Channel = create({}, b"")
    reason = channel.ready()
    assert reason is not None
    assert "relay" in reason
    assert create({"relay": {"host": "localhost"}}, b"").ready() is None


def test_the_relays_password_is_not_printed() -> None:
    assert "hunter2" not in repr(Relay.model_validate({"host": "h", "password": "hunter2"}))


def test_it_is_a_mail_channel_that_is_parsed_apart() -> None:
    assert (EmailChannel.name, EmailChannel.lane.value, EmailChannel.isolated) == (
        "email",
        "mail",
        True,
    )
