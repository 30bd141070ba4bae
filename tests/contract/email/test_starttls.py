"""STARTTLS: offered with a certificate, and nothing said before it counts after it."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.certificate import write_pair
from tests.contract.email.conftest import Client


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_pair(tmp_path_factory.mktemp("tls"))


async def upgrade(client: Client) -> Client:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    await client.writer.start_tls(context)
    return client


async def test_a_mail_over_tls(listen: Any, certificate: dict[str, Path]) -> None:
    at = await listen(**certificate)
    client = await at.connect()
    assert "250-STARTTLS" in await client.say("EHLO c")
    assert (await client.say("STARTTLS")).startswith("220")
    await upgrade(client)
    greeting = await client.say("EHLO client.example")
    assert "STARTTLS" not in greeting
    assert "AUTH" not in greeting
    await client.begin()
    assert (await client.say(b"Subject: s\r\n\r\nsecret\r\n.\r\n")).startswith("250 2.0.0")
    ((envelope,),) = at.store.calls
    assert envelope.transport["tls"] == "TLSv1.3"


async def test_commands_injected_before_tls_are_dropped(
    listen: Any, certificate: dict[str, Path]
) -> None:
    at = await listen(**certificate)
    client = await at.connect()
    await client.say("EHLO c")
    injected = b"EHLO evil\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<support@example.com>\r\n"
    assert (await client.say(b"STARTTLS\r\n" + injected)).startswith("220")
    await upgrade(client)
    assert (await client.say("MAIL FROM:<a@b.example>")).startswith("503")
    await client.say("EHLO c")
    assert (await client.say("DATA")).startswith("503")


async def test_a_broken_handshake_ends_the_connection(
    listen: Any, certificate: dict[str, Path]
) -> None:
    at = await listen(**certificate)
    client = await at.connect()
    await client.say("EHLO c")
    await client.say("STARTTLS")
    client.writer.write(b"no handshake at all\r\n")
    assert b"250" not in await client.rest()
    await asyncio.sleep(0.02)
    assert not at.server.connections


async def test_without_a_certificate_it_is_not_offered(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    assert "STARTTLS" not in await client.say("EHLO c")
    assert (await client.say("STARTTLS")).startswith("454")


async def test_who_never_begins_tls_keeps_no_place(
    listen: Any, certificate: dict[str, Path]
) -> None:
    at = await listen(idle_seconds=0.3, **certificate)
    client = await at.connect()
    await client.say("EHLO c")
    assert (await client.say("STARTTLS")).startswith("220")
    assert await client.rest() == b""
    async with asyncio.timeout(5):
        while at.server.connections:
            await asyncio.sleep(0.02)


async def _shown(at: Any) -> bytes:
    """The certificate that a new connection is shown, with its name in it."""
    client = await at.connect()
    await client.say("EHLO c")
    assert (await client.say("STARTTLS")).startswith("220")
    await upgrade(client)
    assert (await client.say("EHLO c")).startswith("250")
    shown = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert isinstance(shown, bytes)
    return shown


async def test_a_renewed_certificate_serves_without_a_restart(listen: Any, tmp_path: Path) -> None:
    pair = write_pair(tmp_path, "old.example.com")
    at = await listen(**pair)
    assert b"old.example.com" in await _shown(at)
    write_pair(tmp_path, "new.example.com")
    assert b"new.example.com" in await _shown(at)


async def test_half_of_a_renewal_keeps_the_old_certificate_until_the_rest_has_come(
    listen: Any, tmp_path: Path
) -> None:
    pair = write_pair(tmp_path, "old.example.com")
    at = await listen(**pair)
    (tmp_path / "renewed").mkdir()
    renewed = write_pair(tmp_path / "renewed", "new.example.com")
    renewed["certificate"].replace(pair["certificate"])
    assert b"old.example.com" in await _shown(at)
    pair["key"].unlink()
    assert b"old.example.com" in await _shown(at)
    renewed["key"].replace(pair["key"])
    assert b"new.example.com" in await _shown(at)
