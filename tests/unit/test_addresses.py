"""Which addresses outsiders may have us ask."""

from ipaddress import ip_network

import pytest

from models.addresses import within_reach

OFFICE = (ip_network("10.1.2.0/24"), ip_network("fd00:1::/32"))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.4.4", True),
        ("2001:4860:4860::8844", True),
        ("64:ff9b::808:404", True),
        ("10.1.2.3", True),
        ("fd00:1::5", True),
        ("fd00:1::5%eth0", True),
        ("::ffff:10.1.2.3", True),
        ("10.1.3.3", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("224.0.0.1", False),
        ("239.1.2.3", False),
        ("::", False),
        ("::1", False),
        ("::1%lo", False),
        ("::ffff:127.0.0.1%lo", False),
        ("fe80::1%eth0", False),
        ("fd00:2::5", False),
        ("ff0e::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("a name", False),
    ],
)
def test_the_internet_and_what_is_allowed_and_nothing_else(address: str, allowed: bool) -> None:
    assert within_reach(address, OFFICE) is allowed
