"""Who wrote what a group sends on under its own address."""

import pytest

from channels.email import create
from tests.unit.letters import SECRET, mail, normalize, read

GROUP = "Support@Example.com"
SENT_ON = {
    "From": f"王芳 via Support <{GROUP}>",
    "X-Original-From": "王芳 <wang@customer.example>",
    "Reply-To": "王芳 <wang@customer.example>",
    "Mailing-list": "list support@example.com; contact support+owners@example.com",
    "List-ID": "<support.example.com>",
}


def test_of_a_group_that_is_ours_the_author_is_the_customer() -> None:
    message = read(mail(**SENT_ON))
    assert (message.sender.email, message.sender.name) == ("wang@customer.example", "王芳")
    assert (message.auto, message.meta["no_auto"]) == ("list", "list")
    assert message.reply_route is not None
    assert message.reply_route.address == "wang@customer.example"


def test_what_is_proven_of_the_group_is_proven_of_nobody_who_writes_to_it() -> None:
    reporting = create(
        {
            "mailboxes": [{"address": "support@example.com", "account": "support"}],
            "verifying_peers": ["192.0.2.0/24"],
            "authserv_id": "mx.example.com",
        },
        SECRET,
    )
    for said, level in {"pass": "claimed", "fail": "failed", "none": "claimed"}.items():
        result = f"mx.example.com; dmarc={said} header.from=example.com"
        raw = mail(**SENT_ON, **{"Authentication-Results": result})
        trust = normalize(raw, reporting, peer="192.0.2.7").message.trust
        assert (trust.level, trust.proves) == (level, ())
    # Where servers of ours refuse forgeries, they have looked at From as well.
    assert read(mail(**SENT_ON), peer="192.0.2.7").trust.level == "claimed"
    assert read(mail(From=GROUP), peer="192.0.2.7").trust.level == "verified"


@pytest.mark.parametrize(
    "changed",
    [
        # Everybody can write the header: it is a group's only where the group is in From.
        {"Mailing-list": "list other@example.com; contact other+owners@example.com"},
        {"Mailing-list": "list xsupport@example.com.evil; contact x"},
        {"X-Original-From": "nobody"},
        {"X-Original-From": ""},
    ],
)
def test_others_are_who_is_in_from(changed: dict[str, str]) -> None:
    message = read(mail(**(SENT_ON | changed)))
    assert (message.sender.email, message.auto) == (GROUP, "self")


def test_whoever_has_a_group_of_their_own_writes_as_nobody_else() -> None:
    theirs = {"From": "x@evil.example", "Mailing-list": "list x@evil.example; contact y"}
    assert read(mail(**(SENT_ON | theirs))).sender.email == "x@evil.example"


def test_a_name_that_is_an_address_is_not_shown() -> None:
    named = SENT_ON | {"X-Original-From": '"ceo@bank.example" <wang@customer.example>'}
    assert read(mail(**named)).sender.name == ""
