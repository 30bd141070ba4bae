"""Pictures made anew, sound that plays, and what neither is."""

import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image

from models.message import Attachment
from tests.contract.desk.conftest import Answer, Visit
from tests.contract.desk.makers import picture
from tests.contract.desk.world import World


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 60,000 × 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def shown(house: World, visit: Visit, content: bytes, mime: str, **headers: str) -> Answer:
    digest = hashlib.sha256(content).hexdigest()
    file = Attachment(id="a1", name="x", mime=mime, size=len(content), sha256=digest)
    await house.store.blobs.put({digest: content})
    me = await house.person("li")
    ticket = await house.ticket(attachments=(file,))
    await house.give(ticket, me)
    desk = await visit("li")
    message = (await desk.get(f"/tickets/{ticket}")).json["messages"][0]
    place = f"/tickets/{ticket}/messages/{message['id']}/attachments/a1/preview"
    return await desk.get(place, headers=headers)


async def test_a_picture_is_made_anew_and_small(house: World, visit: Visit) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "at home, 31.2N 121.5E"
    sent = picture(exif=exif)
    assert b"at home" in sent
    answer = await shown(house, visit, sent, "image/jpeg")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert b"at home" not in answer.raw
    with Image.open(io.BytesIO(answer.raw)) as made:
        assert made.size == (360, 640)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP"])
async def test_every_kind_of_picture(house: World, visit: Visit, kind: str) -> None:
    answer = await shown(house, visit, picture(kind, (40, 30)), f"image/{kind.lower()}")
    with Image.open(io.BytesIO(answer.raw)) as made:
        assert made.size == (40, 30)


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "image/svg+xml"),
        (b"<script>1</script>", "text/html"),
        (picture()[:2000], "image/jpeg"),
        (b"", "image/png"),
        (bomb(), "image/png"),
        (picture("TIFF", (10, 10)), "image/png"),  # a decoder that is not asked for
        (b"#!AMR\n", "audio/amr"),  # no browser plays it
    ],
)
async def test_what_is_no_picture(house: World, visit: Visit, content: bytes, mime: str) -> None:
    assert (await shown(house, visit, content, mime)).status == 404


async def test_sound_is_played_as_it_is(house: World, visit: Visit) -> None:
    answer = await shown(house, visit, b"OggS" + bytes(60), "audio/ogg")
    assert answer.raw == b"OggS" + bytes(60)
    assert answer.headers["Content-Type"] == "audio/ogg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        ("bytes=0-1", 206, 0, 1),  # what Safari asks first, and plays nothing without
        ("bytes=2-", 206, 2, 63),
        ("bytes=-4", 206, 60, 63),
        ("bytes=60-900", 206, 60, 63),
        ("bytes=64-", 416, 0, 0),
        ("bytes=0-1,4-5", 200, 0, 63),
        ("lines=0-1", 200, 0, 63),
    ],
)
async def test_sound_is_given_in_parts(
    house: World, visit: Visit, wanted: str, status: int, first: int, last: int
) -> None:
    sound = b"OggS" + bytes(range(60))
    answer = await shown(house, visit, sound, "audio/ogg", Range=wanted)
    assert answer.status == status
    assert answer.headers["Accept-Ranges"] == "bytes"
    if status != 416:
        assert answer.raw == sound[first : last + 1]
    span = {206: f"bytes {first}-{last}/64", 416: "bytes */64"}.get(status)
    assert answer.headers.get("Content-Range") == span
