"""Mail inside its signature, which is read without any key."""

import datetime
from base64 import encodebytes

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from channels.email.smime import signed_content
from tests.unit.letters import normalize, read

INNER = (
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    "Content-Type: text/plain; charset=utf-8\r\n\r\n请按合同办理。\r\n--b\r\n"
    "Content-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename=contract.pdf\r\n\r\n%PDF-1.4 x\r\n--b--\r\n"
).encode()


def signed(content: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "z")])
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2034))
    ).sign(key, hashes.SHA256())
    builder = pkcs7.PKCS7SignatureBuilder(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def element(tag: int, *content: bytes) -> bytes:
    """With its end marked behind it, as programs write that do not know the length yet."""
    return bytes([tag, 0x80]) + b"".join(content) + b"\0\0"


def short(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def streamed(octets: bytes) -> bytes:
    data = bytes.fromhex("06092a864886f70d010701")
    digests = element(0x31, element(0x30, short(0x06, b"\x2b")))
    body = element(0x30, data, element(0xA0, octets))
    signed_data = element(0x30, short(0x02, b"\1"), digests, body)
    return element(0x30, bytes.fromhex("06092a864886f70d010702"), element(0xA0, signed_data))


def mail(packed: bytes, kind: str = "application/pkcs7-mime; smime-type=signed-data") -> bytes:
    head = (
        f"From: z@customer.example\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=smime.p7m\r\n\r\n"
    )
    return head.encode() + encodebytes(packed)


def test_what_was_signed_is_read_with_its_files() -> None:
    packed = signed(INNER)
    assert signed_content(packed) == INNER
    message, contents = normalize(mail(packed))
    (file,) = message.attachments
    assert (message.text, file.name) == ("请按合同办理。", "contract.pdf")
    assert contents[file.sha256 or ""] == b"%PDF-1.4 x"


def test_the_name_is_enough() -> None:
    packed = signed(b"Content-Type: text/plain\r\n\r\nCancel order 9.")
    assert read(mail(packed, "application/octet-stream")).text == "Cancel order 9."


def test_content_in_pieces_without_lengths() -> None:
    pieces = element(0x24, short(0x04, b"Content-"), short(0x04, b"Type: text/plain\r\n\r\nHi"))
    assert signed_content(streamed(pieces)) == b"Content-Type: text/plain\r\n\r\nHi"
    nested = element(0x24, element(0x24, short(0x04, b"a")), short(0x24, short(0x04, b"b")))
    assert signed_content(streamed(nested)) == b"ab"
    assert signed_content(streamed(short(0x04, b"whole"))) == b"whole"


@pytest.mark.parametrize(("times", "text", "files"), [(3, "Hi", []), (4, "", ["smime.p7m"])])
def test_signatures_around_signatures_end(times: int, text: str, files: list[str]) -> None:
    raw = b"Content-Type: text/plain\r\n\r\nHi"
    for _ in range(times):
        raw = mail(signed(raw))
    message = read(raw)
    assert (message.text, [file.name for file in message.attachments]) == (text, files)


_PGP = (
    b"Content-Type: multipart/encrypted; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    b"--x\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n--x--"
)
_ARMOR = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----"
_IN_WORDS = "\r\n您好，正文已加密：\r\n\r\n".encode() + _ARMOR + "\r\n\r\n发自我的 iPhone".encode()
_DISCLAIMER = (
    "本邮件含有保密信息，如果您错收了本邮件，请立即通知发件人并删除，禁止以任何形式使用。".encode()
)
_FOOTER = b"--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + _DISCLAIMER + b"\r\n--x--"
_PROTECTED = (
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nRead it at https://a.example\r\n"
    b"--x\r\nContent-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\r\n"
    b"\r\nx\r\n--x--"
)
_FILE = b"Content-Type: application/octet-stream; name=order.pdf.gpg\r\n\r\nx"
_WITH_WORDS = (
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\nMy order is in the file.\r\n--x\r\n" + _FILE + b"\r\n--x--"
)


@pytest.mark.parametrize(
    ("raw", "encrypted"),
    [
        (_PGP, True),
        (mail(b"\x30\x80\x06\x09"), True),
        (b"\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----", True),
        (_FILE, True),
        (_WITH_WORDS, False),
        (_PGP.replace(b"--x--", _FOOTER), True),
        (_PGP.replace(b"--x--", _FOOTER.replace(_DISCLAIMER, "内容见附件。".encode())), False),
        (_PROTECTED, True),
        (_IN_WORDS, True),
        (b"\r\nThanks\r\n\r\nOn 1/1/24 12:00, Support wrote:\r\n> " + _ARMOR, False),
        (mail(signed(INNER)), False),
        (b"\r\nWhat does -----BEGIN PGP MESSAGE----- mean?", False),
    ],
)
def test_what_only_a_key_can_read_is_known_as_that(raw: bytes, encrypted: bool) -> None:
    assert read(raw).meta.get("encrypted", False) is encrypted


@pytest.mark.parametrize(
    "packed", [b"", b"0", b"%PDF", b"\x30\x80" * 9, streamed(short(0x04, b"x" * 9))[:40]]
)
def test_what_is_no_signature_is_a_file(packed: bytes) -> None:
    assert not signed_content(packed)
    message = read(mail(packed))
    assert [file.name for file in message.attachments] == ["smime.p7m"]


@given(st.binary(max_size=200), st.integers(0, 60))
def test_nothing_raises(noise: bytes, kept: int) -> None:
    signed_content(noise)
    signed_content(streamed(short(0x04, b"whole"))[:kept] + noise)
